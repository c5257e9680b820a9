"""Copies of the database, made while it is in use or not; for rehearsals and for going back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from gated.errors import StoreError
from gated.store.database import open_read_only

if TYPE_CHECKING:
    from pathlib import Path


def copy(path: Path, to: Path) -> None:
    """Copy a whole database, owner and rights included, synced; `to` appears only complete.

    Raises StoreError.
    """
    draft = to.with_name(to.name + ".new")
    draft.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(draft)) as target, open_read_only(path) as db:
            db.backup(target)
        _like(path, draft)
        descriptor = os.open(draft, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        draft.replace(to)
    except (OSError, sqlite3.Error) as error:
        draft.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be copied to {to}: {error}") from error


def put_back(copied: Path, path: Path) -> None:
    """Replace a database that nobody has open by a copy of it. Raises StoreError."""
    copy(copied, path)
    for rest in ("-wal", "-shm"):
        path.with_name(path.name + rest).unlink(missing_ok=True)


def schema(path: Path) -> int:
    """Tell the number of a database's schema. Raises StoreError."""
    with open_read_only(path) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]  # type: ignore[no-any-return]


def last_scan(path: Path) -> int:
    """Tell the number of the last recorded scan, 0 where there is none. Raises StoreError."""
    with open_read_only(path) as db:
        return db.execute("SELECT COALESCE(MAX(id), 0) FROM scans").fetchone()[0]  # type: ignore[no-any-return]


def _like(path: Path, draft: Path) -> None:
    status = path.stat()
    draft.chmod(status.st_mode & 0o777)
    if os.geteuid() == 0:
        os.chown(draft, status.st_uid, status.st_gid)
