-- What is to be thought of a scan's time (model.Trust); what is 'unknown' is told to nobody.
ALTER TABLE scans ADD COLUMN clock TEXT NOT NULL DEFAULT 'synchronised';
CREATE INDEX scans_undated ON scans (boot_id, id) WHERE clock = 'unknown';

-- When each boot began, so that a stamp can be had from a scan's monotonic_ns.
CREATE TABLE boots (
    boot_id TEXT PRIMARY KEY,
    began TEXT NOT NULL,
    clock TEXT NOT NULL                -- 'unknown' while `began` is only what the box itself thought
) STRICT;

-- Let in by their signature, before any list had them: found by their code until one does.
CREATE INDEX scans_unlisted ON scans (secret_hash, list_id)
    WHERE position_id IS NULL AND verdict <> 'refuse';
