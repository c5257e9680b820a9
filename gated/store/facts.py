"""Single facts the box must remember: the mode, the last pull, the server's rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def get(db: sqlite3.Connection, name: str) -> str | None:
    """The fact of this name, or None."""
    row = db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
    return row["value"] if row else None


def put(db: sqlite3.Connection, name: str, value: str) -> None:
    """Remember a fact."""
    db.execute(
        "INSERT INTO facts (name, value) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )


def settled_no(db: sqlite3.Connection) -> int:
    """How many scans were settled so far: a moment of our ledger that no clock can shift."""
    # Said twice, for SQLite finds the greatest by the partial index only if told of no NULL.
    newest: int = db.execute(
        "SELECT COALESCE(MAX(settled_no), 0) FROM scans WHERE settled_no IS NOT NULL"
    ).fetchone()[0]
    # The newest of all may be forgotten (store.past).
    return max(newest, int(get(db, "settled_no") or 0))
