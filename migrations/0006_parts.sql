-- Each photo, episode and rival has a secret of its own in keys.db, so that erasing one of them
-- closes it in older backups too. What was sealed before is under the key of its list or
-- deployment.
ALTER TABLE reference_image ADD COLUMN own_key INTEGER NOT NULL DEFAULT 0 CHECK (own_key IN (0, 1));
ALTER TABLE episode ADD COLUMN own_key INTEGER NOT NULL DEFAULT 0 CHECK (own_key IN (0, 1));
ALTER TABLE episode_rival ADD COLUMN own_key INTEGER NOT NULL DEFAULT 0 CHECK (own_key IN (0, 1));

-- Whom each entry of the log is about, to be found without reading all of it.
CREATE TABLE audit_link (
    subject_id TEXT NOT NULL,
    leaf_id INTEGER NOT NULL REFERENCES audit_leaf (id),
    PRIMARY KEY (subject_id, leaf_id)
) STRICT, WITHOUT ROWID;
INSERT INTO audit_link (subject_id, leaf_id)
SELECT DISTINCT subject.value, audit_leaf.id FROM audit_leaf, json_each(audit_leaf.subjects) AS subject
WHERE audit_leaf.subjects IS NOT NULL;

CREATE TRIGGER audit_leaf_links AFTER INSERT ON audit_leaf WHEN NEW.subjects IS NOT NULL
BEGIN
    INSERT OR IGNORE INTO audit_link (subject_id, leaf_id)
    SELECT value, NEW.id FROM json_each(NEW.subjects);
END;

CREATE TRIGGER audit_leaf_unlinks AFTER UPDATE OF subjects ON audit_leaf
WHEN OLD.subjects IS NOT NULL AND NEW.subjects IS NULL
BEGIN
    DELETE FROM audit_link WHERE leaf_id = OLD.id
        AND subject_id IN (SELECT value FROM json_each(OLD.subjects));
END;
