-- Proofs that a reference was not on a list (lfrd.audit.absence). The private key is sealed under the
-- key of the listings in keys.db; the newest one is in use.
CREATE TABLE absence_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_key BLOB NOT NULL UNIQUE,
    sealed_private_key BLOB NOT NULL,
    at_s REAL NOT NULL
) STRICT;

-- The hash of the signature of an entry's reference, and which key made it; NULL: not made yet.
ALTER TABLE entry ADD COLUMN absence_mark BLOB CHECK (length(absence_mark) = 32);
ALTER TABLE entry ADD COLUMN absence_key_id INTEGER;

-- Everybody who was on a list while a deployment compared with it, or at one moment where there was
-- no deployment. The ids are of lists and deployments that may be gone.
CREATE TABLE absence_set (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    watchlist_id TEXT NOT NULL,
    deployment_id TEXT,
    key_id INTEGER NOT NULL REFERENCES absence_key (id),
    salt BLOB NOT NULL CHECK (length(salt) = 16),
    at_s REAL NOT NULL,
    UNIQUE (deployment_id, watchlist_id)
) STRICT;

-- What the log commits to, by leaf: a set only grows, and each time it did it has another root.
-- `roots` are those of the 256 subtrees below the uppermost eight levels.
CREATE TABLE absence_root (
    leaf INTEGER PRIMARY KEY,
    set_id INTEGER NOT NULL REFERENCES absence_set (id) ON DELETE CASCADE,
    roots BLOB NOT NULL CHECK (length(roots) = 8192)
) STRICT;
CREATE INDEX absence_root_set ON absence_root (set_id);

CREATE TABLE absence_position (
    set_id INTEGER NOT NULL REFERENCES absence_set (id) ON DELETE CASCADE,
    position BLOB NOT NULL CHECK (length(position) = 16),
    since_leaf INTEGER NOT NULL,
    PRIMARY KEY (set_id, position)
) STRICT, WITHOUT ROWID;
