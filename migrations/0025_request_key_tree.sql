-- One tree of pages instead of three: each write of a client touches it.
CREATE TABLE new_request_key (
    principal TEXT NOT NULL,
    key TEXT NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    attempt TEXT NOT NULL,
    at_s REAL NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;
INSERT INTO new_request_key SELECT principal, key, fingerprint, attempt, at_s FROM request_key;
DROP TABLE request_key;
ALTER TABLE new_request_key RENAME TO request_key;
