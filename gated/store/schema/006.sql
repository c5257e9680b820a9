-- Settled scans older than [privacy] keep_days, as numbers: who they were of is gone.
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
