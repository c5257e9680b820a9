"""Everybody checked out by the server itself: what it was asked, and what became of each person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.model import BY_CLOSING, ScanType
from gated.store.closings import meanwhile
from gated.store.history import history
from gated.store.rows import stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import datetime

    from gated.store.closings import Closing

_NOT_LISTED = "the server named it, but does not list its exit"
_DATED_AFTER = "the server named it, but its entry is dated after the press: it is still inside"


@dataclass(frozen=True, slots=True)
class Request:
    """The server was asked for one list. `named` are the positions it said, None if it did not."""

    list_id: int
    named: frozenset[int] | None
    refused: str

    @property
    def is_open(self) -> bool:
        """Whether nobody knows what it did."""
        return self.named is None and not self.refused


def requests(db: sqlite3.Connection, closing: Closing) -> list[Request]:
    """What the server was asked so far."""
    rows = db.execute("SELECT * FROM closing_requests WHERE closing_id = ?", (closing.id,))
    return [
        Request(
            list_id=row["list_id"],
            named=None if row["named"] is None else frozenset(json.loads(row["named"])),
            refused=row["refused"],
        )
        for row in rows
    ]


def next_list(db: sqlite3.Connection, closing: Closing) -> int | None:
    """The list to ask for now; none once a request got no answer, or a no."""
    asked = requests(db, closing)
    if any(one.is_open or one.refused for one in asked):
        return None
    done = {one.list_id for one in asked}
    return next((one for one in closing.lists if one not in done), None)


def asking(db: sqlite3.Connection, closing: Closing, list_id: int, *, at: datetime) -> None:
    """The server is about to be asked; written down before it is."""
    db.execute(
        "INSERT INTO closing_requests (closing_id, list_id, asked_at) VALUES (?, ?, ?)",
        (closing.id, list_id, stamp(at)),
    )
    db.execute(
        "UPDATE closing_people SET dated = ? WHERE closing_id = ? AND list_id = ?",
        (stamp(closing.at), closing.id, list_id),
    )


def answered(db: sqlite3.Connection, closing: Closing, list_id: int, named: Iterable[int]) -> None:
    """It did it, and named these positions."""
    db.execute(
        "UPDATE closing_requests SET named = ? WHERE closing_id = ? AND list_id = ?",
        (json.dumps(list(named)), closing.id, list_id),
    )


def refused(db: sqlite3.Connection, closing: Closing, list_id: int, words: str) -> None:
    """It said no before it did anything."""
    db.execute(
        "UPDATE closing_requests SET refused = ? WHERE closing_id = ? AND list_id = ?",
        (words, closing.id, list_id),
    )


def compare(db: sqlite3.Connection, closing: Closing) -> None:
    """Write down what became of each, by what the server lists now.

    Everybody of the snapshot, whoever it named and whoever has an exit of that moment.
    """
    asked = {one.list_id: one for one in requests(db, closing)}
    rows = db.execute("SELECT * FROM closing_people WHERE closing_id = ?", (closing.id,)).fetchall()
    for row in rows:
        _compare(db, closing, row, asked.get(row["list_id"]))
    known = {(row["list_id"], row["position_id"]) for row in rows}
    for request in asked.values():
        left = _left_at(db, closing, request.list_id)
        for position_id in sorted(left | (request.named or frozenset())):
            if (request.list_id, position_id) not in known:
                has_exit = position_id in left
                _add(db, closing, request.list_id, position_id, has_exit=has_exit)


def _compare(
    db: sqlite3.Connection, closing: Closing, row: sqlite3.Row, request: Request | None
) -> None:
    stay = (row["list_id"], row["position_id"])
    past = history(db, *stay)
    has_exit = any(one.type is ScanType.EXIT and one.at == closing.at for one in past)
    outcome = meanwhile(past, row, closing)
    # An entry dated after the press, though known at it, outlives an exit of that moment.
    if has_exit and outcome != "came back":
        outcome = "inside" if stamp(past[-1].at) == row["entered_at"] else "out"
    outcome = outcome or "inside"
    db.execute(
        "UPDATE closing_people SET outcome = ?, words = ?, dated = ?"
        " WHERE closing_id = ? AND list_id = ? AND position_id = ?",
        (
            outcome,
            _remark(outcome, row["position_id"], request, has_exit=has_exit),
            stamp(closing.at) if has_exit else "",
            closing.id,
            *stay,
        ),
    )
    if not has_exit:
        _tell_after_all(db, *stay)


def _add(
    db: sqlite3.Connection, closing: Closing, list_id: int, position_id: int, *, has_exit: bool
) -> None:
    """Somebody who was not in the snapshot."""
    past = history(db, list_id, position_id)
    if past and past[-1].type is ScanType.ENTRY and past[-1].at > closing.at:
        outcome, words = "came later", "the exit is dated before the entry, and ends nothing"
    elif has_exit:
        outcome, words = "extra", "was not inside at the press by what we knew"
    else:
        outcome, words = "extra", _NOT_LISTED
    db.execute(
        "INSERT OR IGNORE INTO closing_people"
        " (closing_id, list_id, position_id, entered_at, dated, outcome, words)"
        " VALUES (?, ?, ?, '', ?, ?, ?)",
        (
            closing.id,
            list_id,
            position_id,
            stamp(closing.at) if has_exit else "",
            outcome,
            words,
        ),
    )


def _remark(outcome: str, position_id: int, request: Request | None, *, has_exit: bool) -> str:
    if request is None:
        return "the server was not asked for this list"
    if request.named is None:
        no_answer = "the server gave no answer; read back afterwards"
        return "" if outcome == "out" else request.refused or no_answer
    if position_id in request.named and outcome == "inside":
        return _DATED_AFTER if has_exit else _NOT_LISTED
    if position_id not in request.named and outcome != "came back":
        return "not among those the server named"
    return ""


def _left_at(db: sqlite3.Connection, closing: Closing, list_id: int) -> set[int]:
    rows = db.execute(
        "SELECT position_id FROM checkins WHERE at = ? AND type = 'exit' AND list_id = ?",
        (stamp(closing.at), list_id),
    )
    return {row["position_id"] for row in rows}


def _tell_after_all(db: sqlite3.Connection, list_id: int, position_id: int) -> None:
    """Who walked out while the closing seemed to have done it for them did so by themselves."""
    db.execute(
        "UPDATE scans SET state = 'waiting', server_reason = '' WHERE position_id = ?"
        " AND list_id = ? AND verdict <> 'refuse' AND state = 'local' AND server_reason = ?",
        (position_id, list_id, BY_CLOSING),
    )
