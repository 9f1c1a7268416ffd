-- Passages of consenting test subjects, counted while a deployment runs, so that the share of them
-- that was raised is known. No face and no name: an entry of a list of category `test`.
CREATE TABLE trial_passage (
    id TEXT PRIMARY KEY,
    deployment_id TEXT NOT NULL REFERENCES deployment (id) ON DELETE CASCADE,
    camera_id TEXT NOT NULL CHECK (camera_id <> ''),
    entry_id TEXT NOT NULL,
    passed_at_s REAL NOT NULL,
    counted_at_s REAL NOT NULL,
    principal TEXT NOT NULL CHECK (principal <> ''),
    UNIQUE (deployment_id, camera_id, entry_id, passed_at_s)
) STRICT;
