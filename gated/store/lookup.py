"""Looking up what a decision rests on: lists, tickets, add-ons, and who is where."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from gated.grounds import Facts
from gated.model import Checkin, CheckinList, Reason, ScanType, Trust
from gated.signed import could_be_signed, public_keys, verify
from gated.store import closings, events, unlisted
from gated.store.history import history
from gated.store.rows import list_of, ticket_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from gated.model import Ticket
    from gated.store.redeem import Redemption


def look_up(
    db: sqlite3.Connection, redemption: Redemption, *, believed: bool, vouching: bool
) -> Facts:
    """Everything that one decision rests on.

    If `vouching`, a code that no list has may vouch for itself by its signature.
    """
    lists = checkin_lists(db, redemption.lists)
    found = _found(db, redemption.secret_hash)
    barred = None if found else _barred(db, redemption.secret_hash)
    if not found and vouching and (signed := _signed(db, redemption.text, barred)):
        found, believed = [signed], False  # a list without the ticket says nothing of it
    addons = _addons(db, found) if any(one.addon_match for one in lists) else []
    past = {
        (checkin_list.id, ticket.position_id): (
            unlisted.history(db, checkin_list.id, redemption.secret_hash)
            if ticket.signed
            else _past(db, checkin_list.id, ticket.position_id, redemption.type)
        )
        for ticket in (*found, *addons)
        for checkin_list in lists
    }
    dates = {one.subevent for one in (*found, *addons) if one.subevent is not None}
    return Facts(
        type=redemption.type,
        now=redemption.at,
        time_known=redemption.clock is not Trust.UNKNOWN,
        lists=lists,
        found=found,
        addons=addons,
        history=past,
        believed=believed,
        event=events.known(db, dates) if any(one.rules for one in lists) else None,
        barred=barred,
    )


def checkin_lists(db: sqlite3.Connection, ids: Sequence[int]) -> list[CheckinList]:
    """The configured lists in order of priority; before the first pull, open ones of that id."""
    rows = {row["id"]: row for row in db.execute("SELECT id, description FROM checkin_lists")}
    return [
        list_of(rows[list_id]["description"]) if list_id in rows else CheckinList(id=list_id)
        for list_id in ids
    ]


def _barred(db: sqlite3.Connection, secret_hash: bytes) -> Reason | None:
    """Why a secret that belongs to no ticket of ours is known all the same."""
    row = db.execute(
        "SELECT MAX(kind) AS kind FROM barred_secrets WHERE secret_hash = ?", (secret_hash,)
    ).fetchone()
    return Reason(row["kind"]) if row["kind"] else None


def _signed(db: sqlite3.Connection, text: str, barred: Reason | None) -> Ticket | None:
    event = events.known(db) if could_be_signed(text) else None
    said = verify(text, _keys(event.valid_keys)) if event else None
    return unlisted.ticket_of(said, barred) if said else None


@lru_cache(maxsize=4)
def _keys(valid_keys: tuple[str, ...]) -> tuple[Ed25519PublicKey, ...]:
    return public_keys(valid_keys)


_FOUND = """
    SELECT tickets.*, 0 AS former FROM tickets WHERE secret_hash = :hash
    UNION ALL
    SELECT tickets.*, 1 FROM former_secrets AS old JOIN tickets USING (position_id)
    WHERE old.secret_hash = :hash
"""


def _found(db: sqlite3.Connection, secret_hash: bytes) -> list[Ticket]:
    rows = db.execute(_FOUND, {"hash": secret_hash})
    found = [ticket_of(row, former_secret=bool(row["former"])) for row in rows]
    return sorted(found, key=lambda ticket: ticket.former_secret)


def _addons(db: sqlite3.Connection, found: Sequence[Ticket]) -> list[Ticket]:
    return [
        ticket_of(row)
        for ticket in found
        for row in db.execute(
            "SELECT * FROM tickets WHERE addon_to = ? ORDER BY position_id",
            (ticket.position_id,),
        )
    ]


def _past(db: sqlite3.Connection, list_id: int, position_id: int, kind: ScanType) -> list[Checkin]:
    """The history; on the way out without what closings wrote, for nobody saw those leave."""
    past = history(db, list_id, position_id)
    if kind is ScanType.EXIT and (unseen := closings.dates(db, list_id, position_id)):
        return [one for one in past if one.type is ScanType.ENTRY or one.at not in unseen]
    return past
