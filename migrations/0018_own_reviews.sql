-- Which episodes somebody decided about, read from the index alone.
DROP INDEX review_principal;
CREATE INDEX review_principal ON review (principal, episode_id);
