-- Every candidate is an episode of its own; people are told once of an entry that keeps passing a
-- camera. `bundled_with` is the episode whose notification stands for this one too.
ALTER TABLE episode ADD COLUMN bundled_with TEXT;

CREATE INDEX episode_entry_camera ON episode (entry_id, camera_id) WHERE bundled_with IS NULL;
