"""When each boot began, and dating anew the scans that were stamped before that was known."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gated.model import State, Trust
from gated.store.rows import moment, stamp

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

_AT_ONCE = 500


def boot(db: sqlite3.Connection, boot_id: str) -> tuple[datetime, Trust] | None:
    """When a boot began, and what is to be thought of that."""
    row = db.execute("SELECT began, clock FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    return (moment(row["began"]), Trust(row["clock"])) if row else None


def remember_boot(db: sqlite3.Connection, boot_id: str, began: datetime, trust: Trust) -> None:
    """Keep when a boot began: a restart of the gate need not learn it again."""
    db.execute(
        "INSERT OR REPLACE INTO boots (boot_id, began, clock) VALUES (?, ?, ?)",
        (boot_id, stamp(began), trust),
    )


def undated(db: sqlite3.Connection) -> set[State]:
    """The states of the scans that were stamped while the time was unknown."""
    rows = db.execute("SELECT DISTINCT state FROM scans WHERE clock = 'unknown'")
    return {State(row["state"]) for row in rows}


def put_right(db: sqlite3.Connection, boot_id: str, began: datetime | None) -> bool:
    """Date some of these scans anew, in the boot that runs and in earlier ones.

    With None nobody knows when this boot began: then its scans are dated by estimate, too.
    Returns whether there were any; call it until there are none.
    """
    rows = db.execute(
        "SELECT id, boot_id, monotonic_ns, at, dated FROM scans WHERE clock = 'unknown'"
        " ORDER BY id LIMIT ?",
        (_AT_ONCE,),
    ).fetchall()
    for row in rows:
        if not row["boot_id"]:  # no scan, but the exit of a closing: it bears the closing's time
            db.execute("UPDATE scans SET clock = 'estimated' WHERE id = ?", (row["id"],))
            continue
        if row["boot_id"] == boot_id and began:
            start, trust = began, Trust.CORRECTED
        else:
            start, trust = _began(db, row["boot_id"], before=began)
        at = stamp(start + timedelta(microseconds=row["monotonic_ns"] // 1000))
        # Dated after a check-in that it follows: what was true of it then stays true.
        dated = max(at, row["dated"]) if row["dated"] > row["at"] else at
        db.execute(
            "UPDATE scans SET at = ?, dated = ?, clock = ? WHERE id = ?",
            (at, dated, trust, row["id"]),
        )
    return bool(rows)


def _began(
    db: sqlite3.Connection, boot_id: str, *, before: datetime | None
) -> tuple[datetime, Trust]:
    """When an earlier boot began: known, or estimated once for all of its scans."""
    kept = boot(db, boot_id)
    if kept and kept[1] is not Trust.UNKNOWN:
        began, trust = kept
        return began, Trust.ESTIMATED if trust is Trust.ESTIMATED else Trust.CORRECTED
    began = _estimate(db, boot_id, kept[0] if kept else None, before=before)
    remember_boot(db, boot_id, began, Trust.ESTIMATED)
    return began, Trust.ESTIMATED


def _estimate(
    db: sqlite3.Connection, boot_id: str, thought: datetime | None, *, before: datetime | None
) -> datetime:
    """What the box itself thought, but after all that was known before, and before this boot."""
    row = db.execute(
        "SELECT MIN(id) AS id, MIN(monotonic_ns) AS first_ns, MAX(monotonic_ns) AS last_ns,"
        " MIN(at) AS at FROM scans WHERE clock = 'unknown' AND boot_id = ?",
        (boot_id,),
    ).fetchone()
    first = timedelta(microseconds=row["first_ns"] // 1000)
    last = timedelta(microseconds=row["last_ns"] // 1000)
    began = thought or moment(row["at"]) - first
    known = db.execute(
        "SELECT at FROM scans WHERE clock <> 'unknown' AND id < ? ORDER BY id DESC LIMIT 1",
        (row["id"],),
    ).fetchone()
    if known:
        began = max(began, moment(known["at"]) - first)
    return min(began, before - last) if before else began
