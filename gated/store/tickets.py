"""The cached attendee list: a complete pass replaces it at once, one ticket can be merged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.store import facts
from gated.store.rows import describe, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from gated.model import CheckinList, Listed, ScanType
    from gated.store.vault import Vault


@dataclass(frozen=True, slots=True)
class Keeper:
    """What may be kept of a listed ticket, and how: secrets hashed, names sealed or not at all."""

    vault: Vault
    names: bool = False

    def row(self, listed: Listed) -> tuple[object, ...]:
        """The values of a row of `tickets`."""
        ticket = listed.ticket
        return (
            ticket.position_id,
            self.vault.hash(listed.secret),
            ticket.order_code,
            ticket.item,
            ticket.variation,
            ticket.subevent,
            ticket.addon_to,
            ticket.order_status,
            ticket.valid_if_pending,
            ticket.require_approval,
            ticket.require_attention,
            ticket.blocked,
            stamp(ticket.valid_from),
            stamp(ticket.valid_until),
            self.vault.seal(listed.name) if self.names and listed.name else None,
            0,
        )


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a complete pass changed."""

    tickets: int
    changed: int
    vanished: int


_COLUMNS = (
    "position_id, secret_hash, order_code, item, variation, subevent, addon_to, order_status,"
    " valid_if_pending, require_approval, require_attention, blocked, valid_from, valid_until,"
    " name, vanished"
)
_VALUES = ", ".join("?" * 16)


def begin_pass(db: sqlite3.Connection) -> int:
    """Start collecting a complete pass aside; returns the `known_no` it will stand for."""
    _end_pass(db)
    db.execute("CREATE TEMP TABLE new_tickets AS SELECT * FROM tickets WHERE 0")
    db.execute("CREATE UNIQUE INDEX temp.new_tickets_id ON new_tickets (position_id)")
    db.execute(
        "CREATE TEMP TABLE new_listings (list_id, position_id,"
        " PRIMARY KEY (list_id, position_id)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TEMP TABLE new_checkins (list_id, position_id, at, server_id, type,"
        " PRIMARY KEY (list_id, position_id, at, server_id)) WITHOUT ROWID"
    )
    return facts.settled_no(db)


def add_to_pass(
    db: sqlite3.Connection, keeper: Keeper, list_id: int, listed: Sequence[Listed]
) -> None:
    """Collect a page. The same ticket on a later page or list is the same ticket."""
    db.executemany(
        f"INSERT OR REPLACE INTO temp.new_tickets ({_COLUMNS}) VALUES ({_VALUES})",
        [keeper.row(one) for one in listed],
    )
    db.executemany(
        "INSERT OR REPLACE INTO temp.new_listings VALUES (?, ?)",
        [(list_id, one.ticket.position_id) for one in listed],
    )
    db.executemany(
        "INSERT OR REPLACE INTO temp.new_checkins VALUES (?, ?, ?, ?, ?)",
        checkin_rows(listed),
    )


def finish_pass(
    db: sqlite3.Connection, lists: Sequence[CheckinList], *, known_no: int, at: datetime
) -> PassResult:
    """Put the collected pass in the place of the old list, in the caller's transaction.

    What is absent becomes a tombstone, an old secret a former one; only differences are written.
    """
    # A ticket that came back, or was changed, keeps its old secret as a former one.
    db.execute(
        "INSERT OR IGNORE INTO former_secrets (secret_hash, position_id)"
        " SELECT old.secret_hash, old.position_id FROM tickets AS old"
        " JOIN temp.new_tickets AS new USING (position_id)"
        " WHERE old.secret_hash <> new.secret_hash"
    )
    changed = db.execute(
        f"INSERT OR REPLACE INTO tickets ({_COLUMNS})"
        f" SELECT {_COLUMNS} FROM (SELECT {_COLUMNS} FROM temp.new_tickets"
        f" EXCEPT SELECT {_COLUMNS} FROM tickets)"
    ).rowcount
    vanished = db.execute(
        "UPDATE tickets SET vanished = 1 WHERE NOT vanished"
        " AND position_id NOT IN (SELECT position_id FROM temp.new_tickets)"
    ).rowcount
    # The tombstones keep their listings and check-ins: somebody may be inside on them.
    db.execute(
        "DELETE FROM checkins WHERE position_id IN (SELECT position_id FROM temp.new_tickets)"
        " AND (list_id, position_id, at, server_id, type) NOT IN"
        " (SELECT list_id, position_id, at, server_id, type FROM temp.new_checkins)"
    )
    db.execute("INSERT OR IGNORE INTO checkins SELECT * FROM temp.new_checkins")
    db.execute(
        "DELETE FROM listings WHERE position_id IN (SELECT position_id FROM temp.new_tickets)"
        " AND (list_id, position_id) NOT IN (SELECT list_id, position_id FROM temp.new_listings)"
    )
    db.execute(
        "INSERT OR IGNORE INTO listings (list_id, position_id, known_no)"
        " SELECT list_id, position_id, ? FROM temp.new_listings",
        (known_no,),
    )
    # Only where we have scans of our own does it matter as of when the server's list is.
    db.execute(
        "UPDATE listings SET known_no = :no WHERE known_no < :no"
        " AND (list_id, position_id) IN (SELECT list_id, position_id FROM temp.new_listings)"
        " AND EXISTS (SELECT 1 FROM scans WHERE scans.position_id = listings.position_id"
        " AND scans.verdict <> 'refuse')",
        {"no": known_no},
    )
    write_lists(db, lists)
    facts.put(db, "pulled_at", stamp(at))
    count = db.execute("SELECT COUNT(*) FROM temp.new_tickets").fetchone()[0]
    _end_pass(db)
    return PassResult(tickets=count, changed=changed, vanished=vanished)


def _end_pass(db: sqlite3.Connection) -> None:
    for table in ("new_tickets", "new_listings", "new_checkins"):
        db.execute(f"DROP TABLE IF EXISTS temp.{table}")


def write_lists(db: sqlite3.Connection, lists: Sequence[CheckinList]) -> None:
    """Keep how the check-in lists are set up."""
    db.executemany(
        "INSERT OR REPLACE INTO checkin_lists (id, description) VALUES (?, ?)",
        [(one.id, describe(one)) for one in lists],
    )


def merge(
    db: sqlite3.Connection,
    keeper: Keeper,
    list_id: int,
    listed: Sequence[Listed],
    *,
    known_no: int,
) -> None:
    """Take in what the server said about single tickets when asked, as of `known_no`."""
    # A pass under way may have read its page before: it must not make a tombstone of this.
    if db.execute("SELECT 1 FROM sqlite_temp_master WHERE name = 'new_tickets'").fetchone():
        add_to_pass(db, keeper, list_id, listed)
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


def insert_ticket(db: sqlite3.Connection, keeper: Keeper, listed: Listed) -> None:
    """Write a ticket in the place of what was known of it."""
    db.execute(
        f"INSERT OR REPLACE INTO tickets ({_COLUMNS}) VALUES ({_VALUES})", keeper.row(listed)
    )


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


def checkin_rows(listed: Iterable[Listed]) -> list[tuple[int, int, str, int, ScanType]]:
    """The rows of `checkins` for some tickets."""
    return [
        (checkin.list_id, one.ticket.position_id, stamp(checkin.at), checkin.id, checkin.type)
        for one in listed
        for checkin in one.checkins
    ]
