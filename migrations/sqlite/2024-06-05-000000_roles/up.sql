-- Users have a role. The table is rebuilt, because ADD COLUMN would leave a differently formatted text in sqlite_master.
CREATE TABLE new_users (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT,
    email TEXT CONSTRAINT users_email_key UNIQUE,
    image TEXT,
    role TEXT NOT NULL DEFAULT 'USER' CONSTRAINT users_role_check CHECK (role IN ('USER', 'ADMIN'))
);
INSERT INTO new_users (id, name, email, image) SELECT id, name, email, image FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
