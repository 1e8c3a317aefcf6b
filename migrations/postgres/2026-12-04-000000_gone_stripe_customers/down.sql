DROP TABLE gone_stripe_customers;
