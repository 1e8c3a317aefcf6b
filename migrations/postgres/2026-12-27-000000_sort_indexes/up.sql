-- The list of users for admins by name. A user without a name is shown, and so sorted, by the id. Users change seldom, and
-- clusters have no such index, because every change of a cluster would have to write it.
CREATE INDEX users_name_id ON users (lower(coalesce(name, id)), id);
