"""Tickets that vouch for themselves by their signature while no list has them.

Their scans have no position; they are found by their code until a list brings the ticket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gated.model import Checkin, Reason, ScanType, Ticket
from gated.store.rows import moment

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from gated.signed import SignedTicket


def ticket_of(said: SignedTicket, barred: Reason | None) -> Ticket:
    """What a signed code says of itself, as a ticket; `barred` if the server took it back."""
    return Ticket(
        position_id=0,
        order_code="",
        item=said.item,
        variation=said.variation,
        subevent=said.subevent,
        valid_from=said.valid_from,
        valid_until=said.valid_until,
        blocked=barred is Reason.BLOCKED,
        former_secret=barred is Reason.REVOKED,
        signed=True,
    )


def history(db: sqlite3.Connection, list_id: int, secret_hash: bytes) -> list[Checkin]:
    """Our own check-ins with this code on one list, oldest first; nobody else's are known."""
    rows = db.execute(
        "SELECT COALESCE(sent_at, dated) AS at, type FROM scans"
        " WHERE position_id IS NULL AND verdict <> 'refuse' AND secret_hash = ? AND list_id = ?"
        " AND state NOT IN ('annulled', 'annulling') AND reason <> 'free_flow' ORDER BY at, id",
        (secret_hash, list_id),
    )
    return [Checkin(ScanType(row["type"]), moment(row["at"])) for row in rows]


def adopt(db: sqlite3.Connection) -> None:
    """Give scans the positions of tickets that have come into the list since."""
    db.execute(
        "UPDATE scans SET (position_id, order_code) = ("
        "   SELECT position_id, order_code FROM tickets"
        "   WHERE tickets.secret_hash = scans.secret_hash ORDER BY vanished, position_id LIMIT 1)"
        " WHERE position_id IS NULL AND verdict <> 'refuse'"
        " AND EXISTS (SELECT 1 FROM tickets WHERE tickets.secret_hash = scans.secret_hash)"
    )


def count_inside(db: sqlite3.Connection, lists: Sequence[int]) -> int:
    """How many people are inside on a ticket that no list has."""
    return db.execute(  # type: ignore[no-any-return]
        "SELECT COUNT(*) FROM ("
        "   SELECT type, MAX(COALESCE(sent_at, dated) || (type = 'exit')) FROM scans"
        "   WHERE position_id IS NULL AND verdict <> 'refuse'"
        "   AND state NOT IN ('annulled', 'annulling') AND reason <> 'free_flow'"
        "   AND list_id IN (SELECT value FROM json_each(?)) GROUP BY secret_hash)"
        " WHERE type = 'entry'",
        (str(list(lists)),),
    ).fetchone()[0]
