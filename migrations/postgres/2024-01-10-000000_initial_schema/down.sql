DROP TABLE k8s_cluster_configs;
DROP TABLE customers;
DROP TABLE users;
