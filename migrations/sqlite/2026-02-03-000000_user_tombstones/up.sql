-- The ids of hard-deleted users, so that a token that outlived its user can't bring the row back.
CREATE TABLE user_tombstones (
    id TEXT PRIMARY KEY NOT NULL,
    deleted_at TIMESTAMP NOT NULL
);

-- Who was deleted before this table was there, the audit log knows.
INSERT INTO user_tombstones (id, deleted_at)
SELECT entity_id, max(created_at) FROM audit_log
WHERE procedure = 'user.delete' AND entity_id NOT IN (SELECT id FROM users)
GROUP BY entity_id;
