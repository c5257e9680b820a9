-- What the server says. A ticket is an order position; its secret is only here as a keyed hash.
CREATE TABLE checkin_lists (
    id INTEGER PRIMARY KEY,
    description TEXT NOT NULL          -- JSON: model.CheckinList
) STRICT;

CREATE TABLE tickets (
    position_id INTEGER PRIMARY KEY,
    secret_hash BLOB NOT NULL,
    order_code TEXT NOT NULL,
    item INTEGER NOT NULL,
    variation INTEGER,
    subevent INTEGER,
    addon_to INTEGER,
    order_status TEXT NOT NULL,
    valid_if_pending INTEGER NOT NULL,
    require_approval INTEGER NOT NULL,
    require_attention INTEGER NOT NULL,
    blocked INTEGER NOT NULL,
    valid_from TEXT,
    valid_until TEXT,
    name BLOB,                         -- sealed; NULL unless [privacy] names
    vanished INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tickets_secret ON tickets (secret_hash);
CREATE INDEX tickets_addon ON tickets (addon_to) WHERE addon_to IS NOT NULL;

-- Secrets that a ticket no longer has: no way in, but still a way out.
CREATE TABLE former_secrets (
    secret_hash BLOB NOT NULL,
    position_id INTEGER NOT NULL,
    PRIMARY KEY (secret_hash, position_id)
) STRICT, WITHOUT ROWID;

-- Which ticket stands on which list, as of which moment of our own ledger (scans.settled_no).
CREATE TABLE listings (
    list_id INTEGER NOT NULL,
    position_id INTEGER NOT NULL,
    known_no INTEGER NOT NULL,
    PRIMARY KEY (list_id, position_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkins (
    list_id INTEGER NOT NULL,
    position_id INTEGER NOT NULL,
    at TEXT NOT NULL,                  -- UTC, fixed width, so that text order is time order
    server_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    PRIMARY KEY (list_id, position_id, at, server_id)
) STRICT, WITHOUT ROWID;

-- The ledger: every decided sighting. A row in state 'waiting' or 'shelved' is also the outbox.
CREATE TABLE scans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    nonce TEXT NOT NULL UNIQUE,
    sighting TEXT NOT NULL,
    type TEXT NOT NULL,
    list_id INTEGER NOT NULL,
    position_id INTEGER,
    order_code TEXT NOT NULL,
    secret_hash BLOB NOT NULL,
    secret_text BLOB,                  -- sealed; only while the code itself must be told
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    at TEXT NOT NULL,
    dated TEXT NOT NULL,               -- what counts: `at`, but never before the check-in it follows
    boot_id TEXT NOT NULL,
    monotonic_ns INTEGER NOT NULL,
    eye TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    sent_at TEXT,
    via TEXT NOT NULL DEFAULT '',
    key TEXT NOT NULL DEFAULT '',
    server_reason TEXT NOT NULL DEFAULT '',
    server_message TEXT NOT NULL DEFAULT '',
    settled_at TEXT,
    settled_no INTEGER
) STRICT;
CREATE INDEX scans_waiting ON scans (id) WHERE state = 'waiting';
CREATE INDEX scans_waiting_ticket ON scans (secret_hash, id) WHERE state = 'waiting';
CREATE INDEX scans_shelved ON scans (id) WHERE state = 'shelved';
CREATE INDEX scans_position ON scans (position_id, list_id) WHERE verdict <> 'refuse';
CREATE INDEX scans_settled ON scans (settled_no) WHERE settled_no IS NOT NULL;

CREATE TABLE acts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL,
    origin TEXT NOT NULL,
    at TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;

CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
