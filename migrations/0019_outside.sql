-- What the lists of a deployment held when it was authorised, as texts that name nobody; and the text
-- that an authority from outside signed.
ALTER TABLE deployment ADD COLUMN authorised_lists TEXT CHECK (json_valid(authorised_lists));
ALTER TABLE deployment ADD COLUMN authority TEXT;
-- Who had tested the model independently when it started, as texts.
ALTER TABLE deployment ADD COLUMN independent_tests TEXT CHECK (json_valid(independent_tests));

-- That somebody who does not run this site tested a model: who, when, and where it can be read.
CREATE TABLE independent_test (
    id TEXT PRIMARY KEY,
    model_digest TEXT NOT NULL,
    tested_by TEXT NOT NULL CHECK (tested_by <> ''),
    tested_at_s REAL NOT NULL,
    reference TEXT NOT NULL CHECK (reference <> ''),
    recorded_at_s REAL NOT NULL,
    principal TEXT NOT NULL
) STRICT;
CREATE INDEX independent_test_model ON independent_test (model_digest, tested_at_s);

-- What went wrong, for those who have to be told of it. `what` names nobody.
CREATE TABLE incident (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    serious INTEGER NOT NULL CHECK (serious IN (0, 1)),
    deployment_id TEXT,
    happened_at_s REAL NOT NULL,
    what TEXT NOT NULL CHECK (what <> ''),
    reported_to TEXT NOT NULL,
    recorded_at_s REAL NOT NULL,
    principal TEXT NOT NULL
) STRICT;
CREATE INDEX incident_happened ON incident (happened_at_s, id);

-- The group of a consenting subject, as that person gave it, for the rates of a trial by group.
ALTER TABLE trial_passage ADD COLUMN subject_group TEXT CHECK (subject_group <> '');
