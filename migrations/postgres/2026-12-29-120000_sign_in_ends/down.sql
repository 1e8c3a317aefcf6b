DROP INDEX sign_in_links_expires_at;
DROP INDEX sessions_expires_at;
