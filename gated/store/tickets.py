"""The cached attendee list: what is kept of a ticket, and taking in single ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gated.store.rows import stamp
from gated.store.unlisted import adopt

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from gated.model import Listed
    from gated.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Keeper:
    """What may be kept of a listed ticket, and how: secrets hashed, names sealed or not at all."""

    vault: Vault
    names: bool = False

    def row(self, listed: Listed) -> tuple[object, ...]:
        """The values of a row of `tickets`.

        Of the kinds that sqlite3 binds at once: with bools and bytes it takes four times as long.
        """
        ticket = listed.ticket
        return (
            ticket.position_id,
            bytearray(self.vault.hash(listed.secret)),
            ticket.order_code,
            ticket.item,
            ticket.variation,
            ticket.subevent,
            ticket.addon_to,
            ticket.order_status,
            int(ticket.valid_if_pending),
            int(ticket.require_approval),
            int(ticket.require_attention),
            int(ticket.blocked),
            stamp(ticket.valid_from),
            stamp(ticket.valid_until),
            self.vault.seal(listed.name) if self.names and listed.name else None,
            0,
        )


COLUMNS = (
    "position_id, secret_hash, order_code, item, variation, subevent, addon_to, order_status,"
    " valid_if_pending, require_approval, require_attention, blocked, valid_from, valid_until,"
    " name, vanished"
)
VALUES = ", ".join("?" * 16)
"""Of a row of `tickets`, as `Keeper.row` gives it: the names, and the places to bind."""

SHOWN = COLUMNS.replace("secret_hash", "lower(hex(secret_hash))").replace(" name", " hex(name)")
"""The same columns, as `shown` shows them."""


def shown(row: tuple[Any, ...]) -> tuple[object, ...]:
    """A row of `tickets` without a value that JSON could not hold."""
    position_id, secret_hash, *others, name, vanished = row
    return (position_id, secret_hash.hex(), *others, name.hex().upper() if name else "", vanished)


def merge(
    db: sqlite3.Connection,
    keeper: Keeper,
    list_id: int,
    listed: Sequence[Listed],
    *,
    known_no: int,
) -> None:
    """Take in what the server said about single tickets when asked, as of `known_no`."""
    for one in listed:
        position_id = one.ticket.position_id
        remember_former_secret(db, keeper, one)
        insert_ticket(db, keeper, one)
        db.execute(
            "DELETE FROM checkins WHERE list_id = ? AND position_id = ?", (list_id, position_id)
        )
        db.execute(
            "INSERT OR REPLACE INTO listings (list_id, position_id, known_no) VALUES (?, ?, ?)",
            (list_id, position_id, known_no),
        )
    db.executemany("INSERT OR REPLACE INTO checkins VALUES (?, ?, ?, ?, ?)", checkin_rows(listed))
    adopt(db)


def insert_ticket(db: sqlite3.Connection, keeper: Keeper, listed: Listed) -> None:
    """Write a ticket in the place of what was known of it."""
    db.execute(f"INSERT OR REPLACE INTO tickets ({COLUMNS}) VALUES ({VALUES})", keeper.row(listed))


def remember_former_secret(db: sqlite3.Connection, keeper: Keeper, listed: Listed) -> None:
    """Before a ticket with another secret replaces it, keep the old one: a way out, no way in."""
    db.execute(
        "INSERT OR IGNORE INTO former_secrets (secret_hash, position_id)"
        " SELECT secret_hash, position_id FROM tickets WHERE position_id = ? AND secret_hash <> ?",
        (listed.ticket.position_id, keeper.vault.hash(listed.secret)),
    )


def count(db: sqlite3.Connection) -> int:
    """How many live tickets the cache holds."""
    return db.execute("SELECT COUNT(*) FROM tickets WHERE NOT vanished").fetchone()[0]  # type: ignore[no-any-return]


def checkin_rows(listed: Iterable[Listed]) -> list[tuple[int, int, str, int, str]]:
    """The rows of `checkins` for some tickets."""
    return [
        (checkin.list_id, one.ticket.position_id, stamp(checkin.at), checkin.id, checkin.type.value)
        for one in listed
        for checkin in one.checkins
    ]
