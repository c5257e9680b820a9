"""How many passed when: this gate's flow, counted from the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gated.model import ScanType
from gated.store.ledger import UNSEEN
from gated.store.rows import stamp

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

DAY = timedelta(hours=24)
_GUESTS = (
    f"nonce = sighting AND verdict <> 'refuse' AND eye NOT IN {UNSEEN}"
    " AND state NOT IN ('annulled', 'annulling') AND reason <> 'free_flow'"
)
# 2026-11-22T12:34:56.000000Z: the hour and which of its quarters.
_QUARTER = "substr(at, 1, 14) || printf('%02d', CAST(substr(at, 15, 2) AS INTEGER) / 15 * 15)"


@dataclass(frozen=True, slots=True)
class Passed:
    """People in and out at this gate in some stretch of time."""

    entries: int = 0
    exits: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    """The last minute, the last quarter of an hour, and the quarters of the day as they were.

    `quarters` has those in which somebody passed, by their beginning as `2026-11-22T12:30`, UTC.
    """

    minute: Passed
    quarter: Passed
    quarters: dict[str, Passed]


def flow(db: sqlite3.Connection, now: datetime) -> Flow:
    """Count who passed here in the last day."""
    quarters: dict[str, Passed] = {}
    rows = db.execute(
        f"SELECT {_QUARTER} AS quarter, COUNT(*) FILTER (WHERE type = ?) AS entries,"
        f" COUNT(*) FILTER (WHERE type = ?) AS exits FROM scans WHERE at > ? AND {_GUESTS}"
        " GROUP BY quarter ORDER BY quarter",
        (ScanType.ENTRY, ScanType.EXIT, stamp(now - DAY)),
    )
    for row in rows:
        quarters[row["quarter"]] = Passed(row["entries"], row["exits"])
    return Flow(
        minute=_since(db, now - timedelta(minutes=1)),
        quarter=_since(db, now - timedelta(minutes=15)),
        quarters=quarters,
    )


def _since(db: sqlite3.Connection, begin: datetime) -> Passed:
    row = db.execute(
        "SELECT COUNT(*) FILTER (WHERE type = ?) AS entries,"
        f" COUNT(*) FILTER (WHERE type = ?) AS exits FROM scans WHERE at > ? AND {_GUESTS}",
        (ScanType.ENTRY, ScanType.EXIT, stamp(begin)),
    ).fetchone()
    return Passed(row["entries"], row["exits"])
