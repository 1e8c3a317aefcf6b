-- Sessions and links that are over are removed at intervals.
CREATE INDEX sessions_expires_at ON sessions (expires_at);
CREATE INDEX sign_in_links_expires_at ON sign_in_links (expires_at);
