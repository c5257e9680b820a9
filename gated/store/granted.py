"""Who was let through and has passed, or has not: what that makes of the rows of the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gated.errors import NothingToAnnul
from gated.model import BY_PASSAGE, ScanType, State
from gated.store import facts
from gated.store.ledger import write_act
from gated.store.rows import scan_of, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection
    from datetime import datetime

    from gated.model import Act, Scan

NOBODY_PASSED = "nobody passed"


def awaited(db: sqlite3.Connection) -> int:
    """How many guests are awaited."""
    rows = db.execute("SELECT COUNT(DISTINCT sighting) FROM scans WHERE passage = 'awaited'")
    return int(rows.fetchone()[0])


def note(db: sqlite3.Connection, sighting: str, passage: str) -> None:
    """Write down that a guest passed, or that nobody can know; from now on it may be told."""
    db.execute(
        "UPDATE scans SET passage = ? WHERE sighting = ? AND passage = 'awaited'",
        (passage, sighting),
    )


def give_up(db: sqlite3.Connection) -> int:
    """Await nobody any more, as after a restart: they were let through, so they count."""
    return db.execute("UPDATE scans SET passage = 'unknown' WHERE passage = 'awaited'").rowcount


def not_passed(
    db: sqlite3.Connection, sighting: str, *, at: datetime, keep_exits: bool
) -> list[Scan]:
    """The guest did not pass: an entry is annulled, an exit too unless exits are kept."""
    rows = db.execute(
        "UPDATE scans SET passage = 'not_passed' WHERE sighting = ? AND passage = 'awaited'"
        " RETURNING *",
        (sighting,),
    ).fetchall()
    return [
        scan if keep_exits and scan.type is ScanType.EXIT else _annul(db, scan, at=at)
        for scan in map(scan_of, rows)
    ]


def count_after_all(db: sqlite3.Connection, sightings: Collection[str]) -> None:
    """The sensor is dead, so these guests may well have passed: tell of them after all.

    But not of whoever has been let through once more since.
    """
    for sighting in sightings:
        db.execute(
            "UPDATE scans SET state = 'waiting', passage = 'unknown', server_message = '',"
            " settled_at = NULL, settled_no = NULL"
            " WHERE sighting = ? AND passage = 'not_passed' AND state = 'annulled'"
            " AND attempts = 0 AND NOT EXISTS (SELECT 1 FROM scans AS later"
            "   WHERE later.secret_hash = scans.secret_hash AND later.id > scans.id"
            "   AND later.verdict <> 'refuse')",
            (sighting,),
        )


def annul(db: sqlite3.Connection, nonce: str, *, act: Act) -> list[Scan]:
    """Staff saw that the guest did not pass after all. Raises NothingToAnnul."""
    rows = db.execute(
        "SELECT * FROM scans WHERE sighting = (SELECT sighting FROM scans WHERE nonce = ?)"
        " AND verdict <> 'refuse' AND state NOT IN ('annulled', 'annulling') AND eye <> ?",
        (nonce, BY_PASSAGE),
    ).fetchall()
    if not rows:
        raise NothingToAnnul("there is nothing to annul: nobody was let through by this scan")
    write_act(db, act)
    db.execute("UPDATE scans SET passage = 'not_passed' WHERE sighting = ?", (rows[0]["sighting"],))
    return [_annul(db, scan, at=act.at) for scan in map(scan_of, rows)]


def compensate(db: sqlite3.Connection, scan: Scan, *, at: datetime) -> None:
    """Owe the server the opposite, where it cannot take back; once, however often it is asked.

    It is dated a moment after what it makes up for: the guest may have been let in again since.
    """
    nonce = f"{scan.nonce}-back"
    dated = (scan.sent_at or scan.dated) + timedelta(microseconds=1)
    db.execute(
        "INSERT INTO scans (nonce, sighting, type, list_id, position_id, order_code, secret_hash,"
        " verdict, reason, at, dated, boot_id, monotonic_ns, eye, clock, state, key)"
        " SELECT :nonce, :nonce, :type, list_id, position_id, order_code, secret_hash, verdict,"
        " :reason, :at, :dated, boot_id, monotonic_ns, :eye, :clock, 'waiting', :nonce"
        " FROM scans WHERE nonce = :back AND NOT EXISTS"
        " (SELECT 1 FROM scans WHERE nonce = :nonce)",
        {
            "nonce": nonce,
            "type": scan.type.other,
            "reason": "left" if scan.type is ScanType.ENTRY else "entered",
            "at": stamp(at),
            "dated": stamp(dated),
            "eye": BY_PASSAGE,
            "clock": scan.clock,
            "back": scan.nonce,
        },
    )


def _annul(db: sqlite3.Connection, scan: Scan, *, at: datetime) -> Scan:
    """What was never sent is settled here; what was, the server is owed the news."""
    never_sent = not scan.attempts
    row = db.execute(
        "UPDATE scans SET state = :state, server_message = :words, settled_at = :at,"
        " settled_no = :number, secret_text = CASE WHEN :number THEN NULL ELSE secret_text END"
        " WHERE nonce = :nonce RETURNING *",
        {
            "state": State.ANNULLED if never_sent else State.ANNULLING,
            "words": NOBODY_PASSED,
            "at": stamp(at) if never_sent else None,
            "number": facts.settled_no(db) + 1 if never_sent else None,
            "nonce": scan.nonce,
        },
    ).fetchone()
    return scan_of(row)
