-- The sweeper asks every five seconds for the oldest faces, and for episodes that have none any more:
-- without these it reads the whole table.
CREATE INDEX episode_faces ON episode (deployment_id, raised_at_s, id, faces_erased_at_s)
    WHERE faces_erased_at_s IS NULL;
CREATE INDEX episode_faceless ON episode (deployment_id, raised_at_s, id, faces_erased_at_s)
    WHERE faces_erased_at_s IS NOT NULL;
