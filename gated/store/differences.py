"""Where the server and this gate disagree about who is inside, person by person, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from gated.errors import GatedError
from gated.model import BY_REPAIR, Reason, ScanType, State, Verdict
from gated.store.ledger import write_act
from gated.store.rows import moment, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from gated.model import Act

_NEAR = timedelta(minutes=15)
"""An entry elsewhere so soon after an exit here may as well be a clock that runs ahead."""

_AHEAD = timedelta(minutes=1)
"""Two clocks that are right may be so far apart: less is not the future."""

# Of each person who passed here: the last scan that the server was told of before its list was
# read, and what the server's own rule (the newest datetime) makes of the check-ins it lists.
_LAST = """
    SELECT scans.list_id, scans.position_id, scans.order_code, scans.type, scans.state,
        scans.server_message, COALESCE(scans.sent_at, scans.dated) AS told_at,
        (SELECT MAX(at) FROM checkins AS c WHERE c.list_id = scans.list_id
            AND c.position_id = scans.position_id AND c.type = 'entry') AS entered,
        (SELECT MAX(at) FROM checkins AS c WHERE c.list_id = scans.list_id
            AND c.position_id = scans.position_id AND c.type = 'exit') AS gone
    FROM scans JOIN listings USING (list_id, position_id)
    WHERE scans.id IN (
        SELECT MAX(id) FROM scans WHERE position_id IS NOT NULL AND verdict <> 'refuse'
            AND state <> 'annulled' GROUP BY list_id, position_id)
      AND settled_no <= known_no
      AND scans.list_id IN (SELECT value FROM json_each(?))
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """One person: inside by one of us, outside by the other.

    `why` is the likely reason; `repairable` says that one exit, dated after the entry, mends it.
    """

    list_id: int
    position_id: int
    order_code: str
    inside_here: bool
    why: str
    repairable: bool


def differences(db: sqlite3.Connection, lists: Sequence[int], *, now: datetime) -> list[Difference]:
    """Compare, as of the list that was read last."""
    found = []
    for row in db.execute(_LAST, (str(list(lists)),)):
        entered, gone = row["entered"], row["gone"]
        inside_there = entered is not None and (gone is None or entered > gone)
        inside_here = row["type"] == ScanType.ENTRY
        if inside_here == inside_there:
            continue
        why = _why_inside(db, row, now) if inside_there else _why_outside(row)
        if why:
            found.append(
                Difference(
                    list_id=row["list_id"],
                    position_id=row["position_id"],
                    order_code=row["order_code"],
                    inside_here=inside_here,
                    why=why,
                    repairable=inside_there,
                )
            )
    return found


def repair(
    db: sqlite3.Connection, list_id: int, position_id: int, *, at: datetime, act: Act
) -> None:
    """Owe the server one exit, a microsecond after the last entry it knows.

    Raises GatedError when the person is no difference that an exit mends.
    """
    found = differences(db, [list_id], now=at)
    if not any(one.position_id == position_id and one.repairable for one in found):
        raise GatedError("there is nothing to repair: look again")
    entered = db.execute(
        "SELECT MAX(at) AS at FROM checkins WHERE list_id = ? AND position_id = ?"
        " AND type = 'entry'",
        (list_id, position_id),
    ).fetchone()["at"]
    nonce, dated = str(uuid4()), moment(entered) + timedelta(microseconds=1)
    db.execute(
        "INSERT INTO scans (nonce, sighting, type, list_id, position_id, order_code, secret_hash,"
        " verdict, reason, at, dated, boot_id, monotonic_ns, eye, state, key)"
        " SELECT :nonce, :nonce, :type, :list, position_id, order_code, secret_hash, :verdict,"
        " :reason, :at, :dated, '', 0, :eye, :state, :nonce FROM tickets"
        " WHERE position_id = :position",
        {
            "nonce": nonce,
            "type": ScanType.EXIT,
            "list": list_id,
            "position": position_id,
            "verdict": Verdict.ADMIT,
            "reason": Reason.LEFT,
            "at": stamp(at),
            "dated": stamp(dated),
            "eye": BY_REPAIR,
            "state": State.WAITING,
        },
    )
    write_act(db, act)


def _why_inside(db: sqlite3.Connection, row: sqlite3.Row, now: datetime) -> str:
    """They left here; the server says they are inside."""
    entered, left = moment(row["entered"]), moment(row["told_at"])
    if row["state"] == State.REFUSED:
        return f"the server did not take the exit: {row['server_message']}"
    if entered > now + _AHEAD:
        return "clock: the entry is dated in the future"
    if _is_ours(db, row, entered):
        return "exit dated before its entry"
    if entered - left <= _NEAR:
        return "other device: let in there shortly after leaving here, or its clock runs ahead"
    return ""


def _why_outside(row: sqlite3.Row) -> str:
    """They came in here; the server says they are outside."""
    if row["state"] == State.REFUSED:
        return f"the server did not take the entry: {row['server_message']}"
    gone, came = row["gone"], row["told_at"]
    if gone is None:
        return "the server has no such entry any more"
    if moment(gone) - moment(came) <= _NEAR:
        return "other device: let out there shortly after coming in here, or its clock runs ahead"
    return ""


def _is_ours(db: sqlite3.Connection, row: sqlite3.Row, at: datetime) -> bool:
    found = db.execute(
        "SELECT 1 FROM scans WHERE position_id = ? AND list_id = ? AND type = 'entry'"
        " AND COALESCE(sent_at, dated) = ?",
        (row["position_id"], row["list_id"], stamp(at)),
    ).fetchone()
    return found is not None
