-- The leaf of the log (its index) that says that an episode was raised. Every later leaf about the
-- episode names it, so that the record of a deployment can be computed from the leaves alone.
ALTER TABLE episode ADD COLUMN raised_leaf INTEGER CHECK (raised_leaf >= 0);
