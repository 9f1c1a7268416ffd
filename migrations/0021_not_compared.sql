-- That a consenting subject passed and no face was compared, as whoever runs the trial noted it.
ALTER TABLE trial_passage ADD COLUMN not_compared INTEGER NOT NULL DEFAULT 0
    CHECK (not_compared IN (0, 1));
