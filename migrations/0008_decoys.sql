-- Which episodes are seeded decoys: pictures of consenting lab people, put into the review queue to
-- measure how reviewers decide. `mated`: both pictures show one person, and `match` is right. Faces,
-- key, timers and log are those of any episode; the row goes with it.
CREATE TABLE decoy (
    episode_id TEXT PRIMARY KEY REFERENCES episode (id) ON DELETE CASCADE,
    mated INTEGER NOT NULL CHECK (mated IN (0, 1))
) STRICT;
