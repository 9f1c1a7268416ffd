-- Who decides: personal tokens, roles, what followed, and what a decision can be recomputed from.

-- Whether somebody may do more than read and decide. Who is not in here is an operator.
CREATE TABLE role (
    subject TEXT PRIMARY KEY CHECK (subject <> ''),
    role TEXT NOT NULL CHECK (role IN ('operator', 'supervisor', 'admin')),
    granted_at_s REAL NOT NULL,
    principal TEXT NOT NULL
) STRICT;

-- A personal token: its secret was shown once and is not in here.
CREATE TABLE token (
    id TEXT PRIMARY KEY,
    holder TEXT NOT NULL CHECK (length(holder) BETWEEN 1 AND 200),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at_s REAL NOT NULL,
    revoked_at_s REAL,
    revoked_by TEXT,
    principal TEXT NOT NULL,
    CHECK ((revoked_at_s IS NULL) = (revoked_by IS NULL))
) STRICT;

-- `escalated_at_s`: the reviewers disagreed, and a supervisor has to decide.
-- `evidence` is JSON text: the rule and the scores of the looks behind the fused score.
ALTER TABLE episode ADD COLUMN escalated_at_s REAL;
ALTER TABLE episode ADD COLUMN evidence TEXT CHECK (json_valid(evidence));
ALTER TABLE review ADD COLUMN supervising INTEGER NOT NULL DEFAULT 0 CHECK (supervising IN (0, 1));

-- What was done about an episode: one outcome, written once.
CREATE TABLE outcome (
    episode_id TEXT PRIMARY KEY REFERENCES episode (id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('stopped', 'no_action', 'arrest', 'safeguarding', 'other')),
    engagement_min REAL NOT NULL CHECK (engagement_min BETWEEN 0 AND 1440),
    complaint INTEGER NOT NULL CHECK (complaint IN (0, 1)),
    note TEXT NOT NULL CHECK (length(note) <= 2000),
    at_s REAL NOT NULL,
    principal TEXT NOT NULL
) STRICT;
