"""Looking whether a database would do its work, without a write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.decide import decide
from gated.errors import StoreError
from gated.model import ScanType
from gated.store import facts
from gated.store.lookup import look_up
from gated.store.redeem import Redemption
from gated.store.vault import Vault

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime
    from pathlib import Path

    from gated.config import Config
    from gated.model import Decision

_MADE_UP = "a code that is on no ticket"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the gate would say to a guest with a known ticket, and to one with a made-up code."""

    order_code: str
    known: Decision
    made_up: Decision


def damage(db: sqlite3.Connection) -> str:
    """What SQLite finds wrong with the file, or an empty text; reads all of it."""
    answer = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    return "" if answer == "ok" else answer


def rehearse(
    db: sqlite3.Connection, key_file: Path, config: Config, *, at: datetime
) -> Rehearsal | None:
    """Decide about a ticket of the list as the gate would; None where the list is empty.

    Raises StoreError when the key file does not belong to the database.
    """
    if not key_file.exists():
        raise StoreError(f"the key file {key_file} is missing")
    vault = Vault.open(key_file)
    if facts.get(db, "key_mark") != vault.hash("gated").hex():
        raise StoreError(f"the key file {key_file} does not belong to this database")
    row = db.execute(
        "SELECT secret_hash, order_code FROM tickets JOIN listings USING (position_id)"
        " WHERE vanished = 0 AND list_id IN (SELECT value FROM json_each(?)) LIMIT 1",
        (str(list(config.server.checkin_lists)),),
    ).fetchone()
    if row is None:
        return None

    def answer(secret_hash: bytes) -> Decision:
        redemption = Redemption(
            nonce="",
            type=ScanType.ENTRY,
            secret_hash=secret_hash,
            at=at,
            lists=config.server.checkin_lists,
            policy=config.policy,
        )
        known = look_up(db, redemption, believed=True, vouching=False)
        return decide(known, config.policy)

    return Rehearsal(row["order_code"], answer(row["secret_hash"]), answer(vault.hash(_MADE_UP)))
