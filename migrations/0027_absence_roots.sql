-- Of a list that a deployment commits to, the 256 roots are kept once, as they are now: what they were at
-- an earlier leaf follows from the positions, which say since which leaf they are in. A list of one
-- deployment took 8 KB more each time that somebody was put on it.
ALTER TABLE absence_set ADD COLUMN leaf INTEGER NOT NULL DEFAULT 0;
ALTER TABLE absence_set ADD COLUMN roots BLOB NOT NULL DEFAULT x'' CHECK (length(roots) IN (0, 8192));
UPDATE absence_set SET (leaf, roots) = (
    SELECT absence_root.leaf, absence_root.roots FROM absence_root
    WHERE set_id = absence_set.id ORDER BY absence_root.leaf DESC LIMIT 1
);
DROP TABLE absence_root;
