"""What is owed to the server: rows handed out in order, and what became of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from gated.model import Scan, State
from gated.store import facts
from gated.store.rows import moment, scan_of, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable
    from datetime import datetime

FAILED = "failed"
"""The reason noted where not the server's word, but its failure, was the answer."""


_REFUSED = "state = 'refused' AND verdict <> 'refuse'"


class Debt(msgspec.Struct, frozen=True):
    """A scan to be told, with what telling it needs."""

    scan: Scan
    pending: bool
    """The order is not paid yet; the list admits it all the same."""
    sealed_text: bytes | None
    failed: bool = False
    """The server failed on the last attempt: nobody knows whether it counted."""
    told_by: str = ""
    """Which token made the last attempt (Connection.mark)."""
    begun: Scan | None = None
    """The scan once its first attempt was begun ahead of being made."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request about to be made for a scan: through which endpoint, with which key."""

    scan: Scan
    via: str
    key: str


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a scan, with the server's words."""

    nonce: str
    state: State
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class OutboxCount:
    """The outbox in figures; `oldest` is the time of the oldest waiting scan.

    `refused` are guests who passed here though the server would not have it.
    """

    waiting: int
    settled: int
    shelved: int
    oldest: str | None
    refused: int = 0


def next_debts(db: sqlite3.Connection, limit: int, busy: Collection[str]) -> list[Debt]:
    """The oldest waiting scan of each ticket, but for those whose nonce is in `busy`.

    While an earlier scan of a ticket waits, its later ones wait too: order is kept per ticket.
    What was stamped by a clock that knew nothing waits to be dated right (store.dates), and who
    is still awaited in the passage is told when they have passed. What is to be annulled is first.
    """
    to_annul = db.execute(
        "SELECT scans.*, tickets.order_status FROM scans LEFT JOIN tickets USING (position_id)"
        " WHERE state = 'annulling' ORDER BY scans.id LIMIT ?",
        (limit + len(busy),),
    )
    rows = db.execute(
        "SELECT scans.*, tickets.order_status FROM scans"
        " LEFT JOIN tickets USING (position_id)"
        " WHERE state = 'waiting' AND clock <> 'unknown' AND passage <> 'awaited' AND NOT EXISTS ("
        "   SELECT 1 FROM scans AS earlier WHERE earlier.state = 'waiting'"
        "   AND earlier.secret_hash = scans.secret_hash AND earlier.id < scans.id"
        "   AND earlier.sighting <> scans.sighting)"
        " ORDER BY scans.id LIMIT ?",
        (limit + len(busy),),
    )
    debts = [_debt_of(row) for row in (*to_annul, *rows) if row["nonce"] not in busy]
    return debts[:limit]


def debt(db: sqlite3.Connection, nonce: str) -> Debt:
    """One scan as it is now."""
    return _debt_of(
        db.execute(
            "SELECT scans.*, tickets.order_status FROM scans"
            " LEFT JOIN tickets USING (position_id) WHERE nonce = ?",
            (nonce,),
        ).fetchone()
    )


def _debt_of(row: sqlite3.Row) -> Debt:
    return Debt(
        scan=scan_of(row),
        pending=row["order_status"] == "n",
        sealed_text=row["secret_text"],
        failed=bool(row["failed"]),
        told_by=row["told_by"],
    )


def begin_attempts(
    db: sqlite3.Connection, attempts: Iterable[Attempt], *, told_by: str
) -> dict[str, Scan]:
    """Count attempts before the first of them is made; the scans, begun, by nonce.

    A scan's first attempt fixes its datetime for good.
    """
    by_nonce = {one.scan.nonce: one for one in attempts}
    bound = {
        "attempts": json.dumps([(nonce, one.via, one.key) for nonce, one in by_nonce.items()]),
        "told_by": told_by,
    }
    begun = {}
    for nonce, count, sent_at in db.execute(_BEGIN, bound):
        one = by_nonce[nonce]
        begun[nonce] = replace(
            one.scan, attempts=count, sent_at=moment(sent_at), via=one.via, key=one.key
        )
    return begun


_BEGIN = """
    UPDATE scans SET attempts = attempts + 1, sent_at = COALESCE(sent_at, dated),
        via = one.value ->> 1, key = one.value ->> 2, told_by = :told_by, failed = 0
    FROM json_each(:attempts) AS one WHERE nonce = one.value ->> 0
    RETURNING nonce, attempts, sent_at
"""


def take_back(db: sqlite3.Connection, nonces: Iterable[str]) -> None:
    """First attempts that were begun, but not made, are none."""
    db.executemany(
        "UPDATE scans SET attempts = 0, sent_at = NULL, via = '', key = nonce, told_by = ''"
        " WHERE nonce = ? AND attempts = 1 AND state = 'waiting'",
        [(nonce,) for nonce in nonces],
    )


def settle(db: sqlite3.Connection, endings: Iterable[Ending], *, at: datetime) -> None:
    """Write down what became of scans, in order; the code itself is erased once it is told."""
    number, settled_at = facts.settled_no(db), stamp(at)
    rows = []
    for one in endings:
        number += one.state.settled
        numbered = number if one.state.settled else None
        rows.append((one.nonce, one.state, one.reason, one.message[:500], settled_at, numbered))
    db.executemany(
        "UPDATE scans SET state = ?2, server_reason = ?3, server_message = ?4, settled_at = ?5,"
        " settled_no = ?6, secret_text = CASE WHEN ?6 IS NULL THEN secret_text END"
        # Annulled while it was being told: how that ended is found out when it is annulled.
        " WHERE nonce = ?1 AND (state <> 'annulling' OR ?2 IN ('annulled', 'shelved'))",
        rows,
    )


def spoil(db: sqlite3.Connection, nonce: str) -> None:
    """The server failed on the attempt: read back before the next one, which needs a fresh key."""
    db.execute("UPDATE scans SET failed = 1 WHERE nonce = ?", (nonce,))


def note(db: sqlite3.Connection, nonce: str, *, reason: str, message: str) -> None:
    """Keep what the server answered to an attempt that did not settle the scan."""
    db.execute(
        "UPDATE scans SET server_reason = ?, server_message = ? WHERE nonce = ?",
        (reason, message[:500], nonce),
    )


def note_failure(db: sqlite3.Connection, nonce: str, *, message: str) -> None:
    """Keep how an attempt failed, unless the server said what it has against the scan itself."""
    db.execute(
        "UPDATE scans SET server_reason = ?, server_message = ?"
        " WHERE nonce = ? AND server_reason IN ('', ?)",
        (FAILED, message[:500], nonce, FAILED),
    )


def count(db: sqlite3.Connection) -> OutboxCount:
    """How much is owed."""
    waiting = db.execute("SELECT COUNT(*) FROM scans WHERE state = 'waiting'").fetchone()[0]
    waiting += db.execute("SELECT COUNT(*) FROM scans WHERE state = 'annulling'").fetchone()[0]
    shelved = db.execute("SELECT COUNT(*) FROM scans WHERE state = 'shelved'").fetchone()[0]
    settled = db.execute("SELECT COUNT(*) FROM scans WHERE settled_no IS NOT NULL").fetchone()[0]
    past = "SELECT COALESCE(SUM(number), 0) FROM past_scans WHERE settled"
    settled += db.execute(past).fetchone()[0]
    oldest = db.execute("SELECT MIN(at) FROM scans WHERE state = 'waiting'").fetchone()[0]
    refused = db.execute(f"SELECT COUNT(*) FROM scans WHERE {_REFUSED}").fetchone()[0]
    return OutboxCount(waiting, settled, shelved, oldest, refused)


def by_state(db: sqlite3.Connection) -> dict[State, int]:
    """How many scans are in each state, those included that are numbers by now."""
    rows = db.execute(
        "SELECT state, SUM(n) AS n FROM (SELECT state, COUNT(*) AS n FROM scans GROUP BY state"
        " UNION ALL SELECT state, number FROM past_scans) GROUP BY state"
    )
    found = {row["state"]: row["n"] for row in rows}
    return {state: found.get(state, 0) for state in State}


def oldest_waiting(db: sqlite3.Connection) -> datetime | None:
    """When the oldest scan was made that the server is still to be told of."""
    oldest: str | None = db.execute("SELECT MIN(at) FROM scans WHERE state = 'waiting'").fetchone()[
        0
    ]
    return moment(oldest)


def troubled(db: sqlite3.Connection, limit: int) -> list[Scan]:
    """What a person should see: the shelf, then what the server refused, each newest first."""
    found: list[Scan] = []
    for which in ("state = 'shelved'", _REFUSED):
        rows = db.execute(
            f"SELECT * FROM scans WHERE {which} ORDER BY id DESC LIMIT ?",
            (limit - len(found),),
        )
        found += map(scan_of, rows)
    return found
