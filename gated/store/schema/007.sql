-- In bulk each check-in list is asked for by itself: a request must fit into the server's patience.
CREATE TABLE closing_requests (
    closing_id INTEGER NOT NULL,
    list_id INTEGER NOT NULL,
    asked_at TEXT NOT NULL,            -- written before the server is asked; never asked twice
    named TEXT,                        -- JSON: the positions it named; NULL without an answer
    refused TEXT NOT NULL DEFAULT '',  -- why it would not; then it did nothing
    PRIMARY KEY (closing_id, list_id)
) STRICT, WITHOUT ROWID;
INSERT INTO closing_requests (closing_id, list_id, asked_at)
    SELECT closings.id, one.value, closings.asked_at
    FROM closings, json_each(closings.lists) AS one WHERE closings.asked_at IS NOT NULL;
ALTER TABLE closings DROP COLUMN asked_at;
