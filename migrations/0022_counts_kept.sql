-- What tells why a camera raised nobody outlives the daemon, in all and by camera: numbers, never of one
-- person. And who asked for the pause that the deployment is in; '' where nobody did.
ALTER TABLE run_tally ADD COLUMN paused_by TEXT NOT NULL DEFAULT '';
ALTER TABLE camera_tally ADD COLUMN scene_cuts INTEGER NOT NULL DEFAULT 0 CHECK (scene_cuts >= 0);
ALTER TABLE camera_tally ADD COLUMN below INTEGER NOT NULL DEFAULT 0 CHECK (below >= 0);
ALTER TABLE camera_tally ADD COLUMN raised INTEGER NOT NULL DEFAULT 0 CHECK (raised >= 0);
ALTER TABLE camera_tally ADD COLUMN best_inter_eye_px REAL NOT NULL DEFAULT 0
    CHECK (best_inter_eye_px >= 0);
