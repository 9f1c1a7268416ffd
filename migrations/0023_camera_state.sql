-- How each camera was in a deployment: a row for each change of state. Nothing of people.
CREATE TABLE camera_state (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    deployment_id TEXT NOT NULL REFERENCES deployment (id) ON DELETE CASCADE,
    camera_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state <> ''),
    reason TEXT NOT NULL,
    at_s REAL NOT NULL
) STRICT;

CREATE INDEX camera_state_of ON camera_state (camera_id, deployment_id, id);
CREATE INDEX camera_state_in ON camera_state (deployment_id);

-- What each camera counted, by five minutes: numbers, never faces.
CREATE TABLE camera_flow (
    deployment_id TEXT NOT NULL REFERENCES deployment (id) ON DELETE CASCADE,
    camera_id TEXT NOT NULL,
    at_s REAL NOT NULL,
    frames_detected INTEGER NOT NULL CHECK (frames_detected >= 0),
    frames_dropped INTEGER NOT NULL CHECK (frames_dropped >= 0),
    faces_detected INTEGER NOT NULL CHECK (faces_detected >= 0),
    tracks INTEGER NOT NULL CHECK (tracks >= 0),
    never_compared INTEGER NOT NULL CHECK (never_compared >= 0),
    candidates INTEGER NOT NULL CHECK (candidates >= 0),
    PRIMARY KEY (camera_id, deployment_id, at_s)
) STRICT, WITHOUT ROWID;
