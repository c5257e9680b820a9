"""A complete pass: collected aside, compared in short steps, put in place at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.store import facts
from gated.store.rows import describe, stamp
from gated.store.tickets import COLUMNS, VALUES, checkin_rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from datetime import datetime

    from gated.model import CheckinList, Listed
    from gated.store.tickets import Keeper

_STEP = 2000
"""Positions compared in one step: a scan that comes meanwhile waits for no more than these."""


@dataclass(frozen=True, slots=True)
class PassResult:
    """What a complete pass changed."""

    tickets: int
    changed: int
    vanished: int


def begin(db: sqlite3.Connection) -> None:
    """Start collecting a complete pass aside, as of this moment of our ledger.

    A position that anything else writes from now on stays as that left it: the page it stands on
    may be older.
    """
    while clear(db):
        pass
    for table, columns in _TABLES.items():
        db.execute(f"CREATE TEMP TABLE {table} {columns}")
    for view, select in _DIFFERENCES.items():
        db.execute(f"CREATE TEMP VIEW {view} AS {select}")
    for trigger, (act, table, row) in _TRIGGERS.items():
        db.execute(
            f"CREATE TEMP TRIGGER {trigger} AFTER {act} ON main.{table}"
            f" BEGIN INSERT OR IGNORE INTO touched VALUES ({row}.position_id); END"
        )
    for table in ("checkins", "listings"):
        db.execute(_OLD_LISTS.format(table=table))
    db.execute("INSERT INTO temp.this_pass VALUES (?, 0)", (facts.settled_no(db),))


def add(db: sqlite3.Connection, keeper: Keeper, list_id: int, listed: Sequence[Listed]) -> None:
    """Collect a page. The same ticket on a later page or list is the same ticket."""
    db.executemany(
        f"INSERT OR REPLACE INTO temp.new_tickets ({COLUMNS}) VALUES ({VALUES})",
        [keeper.row(one) for one in listed],
    )
    db.executemany(
        "INSERT OR REPLACE INTO temp.new_listings VALUES (?, ?)",
        [(list_id, one.ticket.position_id) for one in listed],
    )
    db.executemany(
        "INSERT OR REPLACE INTO temp.new_checkins VALUES (?, ?, ?, ?, ?)",
        checkin_rows(listed),
    )


def compare(db: sqlite3.Connection) -> bool:
    """After the last page: note which of the next positions differ. Writes only aside.

    Returns whether there were any; call it until there are none.
    """
    (after,) = db.execute("SELECT compared_to FROM temp.this_pass").fetchone()
    last = _end_of_step(db, after)
    if last is None:
        return False
    for view in _DIFFERENCES:
        db.execute(
            f"INSERT OR IGNORE INTO temp.differing SELECT position_id FROM temp.{view}"
            " WHERE position_id > ? AND position_id <= ?",
            (after, last),
        )
    db.execute("UPDATE temp.this_pass SET compared_to = ?", (last,))
    return True


def finish(db: sqlite3.Connection, lists: Sequence[CheckinList], *, at: datetime) -> PassResult:
    """Put the collected pass in the place of the old list, in the caller's transaction.

    What is absent becomes a tombstone, an old secret a former one; only differences are written.
    What was not compared before is compared here, which takes as long as all of it.
    """
    while compare(db):
        pass
    for trigger in _TRIGGERS:
        db.execute(f"DROP TRIGGER temp.{trigger}")
    db.execute("DELETE FROM differing WHERE position_id IN (SELECT position_id FROM touched)")
    changed, vanished = _put_tickets(db)
    _put_checkins(db)
    _put_listings(db)
    db.executemany(
        "INSERT OR REPLACE INTO checkin_lists (id, description) VALUES (?, ?)",
        [(one.id, describe(one)) for one in lists],
    )
    facts.put(db, "pulled_at", stamp(at))
    count = db.execute("SELECT COUNT(*) FROM temp.new_tickets").fetchone()[0]
    return PassResult(tickets=count, changed=changed, vanished=vanished)


def clear(db: sqlite3.Connection) -> bool:
    """Forget a part of what was collected, put in place or not.

    Returns whether there was any; call it until there is none. `begin` does it, but in one go.
    """
    for trigger in _TRIGGERS:
        db.execute(f"DROP TRIGGER IF EXISTS temp.{trigger}")
    for view in _DIFFERENCES:
        db.execute(f"DROP VIEW IF EXISTS temp.{view}")
    left = {row["name"] for row in db.execute("SELECT name FROM sqlite_temp_master")}
    for table in left.intersection(_TABLES):
        db.execute(f"DROP TABLE temp.{table}")
        return True
    return False


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


def _put_tickets(db: sqlite3.Connection) -> tuple[int, int]:
    # A ticket that came back, or was changed, keeps its old secret as a former one.
    db.execute(
        "INSERT OR IGNORE INTO former_secrets (secret_hash, position_id)"
        " SELECT old.secret_hash, position_id FROM differing"
        " CROSS JOIN new_tickets AS new USING (position_id)"
        " CROSS JOIN tickets AS old USING (position_id)"
        " WHERE old.secret_hash <> new.secret_hash"
    )
    changed = db.execute(
        f"INSERT OR REPLACE INTO tickets ({COLUMNS})"
        f" SELECT {COLUMNS} FROM changed_tickets WHERE {_DIFFERS}"
    ).rowcount
    vanished = db.execute(
        "UPDATE tickets SET vanished = 1"
        f" WHERE position_id IN (SELECT position_id FROM gone_tickets WHERE {_DIFFERS})"
    ).rowcount
    return changed, vanished


def _put_checkins(db: sqlite3.Connection) -> None:
    key = "list_id, position_id, at, server_id"
    stale = f"SELECT {key} FROM stale_checkins WHERE {_DIFFERS}"
    db.execute(f"DELETE FROM checkins WHERE ({key}) IN ({stale})")
    db.execute(
        f"INSERT INTO checkins ({key}, type)"
        f" SELECT {key}, type FROM fresh_checkins WHERE {_DIFFERS}"
    )


def _put_listings(db: sqlite3.Connection) -> None:
    key = "list_id, position_id"
    known_no = "(SELECT known_no FROM this_pass)"
    stale = f"SELECT {key} FROM stale_listings WHERE {_DIFFERS}"
    db.execute(f"DELETE FROM listings WHERE ({key}) IN ({stale})")
    behind = f"SELECT {key} FROM behind_listings WHERE {_DIFFERS}"
    db.execute(f"UPDATE listings SET known_no = {known_no} WHERE ({key}) IN ({behind})")
    db.execute(
        f"INSERT INTO listings ({key}, known_no)"
        f" SELECT {key}, {known_no} FROM fresh_listings WHERE {_DIFFERS}"
    )


def _of(name: str, columns: str) -> str:
    return ", ".join(f"{name}.{column}" for column in columns.split(", "))


_TABLES = {
    "this_pass": "(known_no INTEGER, compared_to INTEGER)",
    "new_tickets": f"(position_id INTEGER PRIMARY KEY, {COLUMNS.partition(', ')[2]})",
    "new_listings": "(list_id INTEGER, position_id INTEGER,"
    " PRIMARY KEY (position_id, list_id)) WITHOUT ROWID",
    "new_checkins": "(list_id INTEGER, position_id INTEGER, at TEXT, server_id INTEGER, type TEXT,"
    " PRIMARY KEY (position_id, list_id, at, server_id)) WITHOUT ROWID",
    "old_lists": "(list_id INTEGER PRIMARY KEY)",
    "differing": "(position_id INTEGER PRIMARY KEY)",
    "touched": "(position_id INTEGER PRIMARY KEY)",
}
_TRIGGERS = {
    f"touched_{table}_{act}": (act, table, row)
    for table in ("tickets", "listings", "checkins")
    for act, row in (("insert", "NEW"), ("update", "NEW"), ("delete", "OLD"))
}

# The lists are stepped through by the keys that begin with them, or all rows would be read.
_OLD_LISTS = """
    WITH RECURSIVE step (id) AS (
        SELECT MIN(list_id) FROM {table}
        UNION ALL
        SELECT (SELECT MIN(list_id) FROM {table} WHERE list_id > id) FROM step WHERE id IS NOT NULL
    )
    INSERT OR IGNORE INTO temp.old_lists SELECT id FROM step WHERE id IS NOT NULL
"""
_DIFFERS = "position_id IN (SELECT position_id FROM differing)"
_SAME_CHECKIN = (
    "old.list_id = new.list_id AND old.position_id = new.position_id AND old.at = new.at"
    " AND old.server_id = new.server_id AND old.type = new.type"
)
_SAME_LISTING = "old.list_id = new.list_id AND old.position_id = new.position_id"
_DIFFERENCES = {
    "changed_tickets": f"""
        SELECT {_of("new", COLUMNS)} FROM new_tickets AS new
        LEFT JOIN tickets AS old ON old.position_id = new.position_id
        WHERE ({_of("new", COLUMNS)}) IS NOT ({_of("old", COLUMNS)})""",
    "gone_tickets": """
        SELECT position_id FROM tickets
        WHERE NOT vanished AND position_id NOT IN (SELECT position_id FROM new_tickets)""",
    # The tombstones keep their listings and check-ins: somebody may be inside on them. The plus
    # keeps SQLite from going through all new tickets where few positions are asked for.
    "stale_checkins": f"""
        SELECT old.* FROM old_lists CROSS JOIN checkins AS old USING (list_id)
        WHERE NOT EXISTS (SELECT 1 FROM new_checkins AS new WHERE {_SAME_CHECKIN})
        AND +old.position_id IN (SELECT position_id FROM new_tickets)""",
    "fresh_checkins": f"""
        SELECT new.* FROM new_checkins AS new
        WHERE NOT EXISTS (SELECT 1 FROM checkins AS old WHERE {_SAME_CHECKIN})""",
    "stale_listings": f"""
        SELECT old.* FROM old_lists CROSS JOIN listings AS old USING (list_id)
        WHERE NOT EXISTS (SELECT 1 FROM new_listings AS new WHERE {_SAME_LISTING})
        AND +old.position_id IN (SELECT position_id FROM new_tickets)""",
    "fresh_listings": f"""
        SELECT new.* FROM new_listings AS new
        WHERE NOT EXISTS (SELECT 1 FROM listings AS old WHERE {_SAME_LISTING})""",
    # Only where scans of our own were settled since does it matter as of when a listing is.
    "behind_listings": f"""
        SELECT old.list_id, old.position_id FROM scans
        CROSS JOIN listings AS old USING (position_id, list_id)
        CROSS JOIN new_listings AS new ON {_SAME_LISTING}
        WHERE scans.verdict <> 'refuse' AND scans.settled_no > old.known_no
        AND scans.settled_no <= (SELECT known_no FROM this_pass)""",
}
