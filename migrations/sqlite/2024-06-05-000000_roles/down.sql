-- Administrators become plain users: a role forgotten is safer than a role invented.
CREATE TABLE new_users (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT,
    email TEXT CONSTRAINT users_email_key UNIQUE,
    image TEXT
);
INSERT INTO new_users SELECT id, name, email, image FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
