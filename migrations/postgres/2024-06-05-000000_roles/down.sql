-- All users lose their role. Migrating up again makes every user a plain user, which is the safe default.
ALTER TABLE users DROP COLUMN role;
