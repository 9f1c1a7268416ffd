-- What a model was measured to do: the figures of an evaluation report, no face and no name.
-- `report` is the JSON text as it was registered; a withdrawn report opens no gate.
CREATE TABLE evaluation (
    id TEXT PRIMARY KEY,
    pack TEXT NOT NULL CHECK (pack <> ''),
    model_digest TEXT NOT NULL CHECK (length(model_digest) = 64),
    evaluated_at_s REAL NOT NULL,
    list_size INTEGER NOT NULL CHECK (list_size >= 1),
    threshold REAL NOT NULL,
    threshold_low REAL NOT NULL CHECK (threshold_low <= threshold),
    threshold_high REAL NOT NULL CHECK (threshold_high >= threshold),
    report TEXT NOT NULL CHECK (json_valid(report)),
    report_sha256 TEXT NOT NULL UNIQUE CHECK (length(report_sha256) = 64),
    registered_at_s REAL NOT NULL,
    principal TEXT NOT NULL,
    withdrawn_at_s REAL,
    withdrawn_by TEXT,
    withdraw_reason TEXT,
    CHECK ((withdrawn_at_s IS NULL) = (withdrawn_by IS NULL))
) STRICT;
CREATE INDEX evaluation_model ON evaluation (model_digest) WHERE withdrawn_at_s IS NULL;
