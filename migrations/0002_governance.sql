-- Authority, rules and ends: what a deployment was allowed, what is kept how long, what was erased.

-- A standing authorisation: deployments of a week's windows start under it until it expires.
-- `plan` and `windows` are JSON text.
CREATE TABLE schedule (
    id TEXT PRIMARY KEY,
    plan TEXT NOT NULL CHECK (json_valid(plan)),
    windows TEXT NOT NULL CHECK (json_valid(windows)),
    timezone TEXT NOT NULL CHECK (timezone <> ''),
    created_at_s REAL NOT NULL,
    expires_at_s REAL NOT NULL CHECK (expires_at_s > created_at_s),
    authorised_at_s REAL,
    authorised_by TEXT,
    revoked_at_s REAL,
    revoked_by TEXT,
    principal TEXT NOT NULL,
    CHECK ((authorised_at_s IS NULL) = (authorised_by IS NULL)),
    CHECK ((revoked_at_s IS NULL) = (revoked_by IS NULL))
) STRICT;

-- `policy` is the rules as they were when it was planned: they stay its rules to the end.
ALTER TABLE deployment ADD COLUMN policy TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(policy));
ALTER TABLE deployment ADD COLUMN policy_digest TEXT NOT NULL DEFAULT '';
ALTER TABLE deployment ADD COLUMN expectation TEXT NOT NULL DEFAULT '';
ALTER TABLE deployment ADD COLUMN documents TEXT NOT NULL DEFAULT '[]'
    CHECK (json_valid(documents));
ALTER TABLE deployment ADD COLUMN watchlist_ids TEXT NOT NULL DEFAULT '[]'
    CHECK (json_valid(watchlist_ids));
ALTER TABLE deployment ADD COLUMN camera_ids TEXT NOT NULL DEFAULT '[]'
    CHECK (json_valid(camera_ids));
ALTER TABLE deployment ADD COLUMN planned_start_at_s REAL;
ALTER TABLE deployment ADD COLUMN urgent_reason TEXT;
ALTER TABLE deployment ADD COLUMN ratify_by_at_s REAL;
ALTER TABLE deployment ADD COLUMN ratified_at_s REAL;
ALTER TABLE deployment ADD COLUMN ratified_by TEXT;
ALTER TABLE deployment ADD COLUMN schedule_id TEXT REFERENCES schedule (id);
CREATE UNIQUE INDEX deployment_of_schedule ON deployment (schedule_id, planned_start_at_s)
    WHERE schedule_id IS NOT NULL;

ALTER TABLE deployment_watchlist ADD COLUMN changes INTEGER NOT NULL DEFAULT 0
    CHECK (changes >= 0);
ALTER TABLE deployment_watchlist ADD COLUMN changed_at_s REAL;

-- The commitment stays when the face is gone: it says what was sealed here, and shows nothing.
ALTER TABLE episode ADD COLUMN faces_salt BLOB CHECK (length(faces_salt) = 16);
ALTER TABLE episode ADD COLUMN faces_commitment BLOB CHECK (length(faces_commitment) = 32);
ALTER TABLE episode ADD COLUMN faces_erased_at_s REAL;

-- In force from the second person's confirmation until somebody releases it.
CREATE TABLE legal_hold (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('episode', 'deployment', 'person', 'watchlist')),
    subject_id TEXT NOT NULL,
    reason TEXT NOT NULL CHECK (reason <> ''),
    asked_at_s REAL NOT NULL,
    principal TEXT NOT NULL,
    confirmed_at_s REAL,
    confirmed_by TEXT,
    released_at_s REAL,
    released_by TEXT,
    release_reason TEXT,
    CHECK ((confirmed_at_s IS NULL) = (confirmed_by IS NULL)),
    CHECK ((released_at_s IS NULL) = (released_by IS NULL)),
    CHECK (confirmed_by IS NULL OR confirmed_by <> principal)
) STRICT;
CREATE INDEX legal_hold_subject ON legal_hold (subject_id) WHERE released_at_s IS NULL;

-- An erasure from its first step to its receipt. A crash in between is gone on from.
CREATE TABLE erasure (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('watchlist', 'entry', 'photo', 'person', 'deployment',
        'episodes', 'snapshot')),
    subject_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('asked', 'deleted', 'done')),
    asked_at_s REAL NOT NULL,
    principal TEXT NOT NULL,
    entries INTEGER NOT NULL DEFAULT 0,
    templates INTEGER NOT NULL DEFAULT 0,
    images INTEGER NOT NULL DEFAULT 0,
    episodes INTEGER NOT NULL DEFAULT 0,
    done_at_s REAL,
    leaf_id INTEGER,
    CHECK ((state = 'done') = (done_at_s IS NOT NULL))
) STRICT;
CREATE INDEX erasure_open ON erasure (asked_at_s) WHERE state <> 'done';
CREATE INDEX erasure_subject ON erasure (subject_id);

-- What is on hold cannot be deleted, by whatever way it is tried.
CREATE TRIGGER watchlist_on_hold BEFORE DELETE ON watchlist
WHEN EXISTS (SELECT 1 FROM legal_hold WHERE subject_id = OLD.id AND confirmed_at_s IS NOT NULL
    AND released_at_s IS NULL)
BEGIN SELECT RAISE(ABORT, 'on legal hold: release the hold first'); END;

CREATE TRIGGER entry_on_hold BEFORE DELETE ON entry
WHEN EXISTS (SELECT 1 FROM legal_hold WHERE subject_id IN (OLD.person_id, OLD.watchlist_id)
    AND confirmed_at_s IS NOT NULL AND released_at_s IS NULL)
BEGIN SELECT RAISE(ABORT, 'on legal hold: release the hold first'); END;

CREATE TRIGGER reference_image_on_hold BEFORE DELETE ON reference_image
WHEN EXISTS (SELECT 1 FROM legal_hold JOIN entry ON entry.id = OLD.entry_id
    WHERE subject_id IN (entry.person_id, entry.watchlist_id)
    AND confirmed_at_s IS NOT NULL AND released_at_s IS NULL)
BEGIN SELECT RAISE(ABORT, 'on legal hold: release the hold first'); END;

-- Whatever way a list, an entry or a photo is deleted, its erasure is open until the files are
-- clean and the receipt is written. What went with its parent has its parent's.
CREATE TRIGGER watchlist_erased AFTER DELETE ON watchlist
WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE subject_id = OLD.id AND state <> 'done')
BEGIN
    INSERT INTO erasure (id, kind, subject_id, reason, state, asked_at_s, principal)
    VALUES (lower(hex(randomblob(16))), 'watchlist', OLD.id, 'deleted', 'deleted',
        coalesce((SELECT at_s FROM audit_leaf ORDER BY id DESC LIMIT 1), OLD.created_at_s),
        'system');
END;

CREATE TRIGGER entry_erased AFTER DELETE ON entry
WHEN EXISTS (SELECT 1 FROM watchlist WHERE id = OLD.watchlist_id)
    AND NOT EXISTS (SELECT 1 FROM erasure WHERE subject_id IN (OLD.id, OLD.person_id)
        AND state <> 'done')
BEGIN
    INSERT INTO erasure (id, kind, subject_id, reason, state, asked_at_s, principal)
    VALUES (lower(hex(randomblob(16))), 'entry', OLD.id, 'deleted', 'deleted',
        coalesce((SELECT at_s FROM audit_leaf ORDER BY id DESC LIMIT 1), OLD.added_at_s),
        'system');
END;

CREATE TRIGGER reference_image_erased AFTER DELETE ON reference_image
WHEN EXISTS (SELECT 1 FROM entry WHERE id = OLD.entry_id)
    AND NOT EXISTS (SELECT 1 FROM erasure WHERE subject_id = OLD.id AND state <> 'done')
BEGIN
    INSERT INTO erasure (id, kind, subject_id, reason, state, asked_at_s, principal)
    VALUES (lower(hex(randomblob(16))), 'photo', OLD.id, 'deleted', 'deleted',
        coalesce((SELECT at_s FROM audit_leaf ORDER BY id DESC LIMIT 1), OLD.added_at_s),
        'system');
END;
