-- Pages of alerts, newest first, also of one camera, list, entry or deployment and of a span of time:
-- read from an index, however many episodes there are.
DROP INDEX episode_state;
CREATE INDEX episode_raised ON episode (raised_at_s, id);
CREATE INDEX episode_state ON episode (state, raised_at_s, id);
CREATE INDEX episode_camera ON episode (camera_id, raised_at_s, id);
CREATE INDEX episode_watchlist ON episode (watchlist_id, raised_at_s, id);
CREATE INDEX episode_entry ON episode (entry_id, raised_at_s, id);
CREATE INDEX episode_of_deployment ON episode (deployment_id, raised_at_s, id);
CREATE INDEX review_principal ON review (principal);
