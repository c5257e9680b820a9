-- What the next attempt must know of the last one: whether the server failed on it, and whose it was.
ALTER TABLE scans ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scans ADD COLUMN told_by TEXT NOT NULL DEFAULT '';  -- a keyed hash of the token
UPDATE scans SET failed = 1 WHERE state IN ('waiting', 'shelved') AND server_reason = 'failed';
-- Guests who passed here though the server would not have it.
CREATE INDEX scans_refused ON scans (id) WHERE state = 'refused' AND verdict <> 'refuse';
