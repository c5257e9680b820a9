"""Copies of the database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gated.errors import StoreError
from gated.store import Store, copies
from gated.store.facts import get, put


async def _database(folder: Path, word: str) -> Path:
    path = folder / "gated.db"
    async with Store(path, folder / "gated.key") as store:
        await store.write(lambda db: put(db, "word", word))
    return path


def _word(path: Path) -> str | None:
    db = sqlite3.connect(path)
    db.row_factory = sqlite3.Row
    try:
        return get(db, "word")
    finally:
        db.close()


async def test_a_copy_made_beside_an_open_store_holds_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "gated.db"
    async with Store(path, tmp_path / "gated.key") as store:
        await store.write(lambda db: put(db, "word", "early"))
        copies.copy(path, tmp_path / "copy.db")
        await store.write(lambda db: put(db, "word", "late"))

    assert _word(tmp_path / "copy.db") == "early"


async def test_a_copy_is_no_more_readable_than_the_database(tmp_path: Path) -> None:
    path = await _database(tmp_path, "secret")
    copies.copy(path, tmp_path / "copy.db")

    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


async def test_what_is_put_back_is_not_mixed_with_what_was_there(tmp_path: Path) -> None:
    path = await _database(tmp_path, "early")
    copies.copy(path, tmp_path / "copy.db")
    # A daemon that was killed leaves its log behind, which belongs to the database it wrote.
    beside = sqlite3.connect(path)
    beside.execute("PRAGMA wal_autocheckpoint = 0")
    beside.execute("UPDATE facts SET value = 'late' WHERE name = 'word'")
    beside.commit()
    log = path.with_name("gated.db-wal").read_bytes()
    beside.close()
    path.with_name("gated.db-wal").write_bytes(log)
    assert _word(path) == "late"

    path.with_name("gated.db-wal").write_bytes(log)
    copies.put_back(tmp_path / "copy.db", path)

    assert _word(path) == "early"


async def test_a_copy_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    path = await _database(tmp_path, "word")
    with pytest.raises(StoreError, match="cannot be copied"):
        copies.copy(path, tmp_path / "nowhere" / "copy.db")

    assert not (tmp_path / "nowhere").exists()
