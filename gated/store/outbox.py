"""What is owed to the server: rows handed out in order, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.model import State
from gated.store import facts
from gated.store.rows import moment, scan_of, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from gated.model import Scan


FAILED = "failed"
"""The reason noted where not the server's word, but its failure, was the answer."""


_REFUSED = "state = 'refused' AND verdict <> 'refuse'"


@dataclass(frozen=True, slots=True)
class Debt:
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
    """A request about to be made: through which endpoint, with which key."""

    nonce: str
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


def begin_attempt(
    db: sqlite3.Connection, nonce: str, *, via: str, key: str, told_by: str = ""
) -> Scan:
    """Count the attempt before it is made; the first one fixes endpoint and datetime for good."""
    row = db.execute(
        "UPDATE scans SET attempts = attempts + 1,"
        " sent_at = COALESCE(sent_at, dated), via = :via, key = :key, told_by = :told_by,"
        " failed = 0 WHERE nonce = :nonce RETURNING *",
        {"nonce": nonce, "via": via, "key": key, "told_by": told_by},
    ).fetchone()
    return scan_of(row)


def begin_attempts(
    db: sqlite3.Connection, attempts: Iterable[Attempt], *, told_by: str
) -> dict[str, Scan]:
    """Count many attempts before the first of them is made; the scans by nonce."""
    return {
        one.nonce: begin_attempt(db, one.nonce, via=one.via, key=one.key, told_by=told_by)
        for one in attempts
    }


def take_back(db: sqlite3.Connection, nonces: Iterable[str]) -> None:
    """First attempts that were begun, but not made, are none."""
    db.executemany(
        "UPDATE scans SET attempts = 0, sent_at = NULL, via = '', key = nonce, told_by = ''"
        " WHERE nonce = ? AND attempts = 1 AND state = 'waiting'",
        [(nonce,) for nonce in nonces],
    )


def settle_all(db: sqlite3.Connection, endings: Iterable[Ending], *, at: datetime) -> None:
    """Settle many scans, in order."""
    for one in endings:
        settle(
            db,
            one.nonce,
            one.state,
            at=at,
            server_reason=one.reason,
            server_message=one.message,
        )


def settle(
    db: sqlite3.Connection,
    nonce: str,
    state: State,
    *,
    at: datetime,
    server_reason: str = "",
    server_message: str = "",
) -> None:
    """Write down what became of a scan; the code itself is erased once it is told."""
    number = facts.settled_no(db) + 1 if state.settled else None
    db.execute(
        "UPDATE scans SET state = ?, server_reason = ?, server_message = ?, settled_at = ?,"
        " settled_no = ?, secret_text = CASE WHEN ? THEN NULL ELSE secret_text END"
        # Annulled while it was being told: how that ended is found out when it is annulled.
        " WHERE nonce = ? AND (state <> 'annulling' OR ? IN ('annulled', 'shelved'))",
        (
            state,
            server_reason,
            server_message[:500],
            stamp(at),
            number,
            state.settled,
            nonce,
            state,
        ),
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
