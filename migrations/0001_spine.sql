-- The first schema of lfrd.db. Times are seconds since the Unix epoch, UTC. `principal` is who
-- asked for the row. Ids are UUIDv7 texts, except where order itself is the meaning (event,
-- audit_leaf), where AUTOINCREMENT keeps an id from ever being given twice.
-- Columns named sealed_* hold AES-256-GCM under the data key of their list or deployment.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- What entries on several lists share, so that one person listed twice is no rival of themselves.
-- `label` is the word by which tables of imports know them.
CREATE TABLE person (
    id TEXT PRIMARY KEY,
    label TEXT UNIQUE CHECK (label <> ''),
    created_at_s REAL NOT NULL,
    principal TEXT NOT NULL
) STRICT;

CREATE TABLE watchlist (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    category TEXT NOT NULL CHECK (category <> ''),
    purpose TEXT NOT NULL,
    owner TEXT NOT NULL,
    colour TEXT NOT NULL,
    margin REAL NOT NULL CHECK (margin BETWEEN 0 AND 1),
    created_at_s REAL NOT NULL,
    expires_at_s REAL CHECK (expires_at_s > created_at_s),
    confirmed_at_s REAL NOT NULL,
    confirmed_by TEXT NOT NULL,
    principal TEXT NOT NULL
) STRICT;

CREATE TABLE entry (
    id TEXT PRIMARY KEY,
    watchlist_id TEXT NOT NULL REFERENCES watchlist (id) ON DELETE CASCADE,
    person_id TEXT NOT NULL REFERENCES person (id),
    reference TEXT NOT NULL CHECK (length(reference) BETWEEN 1 AND 200),
    category TEXT NOT NULL CHECK (category <> ''),
    basis TEXT NOT NULL,
    source TEXT NOT NULL,
    reviewer TEXT NOT NULL,
    under_18 INTEGER NOT NULL CHECK (under_18 IN (0, 1)),
    under_18_reason TEXT NOT NULL,
    approved_at_s REAL,
    approved_by TEXT,
    margin REAL NOT NULL CHECK (margin BETWEEN 0 AND 1),
    status_checked_at_s REAL NOT NULL,
    added_at_s REAL NOT NULL,
    expires_at_s REAL CHECK (expires_at_s > added_at_s),
    principal TEXT NOT NULL,
    UNIQUE (watchlist_id, reference),
    CHECK ((approved_at_s IS NULL) = (approved_by IS NULL)),
    CHECK (approved_by IS NULL OR approved_by <> principal)
) STRICT;
CREATE INDEX entry_person ON entry (person_id);
CREATE INDEX entry_expires ON entry (expires_at_s) WHERE expires_at_s IS NOT NULL;

-- A list with rows here is compared with on these cameras only; without rows, on all.
CREATE TABLE watchlist_camera (
    watchlist_id TEXT NOT NULL REFERENCES watchlist (id) ON DELETE CASCADE,
    camera_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (watchlist_id, camera_id)
) STRICT;

CREATE TABLE reference_image (
    id TEXT PRIMARY KEY,
    entry_id TEXT NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    byte_count INTEGER NOT NULL CHECK (byte_count > 0),
    width_px INTEGER NOT NULL CHECK (width_px > 0),
    height_px INTEGER NOT NULL CHECK (height_px > 0),
    inter_eye_px REAL NOT NULL,
    yaw_deg REAL NOT NULL,
    pitch_deg REAL NOT NULL,
    sharpness REAL NOT NULL,
    exposure REAL NOT NULL,
    detector_score REAL NOT NULL,
    overall REAL NOT NULL,
    findings TEXT NOT NULL CHECK (json_valid(findings)),
    quarantined_at_s REAL,
    quarantined_by TEXT,
    quarantine_reason TEXT,
    added_at_s REAL NOT NULL,
    principal TEXT NOT NULL,
    sealed_image BLOB NOT NULL,
    sealed_crop BLOB NOT NULL,
    sealed_portrait BLOB NOT NULL,
    UNIQUE (entry_id, sha256),
    CHECK ((quarantined_at_s IS NULL) = (quarantined_by IS NULL))
) STRICT;
CREATE INDEX reference_image_sha256 ON reference_image (sha256);

CREATE TABLE template (
    id TEXT PRIMARY KEY,
    reference_image_id TEXT NOT NULL REFERENCES reference_image (id) ON DELETE CASCADE,
    entry_id TEXT NOT NULL REFERENCES entry (id) ON DELETE CASCADE,
    model_digest TEXT NOT NULL CHECK (model_digest <> ''),
    dim INTEGER NOT NULL CHECK (dim BETWEEN 1 AND 4096),
    made_at_s REAL NOT NULL,
    principal TEXT NOT NULL,
    sealed_vector BLOB NOT NULL,
    UNIQUE (reference_image_id, model_digest)
) STRICT;
CREATE INDEX template_entry ON template (entry_id);
CREATE INDEX template_model ON template (model_digest);

CREATE TABLE camera (
    id TEXT PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 64 AND id NOT GLOB '*[^a-z0-9-]*'),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    address TEXT NOT NULL,
    settings TEXT NOT NULL CHECK (json_valid(settings)),
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at_s REAL NOT NULL,
    principal TEXT NOT NULL
) STRICT;

CREATE TABLE deployment (
    id TEXT PRIMARY KEY,
    profile TEXT NOT NULL CHECK (profile <> ''),
    state TEXT NOT NULL CHECK (state IN ('draft', 'authorised', 'running', 'ended', 'erased')),
    purpose TEXT NOT NULL,
    use_case TEXT NOT NULL,
    place TEXT NOT NULL,
    threshold REAL NOT NULL CHECK (threshold BETWEEN -1 AND 1),
    detector_digest TEXT NOT NULL,
    embedder_digest TEXT NOT NULL,
    created_at_s REAL NOT NULL,
    planned_end_at_s REAL,
    authorised_at_s REAL,
    authorised_by TEXT,
    started_at_s REAL,
    started_by TEXT,
    ended_at_s REAL,
    ended_by TEXT,
    end_reason TEXT,
    erased_at_s REAL,
    summary TEXT CHECK (json_valid(summary)),
    principal TEXT NOT NULL,
    CHECK (state IN ('draft', 'ended', 'erased') OR authorised_by IS NOT NULL),
    CHECK (state NOT IN ('running') OR (started_by IS NOT NULL AND started_at_s IS NOT NULL)),
    CHECK (state NOT IN ('ended', 'erased') OR ended_at_s IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX deployment_one_running ON deployment (state) WHERE state = 'running';

-- What was compared with. The list may be erased before the record of its use.
CREATE TABLE deployment_watchlist (
    deployment_id TEXT NOT NULL REFERENCES deployment (id) ON DELETE CASCADE,
    watchlist_id TEXT NOT NULL,
    entry_count INTEGER NOT NULL CHECK (entry_count >= 0),
    snapshot_hash TEXT NOT NULL CHECK (length(snapshot_hash) = 64),
    taken_at_s REAL NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (deployment_id, watchlist_id)
) STRICT;

-- Every threshold that a deployment had; it only ever rises.
CREATE TABLE deployment_threshold (
    deployment_id TEXT NOT NULL REFERENCES deployment (id) ON DELETE CASCADE,
    at_s REAL NOT NULL,
    threshold REAL NOT NULL,
    reference_count INTEGER NOT NULL,
    looks INTEGER NOT NULL,
    looks_effective REAL NOT NULL,
    demographic_factor REAL NOT NULL,
    fpir REAL NOT NULL,
    fpir_low REAL NOT NULL,
    fpir_high REAL NOT NULL,
    extrapolated INTEGER NOT NULL CHECK (extrapolated IN (0, 1)),
    principal TEXT NOT NULL,
    PRIMARY KEY (deployment_id, at_s)
) STRICT;

-- A bulk import on its way: its rows are read from the source again, these are the ones done.
CREATE TABLE import_run (
    id TEXT PRIMARY KEY,
    watchlist_id TEXT NOT NULL REFERENCES watchlist (id) ON DELETE CASCADE,
    source_sha256 TEXT NOT NULL CHECK (length(source_sha256) = 64),
    source_name TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('strict', 'warn')),
    total INTEGER NOT NULL CHECK (total > 0),
    started_at_s REAL NOT NULL,
    ended_at_s REAL,
    principal TEXT NOT NULL,
    UNIQUE (watchlist_id, source_sha256)
) STRICT;
CREATE TABLE import_row (
    import_id TEXT NOT NULL REFERENCES import_run (id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 1),
    outcome TEXT NOT NULL CHECK (outcome IN ('enrolled', 'warned', 'refused', 'duplicate')),
    codes TEXT NOT NULL,
    entry_id TEXT,
    photo_id TEXT,
    at_s REAL NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (import_id, number)
) STRICT;

-- An episode lives on copies of its own: camera, entry and list may go before it.
CREATE TABLE episode (
    id TEXT PRIMARY KEY,
    deployment_id TEXT NOT NULL REFERENCES deployment (id),
    camera_id TEXT NOT NULL,
    track_id INTEGER NOT NULL,
    entry_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    watchlist_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    score REAL NOT NULL,
    margin REAL,
    threshold REAL NOT NULL,
    model_digest TEXT NOT NULL,
    looks INTEGER NOT NULL CHECK (looks >= 1),
    sequence INTEGER NOT NULL CHECK (sequence >= 0),
    media_at_s REAL NOT NULL,
    captured_at_s REAL NOT NULL,
    raised_at_s REAL NOT NULL,
    latency_ms REAL,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    closed_at_s REAL,
    sealed_probe_crop BLOB,
    sealed_reference_crop BLOB,
    sealed_probe_portrait BLOB,
    sealed_reference_portrait BLOB,
    sealed_scene BLOB,
    CHECK ((state = 'closed') = (closed_at_s IS NOT NULL))
) STRICT;
CREATE INDEX episode_deployment ON episode (deployment_id, id);
CREATE INDEX episode_state ON episode (state, id);
CREATE INDEX episode_person ON episode (person_id);

-- Other persons over the threshold on the same track: the episode is then ambiguous.
CREATE TABLE episode_rival (
    episode_id TEXT NOT NULL REFERENCES episode (id) ON DELETE CASCADE,
    entry_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    watchlist_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    score REAL NOT NULL,
    sealed_reference_portrait BLOB,
    PRIMARY KEY (episode_id, person_id)
) STRICT;

CREATE TABLE review (
    id TEXT PRIMARY KEY,
    episode_id TEXT NOT NULL REFERENCES episode (id) ON DELETE CASCADE,
    principal TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('match', 'not_match', 'unsure')),
    reason TEXT NOT NULL,
    submitted_at_s REAL NOT NULL,
    final_at_s REAL,
    UNIQUE (episode_id, principal)
) STRICT;

-- One leaf of the log. Erasing `subjects` and `salt` erases the link to what it is about;
-- leaf_hash is over the rest and their commitment, so proofs still hold.
CREATE TABLE audit_leaf (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_s REAL NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('collection', 'alteration', 'consultation', 'disclosure',
        'combination', 'erasure', 'period-of-use', 'decision', 'denial')),
    principal TEXT NOT NULL CHECK (principal <> ''),
    action TEXT NOT NULL CHECK (action <> ''),
    subjects TEXT CHECK (json_valid(subjects)),
    salt BLOB CHECK (length(salt) = 16),
    commitment BLOB NOT NULL CHECK (length(commitment) = 32),
    payload TEXT NOT NULL CHECK (json_valid(payload) AND length(payload) <= 65536),
    leaf_hash BLOB NOT NULL CHECK (length(leaf_hash) = 32),
    CHECK ((subjects IS NULL) = (salt IS NULL))
) STRICT;

-- What happened, for those who listen: ids only.
CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind <> ''),
    subject_id TEXT NOT NULL,
    at_s REAL NOT NULL
) STRICT;
CREATE INDEX event_at ON event (at_s);
