-- Everybody checked out at closing time: who was inside at the press, and what became of each.
CREATE TABLE closings (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,                  -- the press: nobody who came in later is checked out
    lists TEXT NOT NULL,               -- JSON: ids of check-in lists
    way TEXT NOT NULL,                 -- 'each' exit by itself, or 'bulk' by the server
    origin TEXT NOT NULL,
    state TEXT NOT NULL,               -- 'going', 'done', 'failed' or 'stopped'
    asked_at TEXT,                     -- when the server was asked to do it in bulk; never twice
    words TEXT NOT NULL DEFAULT ''
) STRICT;

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
CREATE INDEX closing_people_open ON closing_people (closing_id) WHERE outcome = '';
CREATE INDEX closing_people_position ON closing_people (position_id, list_id);
CREATE INDEX closing_people_nonce ON closing_people (nonce) WHERE nonce IS NOT NULL;

-- The flow of the day.
CREATE INDEX scans_at ON scans (at);
