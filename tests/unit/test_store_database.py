"""The database: durable and serial writes, snapshots, and what is said when it cannot open."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from store_samples import ENTRY, database, entered, guest, pull, rows, scan, shown

from gated.errors import StoreBusy, StoreCorrupt, StoreError, StoreTooNew
from gated.store import Store, bulk, closings, facts, migrate, open_read_only

OLD = Path(__file__).parents[1] / "databases"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with database(tmp_path) as store:
        yield store


async def open_and_close(folder: Path) -> None:
    async with database(folder):
        pass


def put(db: sqlite3.Connection, value: str) -> None:
    facts.put(db, "colour", value)


def colour(db: sqlite3.Connection) -> str | None:
    return facts.get(db, "colour")


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def load(folder: Path, dump: Path) -> None:
    """Put an old database there, with the key whose mark it bears."""
    old = sqlite3.connect(folder / "gated.db")
    old.executescript(dump.read_text(encoding="utf-8"))
    old.close()
    (folder / "gated.key").write_bytes(bytes(64))


def count_facts(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT COUNT(*) FROM facts").fetchone()[0])


async def test_the_writer_waits_for_the_disk_at_every_commit(store: Store) -> None:
    def modes(db: sqlite3.Connection) -> tuple[str, int]:
        return (
            db.execute("PRAGMA journal_mode").fetchone()[0],
            db.execute("PRAGMA synchronous").fetchone()[0],
        )

    assert await store.write(modes) == ("wal", 2)


async def test_what_was_written_is_there_though_nobody_closed_the_database(
    store: Store, tmp_path: Path
) -> None:
    await store.write(lambda db: put(db, "green"))
    pulled = tmp_path / "pulled"
    pulled.mkdir()
    for name in ("gated.db", "gated.db-wal", "gated.key"):
        shutil.copy(tmp_path / name, pulled / name)
    async with database(pulled) as again:
        assert await again.read(colour) == "green"


async def test_a_write_holds_the_write_lock_before_it_looks(store: Store) -> None:
    def second_writer_is_locked_out(db: sqlite3.Connection) -> bool:
        assert db.in_transaction
        other = sqlite3.connect(store.path, timeout=0)
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            return "locked" in str(error)
        finally:
            other.close()
        return False

    assert await store.write(second_writer_is_locked_out)


async def test_writes_run_one_after_the_other_in_one_thread(store: Store) -> None:
    threads = set()

    def increment(db: sqlite3.Connection) -> int:
        threads.add(threading.current_thread().name)
        number = int(colour(db) or 0) + 1
        put(db, str(number))
        return number

    numbers = await asyncio.gather(*(store.write(increment) for _ in range(20)))
    assert numbers == list(range(1, 21))
    assert threads == {"store-writer"}


async def test_a_failing_write_leaves_nothing_and_the_next_one_works(store: Store) -> None:
    def half(db: sqlite3.Connection) -> None:
        put(db, "half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(half)
    assert await store.read(colour) is None
    await store.write(lambda db: put(db, "whole"))
    assert await store.read(colour) == "whole"


async def test_a_read_sees_one_moment_even_while_something_is_written(store: Store) -> None:
    await store.write(lambda db: put(db, "before"))
    looked, wrote = threading.Event(), threading.Event()

    def look_twice(db: sqlite3.Connection) -> tuple[str | None, str | None]:
        first = colour(db)
        looked.set()
        assert wrote.wait(5)
        return first, colour(db)

    reading = asyncio.create_task(store.read(look_twice))
    await asyncio.to_thread(looked.wait, 5)
    await store.write(lambda db: put(db, "after"))
    wrote.set()
    assert await reading == ("before", "before")
    assert await store.read(colour) == "after"


async def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises(StoreError, match="readonly"):
        await store.read(lambda db: put(db, "red"))
    assert await store.read(colour) is None


async def test_who_stops_waiting_does_not_stop_the_write(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(db: sqlite3.Connection) -> None:
        put(db, "written")
        begun.set()
        assert go_on.wait(5)

    waiting = asyncio.create_task(store.write(slow))
    await asyncio.to_thread(begun.wait, 5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    assert await store.write(colour) == "written"
    assert caplog.messages == []


async def test_closing_does_first_what_was_sent_before(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(db: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(5)

    store = database(tmp_path)
    async with store:
        writes = [asyncio.create_task(store.write(slow))]
        writes += [asyncio.create_task(store.write(lambda db: put(db, "last")))]
        await asyncio.to_thread(begun.wait, 5)
        asyncio.get_running_loop().call_later(0.02, go_on.set)
    await asyncio.gather(*writes)
    with open_read_only(store.path) as db:
        assert colour(db) == "last"


async def test_what_is_sent_while_it_closes_is_refused_and_waits_for_nothing(
    tmp_path: Path,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(db: sqlite3.Connection) -> None:
        begun.set()
        assert go_on.wait(5)

    store = database(tmp_path)
    await store.__aenter__()
    writing = asyncio.create_task(store.write(slow))
    await asyncio.to_thread(begun.wait, 5)
    closing = asyncio.create_task(store.__aexit__(None, None, None))
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="not open"):
        await store.write(lambda db: put(db, "late"))
    go_on.set()
    await asyncio.gather(writing, closing)


async def test_a_closed_database_says_so(tmp_path: Path) -> None:
    store = database(tmp_path)
    async with store:
        pass
    with pytest.raises(StoreError, match="not open"):
        await store.read(colour)


async def test_a_database_has_one_owner(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreBusy, match=r"another gated is using .*gated\.db$"):
        await open_and_close(tmp_path)
    await store.write(lambda db: put(db, "still mine"))


async def test_the_owner_leaves_the_database_to_the_next(tmp_path: Path) -> None:
    for _ in range(2):
        async with database(tmp_path) as store:
            await store.write(lambda db: put(db, "mine"))


async def test_one_may_look_beside_the_owner_but_not_write(store: Store) -> None:
    await store.write(lambda db: put(db, "seen"))
    with open_read_only(store.path) as db:
        assert colour(db) == "seen"
        with pytest.raises(sqlite3.OperationalError):
            put(db, "changed")


def test_looking_at_a_database_that_is_not_there_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="there is no database at"),
        open_read_only(tmp_path / "gated.db"),
    ):
        pass


async def test_a_database_of_a_newer_gated_is_left_alone(tmp_path: Path) -> None:
    async with database(tmp_path) as store:
        await store.write(lambda db: put(db, "newer"))
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreTooNew, match=r"schema 99.*install the newer version again"):
        await open_and_close(tmp_path)
    with open_read_only(store.path) as db:
        assert colour(db) == "newer"


async def test_a_file_that_is_no_database_is_kept_and_named(tmp_path: Path) -> None:
    async with database(tmp_path):
        pass
    rubbish = b"this is no database" * 500
    (tmp_path / "gated.db").write_bytes(rubbish)
    with pytest.raises(StoreCorrupt, match=r"gated\.db is damaged .*move it away"):
        await open_and_close(tmp_path)
    assert (tmp_path / "gated.db").read_bytes() == rubbish


async def test_a_database_with_a_damaged_page_is_not_trusted(tmp_path: Path) -> None:
    async with database(tmp_path) as store:
        await pull(store, [guest(number) for number in range(200)])
    with store.path.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(os.urandom(4096 * 6))
    with pytest.raises(StoreCorrupt, match="move it away"):
        await open_and_close(tmp_path)


async def test_a_mistake_of_ours_is_not_called_a_damaged_database(store: Store) -> None:
    def twice(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO facts VALUES ('same', '1')")
        db.execute("INSERT INTO facts VALUES ('same', '2')")

    with pytest.raises(StoreError, match="does not work") as caught:
        await store.write(twice)
    assert not isinstance(caught.value, StoreCorrupt)


async def test_a_full_disk_is_said_in_a_sentence_and_leaves_nothing_half_written(
    store: Store,
) -> None:
    await store.write(lambda db: put(db, "before"))
    await store.write(
        lambda db: db.execute(
            f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0] + 4}"
        ).fetchone()
    )
    before = await store.read(count_facts)

    def much(db: sqlite3.Connection) -> None:
        put(db, "half")
        for number in range(100):
            facts.put(db, f"fact {number}", "x" * 1000)

    for _ in range(2):
        with pytest.raises(StoreError, match=r"^the disk is full: free some space$"):
            await store.write(much)
    assert await store.read(count_facts) == before
    assert await store.read(colour) == "before"
    assert await store.silent() == ""


async def test_a_full_disk_turns_no_scan_into_a_green_lamp(store: Store) -> None:
    await pull(store, [guest(1)])
    await store.write(
        lambda db: db.execute(
            f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}"
        ).fetchone()
    )
    strangers = (scan(store, ENTRY, f"stranger {number}") for number in range(200))
    answers = await asyncio.gather(*strangers, return_exceptions=True)
    recorded = [one for one in answers if not isinstance(one, BaseException)]
    failed = {type(one) for one in answers if isinstance(one, BaseException)}
    assert failed == {StoreError}
    assert await rows(store, "SELECT COUNT(*) FROM scans") == [(len(recorded),)]


async def test_the_key_of_another_database_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        async with database(tmp_path / name):
            pass
    shutil.copy(tmp_path / "two/gated.key", tmp_path / "one/gated.key")
    with pytest.raises(StoreError, match="does not belong to this database: put the right one"):
        await open_and_close(tmp_path / "one")


async def test_a_key_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gated.key").write_bytes(b"short")
    with pytest.raises(StoreError, match=r"key file .* is damaged"):
        await open_and_close(tmp_path)


async def test_no_new_key_is_made_beside_a_database_that_lost_its_own(tmp_path: Path) -> None:
    async with database(tmp_path):
        pass
    key = tmp_path / "gated.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(StoreError, match=r"gated\.key is missing: put it back"):
        await open_and_close(tmp_path)
    assert not key.exists()
    key.write_bytes(kept)
    async with database(tmp_path) as store:
        assert await store.read(colour) is None


async def test_a_start_that_was_cut_off_before_the_first_write_begins_anew(
    tmp_path: Path,
) -> None:
    (tmp_path / "gated.db").touch()
    async with database(tmp_path) as store:
        await store.write(lambda db: put(db, "new"))


async def test_every_file_is_for_the_gate_alone(store: Store, tmp_path: Path) -> None:
    await pull(store, [guest(1)])
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files(tmp_path)}
    assert modes == dict.fromkeys(
        ["gated.db", "gated.db-wal", "gated.db-shm", "gated.db.lock", "gated.key"], 0o600
    )


async def test_opening_twice_migrates_once(tmp_path: Path) -> None:
    async with database(tmp_path) as store:
        first = await rows(store, "PRAGMA schema_version")
        await store.write(lambda db: put(db, "kept"))
    async with database(tmp_path) as store:
        assert await rows(store, "PRAGMA schema_version") == first
        assert await store.read(colour) == "kept"


def test_a_migration_that_fails_leaves_the_database_as_it_was() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.execute("CREATE TABLE checkin_lists (id)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate.migrate(db)
    assert db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] == 1
    assert db.execute("PRAGMA user_version").fetchone()[0] == 0
    db.close()


@pytest.mark.parametrize("dump", sorted(OLD.glob("schema-*.sql")), ids=lambda dump: dump.stem)
async def test_a_database_of_every_released_schema_still_opens(tmp_path: Path, dump: Path) -> None:
    load(tmp_path, dump)
    for _ in range(2):
        async with database(tmp_path) as store:
            assert await rows(store, "SELECT COUNT(*) FROM tickets") == [(3,)]
            assert await rows(store, "SELECT verdict, state FROM scans ORDER BY id") == [
                ("admit", "confirmed"),
                ("refuse", "local"),
                ("attention", "waiting"),
            ]
            assert await store.read(lambda db: facts.get(db, "mode")) == "entry"
            newest = await store.read(lambda db: db.execute("PRAGMA user_version").fetchone()[0])
            assert newest == len(migrate._steps())


async def test_an_old_database_goes_on_being_scanned_with(tmp_path: Path) -> None:
    load(tmp_path, OLD / "schema-1.sql")
    async with database(tmp_path) as store:
        await pull(store, [guest(1, entered(1)), guest(9)])
        assert shown(await scan(store, ENTRY, 9)) == ("admit", "entered")
        assert shown(await scan(store, ENTRY, 1)) == ("refuse", "already_redeemed")


async def test_a_bulk_checkout_that_an_older_gate_asked_for_is_not_asked_for_again(
    tmp_path: Path,
) -> None:
    load(tmp_path, OLD / "schema-6.sql")
    async with database(tmp_path) as store:
        going = await store.read(closings.latest)
        assert going is not None
        (asked,) = await store.read(lambda db: bulk.requests(db, going))
        assert (asked.list_id, asked.is_open) == (1, True)
        assert await store.read(lambda db: bulk.next_list(db, going)) is None


async def test_a_database_that_answers_has_nothing_to_say(store: Store) -> None:
    assert await store.silent() == ""


async def test_a_database_that_cannot_be_asked_says_why(tmp_path: Path) -> None:
    assert await database(tmp_path).silent() == "the database is not open"
