-- Administrators become plain users: a role forgotten is safer than a role invented.
ALTER TABLE users DROP COLUMN role;
