"""The shelf: scans that the server failed on for too long, and what a person has done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gated.errors import NotOnShelf
from gated.store.ledger import write_act
from gated.store.rows import scan_of, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from gated.model import Act, Scan


def shelved(db: sqlite3.Connection) -> Iterator[Scan]:
    """What lies on the shelf, oldest first."""
    for row in db.execute("SELECT * FROM scans WHERE state = 'shelved' ORDER BY id"):
        yield scan_of(row)


def retry(db: sqlite3.Connection, nonce: str, *, act: Act) -> Scan:
    """Owe it to the server again; its marks stay, so it counts once. Raises NotOnShelf."""
    found = _on_shelf(db, nonce)
    write_act(db, act)
    row = db.execute(
        "UPDATE scans SET state = 'waiting' WHERE nonce = ? RETURNING *", (found,)
    ).fetchone()
    return scan_of(row)


def settle_by_hand(db: sqlite3.Connection, nonce: str, why: str, *, act: Act) -> Scan:
    """Owe it no more. Raises NotOnShelf.

    It goes on counting here: the guest did pass, whatever the server's list says.
    """
    found = _on_shelf(db, nonce)
    write_act(db, act)
    row = db.execute(
        "UPDATE scans SET state = 'local', server_message = ?, settled_at = ?, secret_text = NULL"
        " WHERE nonce = ? RETURNING *",
        (f"settled by hand: {why}"[:500], stamp(act.at), found),
    ).fetchone()
    return scan_of(row)


def _on_shelf(db: sqlite3.Connection, nonce: str) -> str:
    """The whole nonce for one that may be cut short, as long as it is told apart."""
    found = [
        row["nonce"]
        for row in db.execute(
            "SELECT nonce FROM scans WHERE state = 'shelved' AND substr(nonce, 1, ?) = ?",
            (len(nonce), nonce),
        )
    ]
    if nonce in found:
        return nonce
    if not nonce or not found:
        raise NotOnShelf(f'no scan on the shelf is called "{nonce}": see gated scans --shelved')
    if len(found) > 1:
        raise NotOnShelf(f'"{nonce}" begins the names of {len(found)} scans: give more of it')
    return str(found[0])
