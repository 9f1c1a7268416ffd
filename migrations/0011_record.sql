-- What the public record of a deployment and the answers to the people on its lists are made of.

-- For how long it ran, and for how long nobody was compared since no operator was present. `software`
-- is a JSON list of versions with their digests. `cut_offs`: so often the daemon came back after a
-- crash, each of which lost the counts of a minute at most; `is_open` while it may still be cut off.
CREATE TABLE run_tally (
    deployment_id TEXT PRIMARY KEY REFERENCES deployment (id) ON DELETE CASCADE,
    ran_s REAL NOT NULL CHECK (ran_s >= 0),
    paused_s REAL NOT NULL CHECK (paused_s >= 0),
    software TEXT NOT NULL CHECK (json_valid(software)),
    cut_offs INTEGER NOT NULL CHECK (cut_offs >= 0),
    is_open INTEGER NOT NULL CHECK (is_open IN (0, 1))
) STRICT;

-- What each camera counted over all of the deployment, restarts included: numbers, never of one
-- person.
CREATE TABLE camera_tally (
    deployment_id TEXT NOT NULL REFERENCES deployment (id) ON DELETE CASCADE,
    camera_id TEXT NOT NULL,
    active_s REAL NOT NULL CHECK (active_s >= 0),
    down_s REAL NOT NULL CHECK (down_s >= 0),
    frames_decoded INTEGER NOT NULL CHECK (frames_decoded >= 0),
    frames_detected INTEGER NOT NULL CHECK (frames_detected >= 0),
    frames_dropped INTEGER NOT NULL CHECK (frames_dropped >= 0),
    faces_detected INTEGER NOT NULL CHECK (faces_detected >= 0),
    tracks INTEGER NOT NULL CHECK (tracks >= 0),
    tracks_split INTEGER NOT NULL CHECK (tracks_split >= 0),
    never_compared INTEGER NOT NULL CHECK (never_compared >= 0),
    looks_skipped TEXT NOT NULL CHECK (json_valid(looks_skipped)),
    PRIMARY KEY (deployment_id, camera_id)
) STRICT;

-- What a list was made of, in numbers: it may be erased before the record of its use is written.
ALTER TABLE deployment_watchlist ADD COLUMN composition TEXT CHECK (json_valid(composition));

-- The record as it was when what it was counted from came to the end of its time.
CREATE TABLE deployment_record (
    deployment_id TEXT PRIMARY KEY REFERENCES deployment (id) ON DELETE CASCADE,
    kept_at_s REAL NOT NULL,
    record TEXT NOT NULL CHECK (json_valid(record))
) STRICT;

-- Whether it was the person on the list, where somebody established that on the spot.
ALTER TABLE outcome ADD COLUMN identity TEXT CHECK (identity IN ('same', 'other'));
-- The group, of those that the site names, that a person recorded for a false alert.
ALTER TABLE outcome ADD COLUMN recorded_group TEXT CHECK (recorded_group <> '');

-- That a reference was on a list, for "was I on the list on that date?". Both commitments are
-- HMAC-SHA256 under a key in keys.db: of the salt and the reference, and of the salt, the list's name
-- and the reference; key_mark tells which key. When an entry goes, its id goes, and the commitments
-- and dates stay.
CREATE TABLE listing (
    id INTEGER PRIMARY KEY,
    entry_id TEXT UNIQUE,
    key_mark BLOB NOT NULL CHECK (length(key_mark) = 8),
    salt BLOB NOT NULL CHECK (length(salt) = 16),
    of_reference BLOB NOT NULL CHECK (length(of_reference) = 32),
    of_list BLOB NOT NULL CHECK (length(of_list) = 32),
    added_at_s REAL NOT NULL,
    removed_at_s REAL,
    CHECK (entry_id IS NOT NULL OR removed_at_s IS NOT NULL)
) STRICT;
CREATE INDEX listing_span ON listing (added_at_s, removed_at_s);

-- Whatever way an entry is deleted, its listing forgets which one it was.
CREATE TRIGGER entry_unlisted AFTER DELETE ON entry
BEGIN
    UPDATE listing SET entry_id = NULL, removed_at_s = coalesce(removed_at_s,
        (SELECT at_s FROM audit_leaf ORDER BY id DESC LIMIT 1), OLD.added_at_s)
        WHERE entry_id = OLD.id;
END;

-- When a photo was taken, as people say it; NULL: nobody knows.
ALTER TABLE reference_image ADD COLUMN taken_at_s REAL;

-- Relatives and look-alikes that are known of, for reviewers to see; no names.
ALTER TABLE entry ADD COLUMN look_alikes TEXT NOT NULL DEFAULT '' CHECK (length(look_alikes) <= 500);

-- Who was trained to review, until when, and who says so.
CREATE TABLE training (
    id TEXT PRIMARY KEY,
    subject TEXT NOT NULL CHECK (subject <> ''),
    what TEXT NOT NULL CHECK (what <> ''),
    valid_until_s REAL NOT NULL,
    recorded_at_s REAL NOT NULL,
    principal TEXT NOT NULL
) STRICT;
CREATE INDEX training_subject ON training (subject, valid_until_s);

-- How many entries the authority allows at most, and when somebody said that a team is on the spot.
ALTER TABLE deployment ADD COLUMN list_size_max INTEGER CHECK (list_size_max > 0);
ALTER TABLE deployment ADD COLUMN street_team_at_s REAL;
