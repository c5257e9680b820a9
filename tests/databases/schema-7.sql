-- A small database as schema 7 had it; the key is 64 zeros and the hashed secrets are made up.
PRAGMA user_version = 7;
PRAGMA journal_mode = WAL;
BEGIN TRANSACTION;
CREATE TABLE acts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    what TEXT NOT NULL,
    origin TEXT NOT NULL,
    at TEXT NOT NULL,
    detail TEXT NOT NULL
) STRICT;
INSERT INTO "acts" VALUES(1,'mode','button','2026-11-22T12:04:00.000000Z','entry');
CREATE TABLE barred_secrets (
    secret_hash BLOB NOT NULL,
    kind TEXT NOT NULL,                -- 'revoked' or 'blocked'
    PRIMARY KEY (secret_hash, kind)
) STRICT, WITHOUT ROWID;
INSERT INTO "barred_secrets" VALUES(X'00112233445566778899AABBCCDDEEFF','revoked');
CREATE TABLE boots (
    boot_id TEXT PRIMARY KEY,
    began TEXT NOT NULL,
    clock TEXT NOT NULL                -- 'unknown' while `began` is only what the box itself thought
) STRICT;
CREATE TABLE checkin_lists (
    id INTEGER PRIMARY KEY,
    description TEXT NOT NULL          -- JSON: model.CheckinList
) STRICT;
INSERT INTO "checkin_lists" VALUES(1,'{"addon_match": false, "all_products": true, "allow_entry_after_exit": true, "allow_multiple_entries": false, "id": 1, "include_pending": false, "limit_products": [], "name": "All", "rules": {}, "subevent": null}');
CREATE TABLE checkins (
    list_id INTEGER NOT NULL,
    position_id INTEGER NOT NULL,
    at TEXT NOT NULL,                  -- UTC, fixed width, so that text order is time order
    server_id INTEGER NOT NULL,
    type TEXT NOT NULL,
    PRIMARY KEY (list_id, position_id, at, server_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE closing_people (
    closing_id INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    position_id INTEGER NOT NULL,
    entered_at TEXT NOT NULL,          -- the entry they were inside by; '' for who was not
    dated TEXT NOT NULL DEFAULT '',    -- the datetime of their exit
    nonce TEXT,                        -- of the scan that tells it, once there is one
    outcome TEXT NOT NULL DEFAULT '',  -- '' is still to be done
    words TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (closing_id, list_id, position_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "closing_people" VALUES(1,1,1,'2026-11-22T12:01:00.000000Z','',NULL,'left','');
INSERT INTO "closing_people" VALUES(2,1,1,'2026-11-22T12:00:00.000000Z','2026-11-22T21:00:00.000000Z',NULL,'','');
CREATE TABLE closing_requests (
    closing_id INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    asked_at TEXT NOT NULL,            -- written before the server is asked; never asked twice
    named TEXT,                        -- JSON: the positions it named; NULL without an answer
    refused TEXT NOT NULL DEFAULT '',  -- why it would not; then it did nothing
    PRIMARY KEY (closing_id, list_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "closing_requests" VALUES(2,1,'2026-11-22T21:00:01.000000Z',NULL,'');
CREATE TABLE closings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,                  -- the press: nobody who came in later is checked out
    lists TEXT NOT NULL,               -- JSON: ids of check-in lists
    way TEXT NOT NULL,                 -- 'each' exit by itself, or 'bulk' by the server
    origin TEXT NOT NULL,
    state TEXT NOT NULL,               -- 'going', 'done', 'failed' or 'stopped'
    words TEXT NOT NULL DEFAULT ''
) STRICT;
INSERT INTO "closings" VALUES(1,'2026-11-22T20:00:00.000000Z','[1]','each','page','done','1 checked out');
INSERT INTO "closings" VALUES(2,'2026-11-22T21:00:00.000000Z','[1]','bulk','command','going','');
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "facts" VALUES('key_mark','b3a6ec43ce4d080e8fec342d59ddf19a');
INSERT INTO "facts" VALUES('mode','entry');
INSERT INTO "facts" VALUES('pulled_at','2026-11-22T12:00:00.000000Z');
CREATE TABLE former_secrets (
    secret_hash BLOB NOT NULL,
    position_id INTEGER NOT NULL,
    PRIMARY KEY (secret_hash, position_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE listings (
    list_id INTEGER NOT NULL,
    position_id INTEGER NOT NULL,
    known_no INTEGER NOT NULL,
    PRIMARY KEY (list_id, position_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "listings" VALUES(1,1,0);
INSERT INTO "listings" VALUES(1,2,0);
INSERT INTO "listings" VALUES(1,3,0);
CREATE TABLE past_scans (
    type TEXT NOT NULL,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    state TEXT NOT NULL,
    guests INTEGER NOT NULL,           -- 1: sightings of people; 0: further rows of one, exits nobody saw
    settled INTEGER NOT NULL,          -- 1: had a settled_no
    number INTEGER NOT NULL,
    PRIMARY KEY (type, verdict, reason, state, guests, settled)
) STRICT, WITHOUT ROWID;
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
, failed INTEGER NOT NULL DEFAULT 0, told_by TEXT NOT NULL DEFAULT '', clock TEXT NOT NULL DEFAULT 'synchronised') STRICT;
INSERT INTO "scans" VALUES(1,'nonce-1','nonce-1','entry',1,1,'ORDER1',X'98DDF8041561C0E9F1C85BD1F8157BFE',NULL,'admit','entered','2026-11-22T12:01:00.000000Z','2026-11-22T12:01:00.000000Z','',0,'camera','confirmed',1,'2026-11-22T12:01:00.000000Z','redeem','nonce-1','','','2026-11-22T13:00:00.000000Z',1,0,'0a1b2c3d','synchronised');
INSERT INTO "scans" VALUES(2,'nonce-2','nonce-2','entry',1,NULL,'',X'1C6C76D9851B3EB8625ADFB6E3E6FFD4',NULL,'refuse','invalid','2026-11-22T12:02:00.000000Z','2026-11-22T12:02:00.000000Z','',0,'camera','local',0,NULL,'','nonce-2','','',NULL,NULL,0,'','synchronised');
INSERT INTO "scans" VALUES(3,'nonce-3','nonce-3','exit',1,2,'ORDER2',X'6F63B42F309657C80DAC4EFFF5B3A653',NULL,'attention','not_checked_in','2026-11-22T12:03:00.000000Z','2026-11-22T12:03:00.000000Z','',0,'camera','waiting',1,'2026-11-22T12:03:00.000000Z','checkout','nonce-3','failed','the server failed on this request (500)',NULL,NULL,1,'','synchronised');
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
INSERT INTO "tickets" VALUES(1,X'98DDF8041561C0E9F1C85BD1F8157BFE','ORDER1',1,NULL,NULL,NULL,'p',0,0,0,0,NULL,NULL,NULL,0);
INSERT INTO "tickets" VALUES(2,X'6F63B42F309657C80DAC4EFFF5B3A653','ORDER2',1,NULL,NULL,NULL,'p',0,0,0,0,NULL,NULL,NULL,0);
INSERT INTO "tickets" VALUES(3,X'2602BFD37063679A558AD98D6C28C7AB','ORDER3',1,NULL,NULL,NULL,'c',0,0,0,0,NULL,NULL,NULL,0);
CREATE INDEX tickets_secret ON tickets (secret_hash);
CREATE INDEX tickets_addon ON tickets (addon_to) WHERE addon_to IS NOT NULL;
CREATE INDEX scans_waiting ON scans (id) WHERE state = 'waiting';
CREATE INDEX scans_waiting_ticket ON scans (secret_hash, id) WHERE state = 'waiting';
CREATE INDEX scans_shelved ON scans (id) WHERE state = 'shelved';
CREATE INDEX scans_position ON scans (position_id, list_id) WHERE verdict <> 'refuse';
CREATE INDEX scans_settled ON scans (settled_no) WHERE settled_no IS NOT NULL;
CREATE INDEX scans_refused ON scans (id) WHERE state = 'refused' AND verdict <> 'refuse';
CREATE INDEX scans_undated ON scans (boot_id, id) WHERE clock = 'unknown';
CREATE INDEX scans_unlisted ON scans (secret_hash, list_id)
    WHERE position_id IS NULL AND verdict <> 'refuse';
CREATE INDEX closing_people_open ON closing_people (closing_id) WHERE outcome = '';
CREATE INDEX closing_people_position ON closing_people (position_id, list_id);
CREATE INDEX closing_people_nonce ON closing_people (nonce) WHERE nonce IS NOT NULL;
CREATE INDEX scans_at ON scans (at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('acts',1);
INSERT INTO "sqlite_sequence" VALUES('scans',3);
INSERT INTO "sqlite_sequence" VALUES('closings',2);
COMMIT;
