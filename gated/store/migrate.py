"""Bringing an older database up to this version, all steps in one transaction."""

from __future__ import annotations

import sqlite3
from importlib import resources

from gated.errors import StoreTooNew


def migrate(db: sqlite3.Connection) -> None:
    """Apply every schema step the database lacks (`PRAGMA user_version` counts them).

    Raises StoreTooNew when a newer gated wrote it.
    """
    steps = _steps()
    found = db.execute("PRAGMA user_version").fetchone()[0]
    if found > len(steps):
        raise StoreTooNew(
            f"the database has schema {found}, this gated knows {len(steps)}:"
            " install the newer version again"
        )
    if found == len(steps):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in steps[found:]:
            for statement in _statements(step):
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(steps)}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _steps() -> list[str]:
    folder = resources.files("gated.store") / "schema"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=_name)
    return [file.read_text(encoding="utf-8") for file in files]


def _name(file: resources.abc.Traversable) -> str:
    return file.name


def _statements(script: str) -> list[str]:
    """Split at the semicolons that end a statement; executescript would commit in between."""
    statements, statement = [], ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            statements.append(statement)
            statement = ""
    return statements
