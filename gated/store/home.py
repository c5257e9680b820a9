"""Whose list and scans these are: the server and event they belong to, and taking leave of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gated.store import facts
from gated.store.ledger import write_act
from gated.store.rows import stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from gated.model import Act

_HOME = "home"
_CACHE = (
    "tickets", "former_secrets", "listings", "checkins", "barred_secrets", "checkin_lists",
)  # fmt: skip
_TOLD = ("capabilities", "event", "pulled_at", "orders_cursor")
"""Facts that the server told."""


def home(db: sqlite3.Connection) -> str:
    """The server, organizer and event that the scans belong to; empty while there is none."""
    return facts.get(db, _HOME) or ""


def unsettled(db: sqlite3.Connection) -> int:
    """How many scans are still owed to it, those on the shelf too."""
    query = "SELECT COUNT(*) FROM scans WHERE state IN ('waiting', 'shelved')"
    return int(db.execute(query).fetchone()[0])


def remember(db: sqlite3.Connection, name: str) -> None:
    """Say whose the scans are from now on."""
    if home(db) != name:
        facts.put(db, _HOME, name)


def move(db: sqlite3.Connection, name: str, *, act: Act) -> None:
    """Work for this server and event from now on, with none of another one's list.

    Scans made for another one stay in the ledger, but its positions mean somebody else here.
    """
    if home(db) != name:
        wipe(db)
        db.execute("UPDATE scans SET position_id = NULL WHERE settled_at IS NOT NULL")
        facts.put(db, _HOME, name)
    write_act(db, act)


def wipe(db: sqlite3.Connection) -> int:
    """Forget the list, and all else the server told; how many tickets that were. Scans stay."""
    tickets = int(db.execute("SELECT COUNT(*) FROM tickets").fetchone()[0])
    db.execute("PRAGMA secure_delete = ON")
    for table in _CACHE:
        db.execute(f"DELETE FROM {table}")
    for name in _TOLD:
        db.execute("DELETE FROM facts WHERE name = ?", (name,))
    return tickets


def wipe_by(db: sqlite3.Connection, *, act: Act) -> int:
    """Forget the list, and write down why."""
    write_act(db, act)
    return wipe(db)


def let_go(db: sqlite3.Connection, nonces: Iterable[str], *, act: Act) -> int:
    """Owe these scans to no server any more: somebody has taken them away in a file."""
    write_act(db, act)
    gone = 0
    for nonce in nonces:
        gone += db.execute(
            "UPDATE scans SET state = 'local', server_message = ?, settled_at = ?,"
            " secret_text = NULL WHERE nonce = ? AND state IN ('waiting', 'shelved')",
            (f"let go: {act.detail}"[:500], stamp(act.at), nonce),
        ).rowcount
    return gone
