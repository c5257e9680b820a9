"""Taking in changes between two complete passes, and how far they were read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.store import facts
from gated.store.tickets import checkin_rows, insert_ticket, remember_former_secret
from gated.store.unlisted import adopt

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from gated.model import CheckinList, Listed
    from gated.store.tickets import Keeper


@dataclass(frozen=True, slots=True)
class Changed:
    """A position as the feed of changes shows it, its check-ins those of all lists."""

    listed: Listed
    canceled: bool = False
    attention: bool = False


def take_in(
    db: sqlite3.Connection,
    keeper: Keeper,
    changes: Sequence[Changed],
    lists: Sequence[CheckinList],
    *,
    known_no: int,
    cursor: str | None = None,
) -> int:
    """Merge changed positions that belong on one of the lists, as of `known_no`.

    A canceled position becomes a tombstone. With `cursor` the feed was read up to there, which
    is remembered in the same transaction. Returns how many positions were taken in.
    """
    taken = 0
    for change in changes:
        ticket = change.listed.ticket
        homes = [one.id for one in lists if one.covers(ticket.item)]
        row = db.execute(
            "SELECT require_attention FROM tickets WHERE position_id = ?", (ticket.position_id,)
        ).fetchone()
        if not homes and row is None:
            continue
        remember_former_secret(db, keeper, change.listed)
        insert_ticket(db, keeper, change.listed)
        # The feed knows the order's flag, not the product's: what the list said stays.
        attention = change.attention or bool(row and row["require_attention"])
        db.execute(
            "UPDATE tickets SET require_attention = ?, vanished = ? WHERE position_id = ?",
            (attention, change.canceled, ticket.position_id),
        )
        for one in lists:
            _replace_checkins(db, change.listed, one.id)
            db.execute(
                "INSERT OR REPLACE INTO listings (list_id, position_id, known_no) VALUES (?, ?, ?)",
                (one.id, ticket.position_id, known_no),
            )
        taken += 1
    adopt(db)
    if cursor is not None:
        facts.put(db, "orders_cursor", cursor)
    return taken


def set_back(db: sqlite3.Connection, cursor: str) -> None:
    """Read the feed again from here on; never forward, past what was not read yet."""
    now = facts.get(db, "orders_cursor")
    if now is None or cursor < now:
        facts.put(db, "orders_cursor", cursor)


def take_in_secrets(
    db: sqlite3.Connection,
    keeper: Keeper,
    *,
    kind: str,
    secrets: Sequence[tuple[str, bool]],
) -> None:
    """Keep the revoked or blocked secrets of tickets that need not be in the list.

    Each secret comes with whether it is (still) so.
    """
    for secret, holds in secrets:
        if holds:
            db.execute(
                "INSERT OR IGNORE INTO barred_secrets (secret_hash, kind) VALUES (?, ?)",
                (keeper.vault.hash(secret), kind),
            )
        else:
            db.execute(
                "DELETE FROM barred_secrets WHERE secret_hash = ? AND kind = ?",
                (keeper.vault.hash(secret), kind),
            )


def _replace_checkins(db: sqlite3.Connection, listed: Listed, list_id: int) -> None:
    db.execute(
        "DELETE FROM checkins WHERE list_id = ? AND position_id = ?",
        (list_id, listed.ticket.position_id),
    )
    rows = [row for row in checkin_rows([listed]) if row[0] == list_id]
    db.executemany("INSERT OR REPLACE INTO checkins VALUES (?, ?, ?, ?, ?)", rows)
