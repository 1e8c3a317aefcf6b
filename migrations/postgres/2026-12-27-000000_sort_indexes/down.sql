DROP INDEX users_name_id;
