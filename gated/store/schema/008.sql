-- Whether the guest passed after the green light: '' (nobody looked), 'awaited' (told to nobody
-- until it is known), 'passed', 'not_passed' or 'unknown'.
ALTER TABLE scans ADD COLUMN passage TEXT NOT NULL DEFAULT '';
CREATE INDEX scans_awaited ON scans (id) WHERE passage = 'awaited';
-- Told already, and to be taken back at the server.
CREATE INDEX scans_annulling ON scans (id) WHERE state = 'annulling';
