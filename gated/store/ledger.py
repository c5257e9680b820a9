"""Looking at the ledger: the last scans, the counts, who is inside; and writing down acts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.model import BY_CLOSING, BY_PASSAGE, BY_REPAIR, Act, ScanType
from gated.store import facts, unlisted
from gated.store.rows import moment, scan_of, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from gated.model import Scan

UNSEEN = (BY_CLOSING, BY_PASSAGE, BY_REPAIR)
"""The eyes of exits that nobody saw."""

_PAGE = 200
_EVERY = """
    SELECT * FROM scans WHERE id > :after AND (:since IS NULL OR at >= :since)
        AND (:until IS NULL OR at < :until) AND (:reason = '' OR reason = :reason)
    ORDER BY id LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """People in and out at this gate, inside by all we know, and refusals by reason."""

    entries: int
    exits: int
    inside: int
    refused: Mapping[str, int]


def recent(db: sqlite3.Connection, limit: int) -> list[Scan]:
    """The last guests, newest first; of a sighting with several rows only the first."""
    rows = db.execute(
        f"SELECT * FROM scans WHERE nonce = sighting AND eye NOT IN {UNSEEN}"
        " ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    return [scan_of(row) for row in rows]


def every(
    db: sqlite3.Connection,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    reason: str = "",
) -> Iterator[Scan]:
    """The ledger, oldest first; all, or from a time to before one.

    A few are read at a time, so that neither memory nor, while the reader dawdles, the log of what
    is written meanwhile grows.
    """
    wanted = {"since": stamp(since), "until": stamp(until), "reason": reason}
    after = 0
    while rows := db.execute(_EVERY, {**wanted, "after": after, "limit": _PAGE}).fetchall():
        yield from map(scan_of, rows)
        after = rows[-1]["id"]


def counts(db: sqlite3.Connection, lists: Sequence[int]) -> Counts:
    """In, out and refused count sightings of this gate; inside counts people on these lists."""
    passed = {
        row["type"]: row["n"]
        for row in db.execute(
            "SELECT type, SUM(n) AS n FROM ("
            " SELECT type, COUNT(*) AS n FROM scans WHERE verdict <> 'refuse'"
            " AND state NOT IN ('annulled', 'annulling') AND reason <> 'free_flow'"
            f" AND nonce = sighting AND eye NOT IN {UNSEEN} GROUP BY type UNION ALL"
            " SELECT type, number FROM past_scans WHERE verdict <> 'refuse' AND guests"
            " AND state <> 'annulled' AND reason <> 'free_flow'"
            ") GROUP BY type"
        )
    }
    refused = {
        row["reason"]: row["n"]
        for row in db.execute(
            "SELECT reason, SUM(n) AS n FROM ("
            " SELECT reason, COUNT(*) AS n FROM scans WHERE verdict = 'refuse' GROUP BY reason"
            " UNION ALL SELECT reason, number FROM past_scans WHERE verdict = 'refuse'"
            ") GROUP BY reason ORDER BY n DESC"
        )
    }
    return Counts(
        entries=passed.get(ScanType.ENTRY, 0),
        exits=passed.get(ScanType.EXIT, 0),
        inside=count_inside(db, lists),
        refused=refused,
    )


# The last check-in of a position on a list, the server's or our own, says whether it is inside; of
# two at one moment the exit is the last. Our own count by the same rule as in redeem. The server's
# are read in the order of their key, and only where there are some of our own put beside these.
_INSIDE = """
    WITH ours AS MATERIALIZED (
        SELECT scans.list_id, scans.position_id,
            MAX(COALESCE(sent_at, dated) || (type = 'exit')) AS last
        FROM scans LEFT JOIN listings USING (list_id, position_id)
        WHERE scans.position_id IS NOT NULL AND verdict <> 'refuse'
          AND state NOT IN ('annulled', 'annulling') AND reason <> 'free_flow'
          AND (settled_no IS NULL OR state = 'refused' OR settled_no > COALESCE(known_no, -1))
          AND scans.list_id IN (SELECT value FROM json_each(:lists))
        GROUP BY scans.list_id, scans.position_id
    ), theirs AS (
        SELECT list_id, position_id, MAX(at) AS last,
            MAX(at) FILTER (WHERE type = 'exit') AS last_exit
        FROM checkins WHERE list_id IN (SELECT value FROM json_each(:lists))
          AND (list_id, position_id, at, type) NOT IN (
            SELECT list_id, position_id, sent_at, type FROM scans
            WHERE state = 'annulling' AND sent_at IS NOT NULL AND position_id IS NOT NULL)
        GROUP BY list_id, position_id
    )
    SELECT {what} FROM (
        SELECT list_id, position_id, last AS entered_at FROM theirs
        WHERE (last_exit IS NULL OR last > last_exit)
          AND (list_id, position_id) NOT IN (SELECT list_id, position_id FROM ours)
        UNION ALL
        SELECT list_id, position_id, substr(last, 1, length(last) - 1) FROM (
            SELECT list_id, position_id, MAX(last, COALESCE((
                SELECT MAX(at || (type = 'exit')) FROM checkins
                WHERE list_id = ours.list_id AND position_id = ours.position_id), '')) AS last
            FROM ours
        ) WHERE substr(last, -1) = '0'
    )
"""


@dataclass(frozen=True, slots=True)
class Inside:
    """Somebody inside on a list, and by which entry (as `stamp` writes it)."""

    list_id: int
    position_id: int
    entered_at: str


def inside(db: sqlite3.Connection, lists: Sequence[int]) -> set[int]:
    """The positions inside on any of the lists, by all we know."""
    return {one.position_id for one in people_inside(db, lists)}


def people_inside(db: sqlite3.Connection, lists: Sequence[int]) -> list[Inside]:
    """Everybody inside, once for each of the lists, by all we know."""
    rows = db.execute(_INSIDE.format(what="*"), {"lists": str(list(lists))})
    return [Inside(row["list_id"], row["position_id"], row["entered_at"]) for row in rows]


def count_inside(db: sqlite3.Connection, lists: Sequence[int]) -> int:
    """How many people are inside on any of the lists, by all we know."""
    # On one list nobody is found twice.
    what = "COUNT(*)" if len(lists) == 1 else "COUNT(DISTINCT position_id)"
    row = db.execute(_INSIDE.format(what=what), {"lists": str(list(lists))}).fetchone()
    return int(row[0]) + unlisted.count_inside(db, lists)


def write_act(db: sqlite3.Connection, act: Act) -> None:
    """Record something done at the gate that is not a scan."""
    db.execute(
        "INSERT INTO acts (what, origin, at, detail) VALUES (?, ?, ?, ?)",
        (act.what, act.origin, stamp(act.at), act.detail),
    )


def write_fact(db: sqlite3.Connection, name: str, act: Act) -> None:
    """Remember over a restart what an act changed, and the act, in one go."""
    facts.put(db, name, act.detail)
    write_act(db, act)


def acts(db: sqlite3.Connection) -> list[Act]:
    """Every act, oldest first."""
    return [
        Act(what=row["what"], origin=row["origin"], at=moment(row["at"]), detail=row["detail"])
        for row in db.execute("SELECT * FROM acts ORDER BY id")
    ]
