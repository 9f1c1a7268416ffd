-- Until when a token is good, and when it was last used.
ALTER TABLE token ADD COLUMN expires_at_s REAL;
ALTER TABLE token ADD COLUMN last_used_at_s REAL;

-- Which request an event is the work of; null: the daemon's own.
ALTER TABLE event ADD COLUMN request_id TEXT;

-- Writes that their senders gave a key: each is done once, also where its answer was lost on the way.
-- `fingerprint` is SHA-256 over what was asked for, `attempt` tells the request that did it from those
-- that ask for it again. Kept for a day.
CREATE TABLE request_key (
    principal TEXT NOT NULL,
    key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    attempt TEXT NOT NULL,
    at_s REAL NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT;
CREATE INDEX request_key_age ON request_key (at_s);
