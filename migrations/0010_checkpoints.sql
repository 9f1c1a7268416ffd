-- The log as a Merkle tree (RFC 6962): the hashes of leaves are audit_leaf.leaf_hash, leaf n having
-- id n + 1; kept besides are the roots of each 256 leaves (level 8), of each 65,536 (level 16) and so
-- on, written in the transaction that completes them.
CREATE TABLE audit_node (
    level INTEGER NOT NULL CHECK (level > 0 AND level % 8 = 0),
    position INTEGER NOT NULL CHECK (position >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, position)
) STRICT, WITHOUT ROWID;

-- Signed checkpoints; `note` is the whole signed text, cosignatures included.
CREATE TABLE audit_checkpoint (
    size INTEGER PRIMARY KEY CHECK (size > 0),
    at_s REAL NOT NULL,
    root BLOB NOT NULL CHECK (length(root) = 32),
    note TEXT NOT NULL
) STRICT;

-- The public keys that sign it, oldest first; the last one is in use.
CREATE TABLE audit_key (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    public_key TEXT NOT NULL UNIQUE,
    at_s REAL NOT NULL,
    principal TEXT NOT NULL
) STRICT;

-- What is hashed stays. Only the link to whom a leaf is about is ever erased.
CREATE TRIGGER audit_leaf_stays BEFORE DELETE ON audit_leaf
BEGIN SELECT RAISE(ABORT, 'a leaf of the log is never deleted'); END;
CREATE TRIGGER audit_leaf_unchanged
BEFORE UPDATE OF id, at_s, class, principal, action, commitment, payload, leaf_hash ON audit_leaf
BEGIN SELECT RAISE(ABORT, 'a leaf of the log is never changed'); END;

CREATE INDEX audit_leaf_class ON audit_leaf (class);
CREATE INDEX audit_leaf_principal ON audit_leaf (principal);
CREATE INDEX audit_leaf_at ON audit_leaf (at_s);
