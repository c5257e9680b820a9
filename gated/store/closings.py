"""Checking everybody out: the snapshot at the press, and what became of each person in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from gated.errors import ClosingBusy
from gated.model import BY_CLOSING, Reason, ScanType, State, Trust, Verdict
from gated.store import ledger
from gated.store.history import history
from gated.store.rows import moment, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from gated.model import Act, Checkin

NEWCOMERS = ("extra", "came later")
"""Outcomes of people who were not in the snapshot, but whom the server checked out all the same."""

_STEP = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Closing:
    """One press of "check everybody out"."""

    id: int
    at: datetime
    lists: tuple[int, ...]
    way: str
    origin: str
    state: str
    words: str


@dataclass(frozen=True, slots=True)
class Person:
    """What became of one stay of the snapshot; `outcome` in one word, `words` for a person."""

    list_id: int
    position_id: int
    order_code: str
    outcome: str
    words: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How far a closing has come, in stays (a person inside on two lists is two)."""

    total: int
    todo: int
    owed: int
    outcomes: dict[str, int]

    @property
    def done(self) -> int:
        """Stays that are dealt with, at the server too."""
        return self.total - self.todo - self.owed


def begin(
    db: sqlite3.Connection, lists: Sequence[int], *, way: str, at: datetime, act: Act
) -> Closing:
    """Write down who is inside on the lists this moment. Raises ClosingBusy."""
    busy = latest(db)
    if busy and busy.state == "going":
        raise ClosingBusy(f"everybody is being checked out already, since {busy.at:%H:%M:%S} UTC")
    row = db.execute(
        "INSERT INTO closings (at, lists, way, origin, state) VALUES (?, ?, ?, ?, 'going')"
        " RETURNING *",
        (stamp(at), json.dumps(list(lists)), way, act.origin),
    ).fetchone()
    closing = _closing(row)
    people = ledger.people_inside(db, lists)
    db.executemany(
        "INSERT INTO closing_people (closing_id, list_id, position_id, entered_at)"
        " VALUES (?, ?, ?, ?)",
        [(closing.id, one.list_id, one.position_id, one.entered_at) for one in people],
    )
    ledger.write_act(db, act)
    return closing


def latest(db: sqlite3.Connection) -> Closing | None:
    """The last one, whatever its state."""
    row = db.execute("SELECT * FROM closings ORDER BY id DESC LIMIT 1").fetchone()
    return _closing(row) if row else None


def step(
    db: sqlite3.Connection, closing: Closing, *, at_most: int, clock: Trust = Trust.SYNCHRONISED
) -> int:
    """Owe the server the exits of the next few, so many of them at a time.

    `clock` is how far the time of the press is known. Looks at each once more: who left meanwhile,
    or came back after the press, is let be. Returns how many stays were dealt with; 0 when enough
    are owed, or none are left.
    """
    owed = db.execute(
        "SELECT COUNT(*) FROM scans WHERE state = 'waiting' AND eye = ?", (BY_CLOSING,)
    ).fetchone()[0]
    rows = db.execute(
        "SELECT * FROM closing_people WHERE closing_id = ? AND outcome = ''"
        " ORDER BY list_id, position_id LIMIT ?",
        (closing.id, max(0, at_most - owed)),
    ).fetchall()
    for row in rows:
        past = history(db, row["list_id"], row["position_id"])
        outcome = meanwhile(past, row, closing)
        if outcome:
            db.execute(
                "UPDATE closing_people SET outcome = ?"
                " WHERE closing_id = ? AND list_id = ? AND position_id = ?",
                (outcome, closing.id, row["list_id"], row["position_id"]),
            )
        else:
            _owe(db, closing, row, past, clock)
    return len(rows)


def meanwhile(past: Sequence[Checkin], row: sqlite3.Row, closing: Closing) -> str:
    """What somebody has done since the press that makes an exit wrong; empty for nothing."""
    if not past or past[-1].type is ScanType.EXIT:
        return "left"
    is_new = past[-1].at > closing.at and stamp(past[-1].at) != row["entered_at"]
    return "came back" if is_new else ""


def walked_out(
    db: sqlite3.Connection, list_id: int, position_id: int, *, entered: datetime | None
) -> bool:
    """Whoever came in then shows their ticket on the way out, perhaps after a closing.

    An exit that the server was not told yet is taken back: their own takes its place. Returns
    whether it stands, so that theirs need not be told.
    """
    row = db.execute(
        "SELECT people.closing_id, nonce, scans.state, scans.attempts FROM closing_people AS people"
        " LEFT JOIN scans USING (nonce) WHERE people.list_id = ? AND people.position_id = ?"
        " AND people.dated > ? ORDER BY closing_id DESC LIMIT 1",
        (list_id, position_id, stamp(entered) or ""),
    ).fetchone()
    if row is None or row["state"] != "waiting" or row["attempts"]:
        return row is not None
    db.execute("UPDATE scans SET state = 'annulled' WHERE nonce = ?", (row["nonce"],))
    db.execute(
        "UPDATE closing_people SET outcome = 'left', dated = '', nonce = NULL WHERE nonce = ?",
        (row["nonce"],),
    )
    return False


def dates(db: sqlite3.Connection, list_id: int, position_id: int) -> set[datetime]:
    """The datetimes of exits that closings gave to this ticket: nobody saw it leave then."""
    rows = db.execute(
        "SELECT dated FROM closing_people WHERE position_id = ? AND list_id = ? AND dated <> ''",
        (position_id, list_id),
    )
    return {moment(row["dated"]) for row in rows}


def tally(db: sqlite3.Connection, closing: Closing) -> Tally:
    """How far it has come."""
    outcomes: dict[str, int] = {}
    total = todo = owed = 0
    for row in db.execute(f"{_PEOPLE} GROUP BY 1, 2", {"closing": closing.id}):
        outcome, state, number = row["outcome"], row["state"], row["number"]
        total += number if outcome not in NEWCOMERS else 0
        todo += number if not outcome else 0
        owed += number if outcome == "exit" and state == "waiting" else 0
        if outcome and state != "waiting":
            word = _word(outcome, state)
            outcomes[word] = outcomes.get(word, 0) + number
    return Tally(total, todo, owed, outcomes)


_PEOPLE = """
    SELECT outcome, scans.state AS state, COUNT(*) AS number
    FROM closing_people LEFT JOIN scans USING (nonce) WHERE closing_id = :closing
"""


def people(db: sqlite3.Connection, closing: Closing) -> Iterator[Person]:
    """What became of each, as far as it has come."""
    rows = db.execute(
        "SELECT people.*, scans.state AS state, scans.server_message,"
        " COALESCE(tickets.order_code, '') AS order_code FROM closing_people AS people"
        " LEFT JOIN scans USING (nonce)"
        " LEFT JOIN tickets ON tickets.position_id = people.position_id"
        " WHERE closing_id = ? ORDER BY people.list_id, people.position_id",
        (closing.id,),
    )
    for row in rows:
        yield Person(
            list_id=row["list_id"],
            position_id=row["position_id"],
            order_code=row["order_code"],
            outcome=_word(row["outcome"], row["state"]),
            words=row["words"] or row["server_message"] or "",
        )


def end(
    db: sqlite3.Connection, closing: Closing, state: str, words: str, *, act: Act | None
) -> None:
    """Close the books on it; `act` is its summary in the ledger."""
    db.execute("UPDATE closings SET state = ?, words = ? WHERE id = ?", (state, words, closing.id))
    if act:
        ledger.write_act(db, act)


def resume(db: sqlite3.Connection, *, act: Act) -> Closing:
    """Go on with what the last one left undone, one exit at a time. Raises ClosingBusy."""
    closing = latest(db)
    if closing is None or closing.state == "going":
        raise ClosingBusy("there is nothing to resume")
    db.execute(
        "UPDATE closing_people SET outcome = '', dated = '', words = ''"
        " WHERE closing_id = ? AND outcome = 'inside'",
        (closing.id,),
    )
    row = db.execute(
        "UPDATE closings SET state = 'going', way = 'each' WHERE id = ? RETURNING *",
        (closing.id,),
    ).fetchone()
    ledger.write_act(db, act)
    return _closing(row)


def _owe(
    db: sqlite3.Connection,
    closing: Closing,
    row: sqlite3.Row,
    past: Sequence[Checkin],
    clock: Trust,
) -> None:
    # Not before the entry it ends, or both servers leave the guest inside.
    dated = max([closing.at, *(one.at + _STEP for one in past)])
    nonce = str(uuid4())
    db.execute(
        "INSERT INTO scans (nonce, sighting, type, list_id, position_id, order_code, secret_hash,"
        " verdict, reason, at, dated, boot_id, monotonic_ns, eye, clock, state, key)"
        " SELECT :nonce, :nonce, :type, :list, :position, COALESCE(MAX(order_code), ''),"
        " COALESCE(MAX(secret_hash), x''), :verdict, :reason, :at, :dated, '', 0, :eye, :clock,"
        " :state, :nonce FROM tickets WHERE position_id = :position",
        {
            "nonce": nonce,
            "type": ScanType.EXIT,
            "list": row["list_id"],
            "position": row["position_id"],
            "verdict": Verdict.ADMIT,
            "reason": Reason.LEFT,
            "at": stamp(closing.at),
            "dated": stamp(dated),
            "eye": BY_CLOSING,
            "clock": clock,
            "state": State.WAITING,
        },
    )
    db.execute(
        "UPDATE closing_people SET outcome = 'exit', nonce = ?, dated = ?"
        " WHERE closing_id = ? AND list_id = ? AND position_id = ?",
        (nonce, stamp(dated), closing.id, row["list_id"], row["position_id"]),
    )


def _word(outcome: str, state: str | None) -> str:
    """One word for what became of a stay: `exit` stands for the state of its scan."""
    if outcome != "exit":
        return outcome or "waiting"
    words = {"confirmed": "out", "duplicate": "out", "shelved": "shelved", "waiting": "waiting"}
    return words.get(state or "", state or "")


def _closing(row: sqlite3.Row) -> Closing:
    return Closing(
        id=row["id"],
        at=moment(row["at"]),
        lists=tuple(json.loads(row["lists"])),
        way=row["way"],
        origin=row["origin"],
        state=row["state"],
        words=row["words"],
    )
