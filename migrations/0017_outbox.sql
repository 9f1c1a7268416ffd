-- Messages to other systems, a row for each endpoint that is told; written in the transaction of what
-- they tell. `facts` is JSON of ids and states, never a name, a score or a picture. Of one `subject`
-- messages leave in order: `behind` is 1 while an earlier one waits. `since_s` is since when it waits.
CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    facts TEXT NOT NULL,
    at_s REAL NOT NULL,
    since_s REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
    behind INTEGER NOT NULL CHECK (behind IN (0, 1)),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_at_s REAL NOT NULL,
    done_at_s REAL,
    reason TEXT
) STRICT;
CREATE INDEX outbox_due ON outbox (endpoint, next_at_s, id) WHERE state = 'waiting' AND behind = 0;
CREATE INDEX outbox_order ON outbox (endpoint, subject, id) WHERE state = 'waiting';
CREATE INDEX outbox_state ON outbox (endpoint, state, id);

-- How many rows of an endpoint are in which state, and how many were dropped because too many waited.
CREATE TABLE outbox_tally (
    endpoint TEXT PRIMARY KEY,
    waiting INTEGER NOT NULL CHECK (waiting >= 0),
    delivered INTEGER NOT NULL CHECK (delivered >= 0),
    dead INTEGER NOT NULL CHECK (dead >= 0),
    dropped INTEGER NOT NULL CHECK (dropped >= 0),
    dropped_at_s REAL
) STRICT;

-- What was last told about a deployment, a camera or health, so that each change is told once, also
-- after a crash.
CREATE TABLE outbox_told (
    subject TEXT PRIMARY KEY,
    said TEXT NOT NULL,
    at_s REAL NOT NULL
) STRICT;
