"""The figures of the gate, read in one go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.model import ScanType
from gated.store import facts, ledger, outbox, tickets
from gated.store.flow import Flow, flow
from gated.store.lookup import checkin_lists
from gated.store.rows import moment

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from gated.model import Scan, State

_LAST = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What the database knows, read in one go."""

    scans: list[Scan]
    counts: ledger.Counts
    flow: Flow
    outbox: outbox.OutboxCount
    troubled: list[Scan]
    tickets: int
    pulled_at: datetime | None
    list_names: list[str]
    mode: str


def figures(db: sqlite3.Connection, lists: Sequence[int], now: datetime) -> Figures:
    """Read the figures from the store."""
    return Figures(
        scans=ledger.recent(db, _LAST),
        counts=ledger.counts(db, lists),
        flow=flow(db, now),
        outbox=outbox.count(db),
        troubled=outbox.troubled(db, _LAST),
        tickets=tickets.count(db),
        pulled_at=moment(facts.get(db, "pulled_at")),
        list_names=[one.name or str(one.id) for one in checkin_lists(db, lists)],
        mode=facts.get(db, "mode") or ScanType.EXIT,
    )


@dataclass(frozen=True, slots=True)
class Stock:
    """What lies in the database, in numbers alone."""

    scans: dict[State, int]
    oldest_waiting: datetime | None
    inside: int
    tickets: int
    pulled_at: datetime | None
    schema: int


def stock(db: sqlite3.Connection, lists: Sequence[int]) -> Stock:
    """Count what lies in the store."""
    return Stock(
        scans=outbox.by_state(db),
        oldest_waiting=outbox.oldest_waiting(db),
        inside=ledger.count_inside(db, lists),
        tickets=tickets.count(db),
        pulled_at=moment(facts.get(db, "pulled_at")),
        schema=db.execute("PRAGMA user_version").fetchone()[0],
    )
