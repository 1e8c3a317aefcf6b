-- Users have a role.
ALTER TABLE users
    ADD COLUMN role TEXT NOT NULL DEFAULT 'USER' CONSTRAINT users_role_check CHECK (role IN ('USER', 'ADMIN'));
