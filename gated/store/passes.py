"""A complete pass: compared as it comes in, kept aside where it differs, put in place in steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from gated.store import facts
from gated.store.rows import describe, stamp
from gated.store.tickets import COLUMNS, SHOWN, VALUES, checkin_rows, shown
from gated.store.unlisted import adopt

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from gated.model import CheckinList, Listed
    from gated.store.tickets import Keeper

_STEP = 2000
"""Positions put in place in one step: a scan that comes meanwhile waits for no more than these."""


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a complete pass changed."""

    tickets: int
    changed: int
    vanished: int


def begin(db: sqlite3.Connection) -> None:
    """Start a complete pass, as of this moment of our ledger.

    A position that anything else writes from now on stays as that left it: the page it stands on
    may be older.
    """
    while clear(db):
        pass
    for table, columns in _TABLES.items():
        db.execute(f"CREATE TEMP TABLE {table} {columns}")
    for trigger, (act, table, row) in _TRIGGERS.items():
        db.execute(
            f"CREATE TEMP TRIGGER {trigger} AFTER {act} ON main.{table}"
            " WHEN NOT (SELECT placing FROM this_pass)"
            f" BEGIN INSERT OR IGNORE INTO touched VALUES ({row}.position_id); END"
        )
    db.execute(_OLD_LISTS)
    db.execute("INSERT INTO temp.this_pass (known_no) VALUES (?)", (facts.settled_no(db),))


def add(db: sqlite3.Connection, keeper: Keeper, list_id: int, listed: Sequence[Listed]) -> None:
    """Keep aside what of a page of this list differs from what is in place.

    The same ticket on a later page or list is the same ticket, and its last word counts.
    """
    page = _Page(db, list_id, [one.ticket.position_id for one in listed])
    if page.run(_SEE) < len(listed):
        for table in ("new_checkins", "new_listings"):
            page.run(f"DELETE FROM temp.{table} WHERE list_id = :list AND {_ON_PAGE}")
    _keep_tickets(db, page, {one.ticket.position_id: keeper.row(one) for one in listed})
    rows = checkin_rows(listed)
    _keep_listings(page, {row[1:] for row in rows if row[0] == list_id})


def place(db: sqlite3.Connection, lists: Sequence[CheckinList]) -> bool:
    """After the last page: put the next positions in the place of the old ones.

    What is absent becomes a tombstone, an old secret a former one; only differences are written.
    Returns whether there were any positions; call it until there are none.
    """
    (after,) = db.execute("SELECT placed_to FROM temp.this_pass").fetchone()
    last = _end_of_step(db, after)
    if last is None:
        return False
    if not after:
        # Before their first ticket: what is known of no list admits everybody.
        _put_lists(db, lists)
    step = {"after": after, "last": last}
    db.execute("UPDATE temp.this_pass SET placing = 1")
    db.execute(_KEEP_FORMER_SECRETS, step)
    changed = db.execute(_PUT_TICKETS, step).rowcount
    vanished = db.execute(_PUT_TOMBSTONES, step).rowcount
    adopt(db)
    for statement in _PUT_CHECKINS_AND_LISTINGS:
        db.execute(statement, step)
    db.execute(
        "UPDATE temp.this_pass SET placing = 0, placed_to = ?, changed = changed + ?,"
        " vanished = vanished + ?",
        (last, changed, vanished),
    )
    return True


def finish(db: sqlite3.Connection, lists: Sequence[CheckinList], *, at: datetime) -> PassResult:
    """Say as of when the list is. What was not put in place before is put there here."""
    while place(db, lists):
        pass
    _put_lists(db, lists)
    facts.put(db, "pulled_at", stamp(at))
    changed, vanished = db.execute("SELECT changed, vanished FROM temp.this_pass").fetchone()
    (count,) = db.execute("SELECT COUNT(DISTINCT position_id) FROM temp.seen").fetchone()
    return PassResult(tickets=count, changed=changed, vanished=vanished)


def clear(db: sqlite3.Connection) -> bool:
    """Forget a part of what was kept aside, put in place or not.

    Returns whether there was any; call it until there is none. `begin` does it, but in one go.
    """
    for trigger in _TRIGGERS:
        db.execute(f"DROP TRIGGER IF EXISTS temp.{trigger}")
    left = {row["name"] for row in db.execute("SELECT name FROM sqlite_temp_master")}
    for table in left.intersection(_TABLES):
        db.execute(f"DROP TABLE temp.{table}")
        return True
    return False


class _Page:
    """Some positions of one list, and what is known of them.

    Rows go in and out as JSON, many in one step of SQLite: in these steps alone other threads run.
    """

    def __init__(self, db: sqlite3.Connection, list_id: int, positions: Collection[int]) -> None:
        self.list_id = list_id
        self.positions = positions
        self._db = db
        self._bound = {"list": list_id, "positions": _json(positions)}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What a query finds that says `:list` and `:positions`, and gives a JSON array of rows."""
        return _ROWS.decode(self._db.execute(query, self._bound).fetchone()[0])

    def run(self, statement: str, rows: Collection[object] = ()) -> int:
        """Run a statement that says these and `:rows`; how many rows it wrote."""
        return self._db.execute(statement, {**self._bound, "rows": _json(rows)}).rowcount


def _keep_tickets(
    db: sqlite3.Connection, page: _Page, tickets: dict[int, tuple[object, ...]]
) -> None:
    known = {row[0]: row for row in page.rows(_KNOWN_TICKETS)}
    differing = [row for number, row in tickets.items() if known.get(number) != shown(row)]
    if len(differing) < len(tickets):
        page.run(f"DELETE FROM temp.new_tickets WHERE {_ON_PAGE}")
    db.executemany(
        f"INSERT OR REPLACE INTO temp.new_tickets ({COLUMNS}) VALUES ({VALUES})", differing
    )


def _keep_listings(page: _Page, checkins: set[tuple[Any, ...]]) -> None:
    """A listing is kept aside with all its check-ins, or not at all."""
    is_behind = dict(page.rows(_KNOWN_LISTINGS))
    differing = {number for number in page.positions if is_behind.get(number, True)}
    differing.update(row[0] for row in checkins.symmetric_difference(page.rows(_KNOWN_CHECKINS)))
    if differing:
        page.run(_KEEP_LISTINGS, differing)
        page.run(_KEEP_CHECKINS, [row for row in checkins if row[0] in differing])


def _end_of_step(db: sqlite3.Connection, after: int) -> int | None:
    """The last position of the next step, so that neither the old list nor the new has many."""
    lasts, lasts_of_many = [], []
    for table in ("main.tickets", "temp.new_tickets"):
        last, count = db.execute(
            f"SELECT MAX(position_id), COUNT(*) FROM (SELECT position_id FROM {table}"
            " WHERE position_id > ? ORDER BY position_id LIMIT ?)",
            (after, _STEP),
        ).fetchone()
        if count:
            lasts.append(last)
        if count == _STEP:
            lasts_of_many.append(last)
    return min(lasts_of_many) if lasts_of_many else max(lasts, default=None)


def _put_lists(db: sqlite3.Connection, lists: Sequence[CheckinList]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO checkin_lists (id, description) VALUES (?, ?)",
        [(one.id, describe(one)) for one in lists],
    )


def _json(values: Collection[object]) -> str:
    return msgspec.json.encode(values).decode()


_ROWS = msgspec.json.Decoder(list[tuple[Any, ...]])

_TABLES = {
    "this_pass": "(known_no INTEGER, placing INTEGER DEFAULT 0, placed_to INTEGER DEFAULT 0,"
    " changed INTEGER DEFAULT 0, vanished INTEGER DEFAULT 0)",
    "seen": "(position_id INTEGER, list_id INTEGER, PRIMARY KEY (position_id, list_id))"
    " WITHOUT ROWID",
    "new_tickets": f"(position_id INTEGER PRIMARY KEY, {COLUMNS.partition(', ')[2]})",
    "new_listings": "(position_id INTEGER, list_id INTEGER, PRIMARY KEY (position_id, list_id))"
    " WITHOUT ROWID",
    "new_checkins": "(list_id INTEGER, position_id INTEGER, at TEXT, server_id INTEGER, type TEXT,"
    " PRIMARY KEY (position_id, list_id, at, server_id)) WITHOUT ROWID",
    "old_lists": "(list_id INTEGER PRIMARY KEY)",
    "touched": "(position_id INTEGER PRIMARY KEY)",
}
_TRIGGERS = {
    f"touched_{table}_{act}": (act, table, row)
    for table in ("tickets", "listings", "checkins")
    for act, row in (("insert", "NEW"), ("update", "NEW"), ("delete", "OLD"))
}

# The lists are stepped through by the key that begins with them, or all rows would be read.
_OLD_LISTS = """
    WITH RECURSIVE step (id) AS (
        SELECT MIN(list_id) FROM listings
        UNION ALL
        SELECT (SELECT MIN(list_id) FROM listings WHERE list_id > id) FROM step WHERE id IS NOT NULL
    )
    INSERT INTO temp.old_lists SELECT id FROM step WHERE id IS NOT NULL
"""

# Of a page: `:list`, `:positions` and `:rows`.
_ON_PAGE = "position_id IN (SELECT value FROM json_each(:positions))"
_SEE = "INSERT OR IGNORE INTO temp.seen SELECT value, :list FROM json_each(:positions)"
_KNOWN_TICKETS = f"SELECT json_group_array(json_array({SHOWN})) FROM tickets WHERE {_ON_PAGE}"
_KNOWN_CHECKINS = f"""
    SELECT json_group_array(json_array(position_id, at, server_id, type)) FROM checkins
    WHERE list_id = :list AND {_ON_PAGE}
"""
# Only where scans of our own were settled since does it matter as of when a listing is.
_KNOWN_LISTINGS = f"""
    SELECT json_group_array(json_array(position_id, EXISTS (
        SELECT 1 FROM scans
        WHERE scans.position_id = listings.position_id AND scans.list_id = listings.list_id
        AND scans.verdict <> 'refuse' AND scans.settled_no > listings.known_no
        AND scans.settled_no <= (SELECT known_no FROM temp.this_pass))))
    FROM listings WHERE list_id = :list AND {_ON_PAGE}
"""
_KEEP_LISTINGS = """
    INSERT OR REPLACE INTO temp.new_listings (position_id, list_id)
    SELECT value, :list FROM json_each(:rows)
"""
_KEEP_CHECKINS = """
    INSERT OR REPLACE INTO temp.new_checkins (list_id, position_id, at, server_id, type)
    SELECT :list, value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(:rows)
"""

# Of a step: `:after` and `:last`.
_IN_STEP = (
    "{table}.position_id > :after AND {table}.position_id <= :last"
    " AND {table}.position_id NOT IN (SELECT position_id FROM temp.touched)"
)


def _in_step(table: str) -> str:
    return _IN_STEP.format(table=table)


_KEEP_FORMER_SECRETS = f"""
    INSERT OR IGNORE INTO former_secrets (secret_hash, position_id)
    SELECT old.secret_hash, old.position_id
    FROM new_tickets AS new CROSS JOIN tickets AS old USING (position_id)
    WHERE {_in_step("new")} AND old.secret_hash <> new.secret_hash
"""
_PUT_TICKETS = f"""
    INSERT OR REPLACE INTO tickets ({COLUMNS})
    SELECT {COLUMNS} FROM new_tickets WHERE {_in_step("new_tickets")}
"""
_PUT_TOMBSTONES = f"""
    UPDATE tickets SET vanished = 1
    WHERE NOT vanished AND {_in_step("tickets")}
    AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.position_id = tickets.position_id)
"""
# The tombstones keep their listings and check-ins: somebody may be inside on them.
_STALE_LISTINGS = f"""
    SELECT old.list_id, old.position_id FROM old_lists CROSS JOIN listings AS old USING (list_id)
    WHERE {_in_step("old")}
    AND EXISTS (SELECT 1 FROM seen WHERE seen.position_id = old.position_id)
    AND NOT EXISTS (SELECT 1 FROM seen
        WHERE seen.position_id = old.position_id AND seen.list_id = old.list_id)
"""
_NEW_LISTINGS = f"SELECT list_id, position_id FROM new_listings WHERE {_in_step('new_listings')}"
_PUT_CHECKINS_AND_LISTINGS = (
    f"DELETE FROM checkins WHERE (list_id, position_id) IN ({_STALE_LISTINGS})",
    f"DELETE FROM listings WHERE (list_id, position_id) IN ({_STALE_LISTINGS})",
    f"DELETE FROM checkins WHERE (list_id, position_id) IN ({_NEW_LISTINGS})",
    f"""INSERT INTO checkins (list_id, position_id, at, server_id, type)
    SELECT list_id, position_id, at, server_id, type FROM new_checkins
    WHERE {_in_step("new_checkins")}""",
    f"""INSERT OR REPLACE INTO listings (list_id, position_id, known_no)
    SELECT list_id, position_id, (SELECT known_no FROM this_pass) FROM new_listings
    WHERE {_in_step("new_listings")}""",
)
