-- The ids of hard-deleted users, so that a token that is still valid does not create the user again.
CREATE TABLE user_tombstones (
    id TEXT PRIMARY KEY,
    deleted_at TIMESTAMP NOT NULL
);

-- Users that were deleted earlier are in the audit log.
INSERT INTO user_tombstones (id, deleted_at)
SELECT entity_id, max(created_at) FROM audit_log
WHERE procedure = 'user.delete' AND entity_id NOT IN (SELECT id FROM users)
GROUP BY entity_id;
