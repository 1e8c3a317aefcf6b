-- All users lose their role. Migrating up again makes every user a plain user, which is the safe default.
CREATE TABLE new_users (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT,
    email TEXT CONSTRAINT users_email_key UNIQUE,
    image TEXT
);
INSERT INTO new_users SELECT id, name, email, image FROM users;
DROP TABLE users;
ALTER TABLE new_users RENAME TO users;
