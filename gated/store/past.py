"""Settled scans that are old enough become numbers; the counts stay what they were."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from gated.model import ScanType
from gated.store import facts
from gated.store.history import history
from gated.store.ledger import UNSEEN
from gated.store.rows import stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from datetime import datetime

# In the order of scans_at, so that an hour in which nothing is due costs nothing.
_OLD = """
    SELECT id, at, list_id, position_id, verdict <> 'refuse' AND EXISTS (
        SELECT 1 FROM tickets WHERE tickets.position_id = scans.position_id AND NOT vanished
    ) AS matters
    FROM scans
    WHERE at < :before AND (at, id) > (:at, :id)
      AND state NOT IN ('waiting', 'shelved', 'annulling') AND clock <> 'unknown'
      AND NOT EXISTS (SELECT 1 FROM closing_people WHERE closing_people.nonce = scans.nonce)
    ORDER BY at, id LIMIT :limit
"""
_ADD = f"""
    INSERT INTO past_scans (type, verdict, reason, state, guests, settled, number)
    SELECT type, verdict, reason, state,
        nonce = sighting AND eye NOT IN {UNSEEN}, settled_no IS NOT NULL, 1
    FROM scans WHERE id = :id
    ON CONFLICT DO UPDATE SET number = number + 1
"""
_CLOSED = """
    DELETE FROM closing_people WHERE (closing_id, list_id, position_id) IN (
        SELECT closing_id, people.list_id, people.position_id FROM closing_people AS people
        JOIN closings ON closings.id = closing_id LEFT JOIN scans USING (nonce)
        WHERE closings.at < :before AND closings.state <> 'going'
          AND COALESCE(scans.state, '') NOT IN ('waiting', 'shelved', 'annulling')
        LIMIT :limit)
"""

_ASKED = """
    DELETE FROM closing_requests WHERE closing_id IN (
        SELECT id FROM closings WHERE at < :before AND state <> 'going')
"""


class Mark(NamedTuple):
    """How far one look through the ledger has come."""

    at: str = ""
    id: int = 0


def is_due(db: sqlite3.Connection, before: datetime, *, mark: Mark) -> bool:
    """Whether there is a scan that `forget` would look at."""
    return db.execute(_OLD, _arguments(before, mark, limit=1)).fetchone() is not None


def forget(
    db: sqlite3.Connection, before: datetime, *, mark: Mark, limit: int
) -> tuple[Mark, int] | None:
    """Turn some settled scans from before a time into numbers, the oldest first.

    One that alone says where somebody on the list is, for the server does not, is passed over.
    Returns the mark to go on from, and how many were forgotten; None when there are no more.
    """
    rows = db.execute(_OLD, _arguments(before, mark, limit=limit)).fetchall()
    if not rows:
        return None
    facts.put(db, "settled_no", str(facts.settled_no(db)))
    with _overwriting(db):
        forgotten = sum(_forget_one(db, row) for row in rows)
    return Mark(rows[-1]["at"], rows[-1]["id"]), forgotten


def forget_closed(db: sqlite3.Connection, before: datetime, *, limit: int) -> int:
    """Forget who was in closings before a time, and is owed nothing; how many that were."""
    with _overwriting(db):
        db.execute(_ASKED, {"before": stamp(before)})
        return db.execute(_CLOSED, {"before": stamp(before), "limit": limit}).rowcount


def _arguments(before: datetime, mark: Mark, *, limit: int) -> dict[str, object]:
    return {"before": stamp(before), "at": mark.at, "id": mark.id, "limit": limit}


def _forget_one(db: sqlite3.Connection, row: sqlite3.Row) -> bool:
    before = _whereabouts(db, row) if row["matters"] else None
    db.execute("SAVEPOINT one")
    db.execute(_ADD, {"id": row["id"]})
    db.execute("DELETE FROM scans WHERE id = ?", (row["id"],))
    kept = bool(row["matters"]) and _whereabouts(db, row) != before
    if kept:
        db.execute("ROLLBACK TO one")
    db.execute("RELEASE one")
    return not kept


def _whereabouts(db: sqlite3.Connection, row: sqlite3.Row) -> tuple[bool, bool]:
    """Whether the guest is inside on the list, and whether they ever came in."""
    past = history(db, row["list_id"], row["position_id"])
    is_inside = bool(past) and past[-1].type is ScanType.ENTRY
    return is_inside, any(one.type is ScanType.ENTRY for one in past)


@contextmanager
def _overwriting(db: sqlite3.Connection) -> Iterator[None]:
    """What is deleted is written over with zeros, not only let go of."""
    db.execute("PRAGMA secure_delete = ON")
    try:
        yield
    finally:
        db.execute("PRAGMA secure_delete = OFF")
