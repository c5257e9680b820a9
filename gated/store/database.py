"""One SQLite file, one thread that writes, one that reads; callers send functions."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Self, TypeVar

from gated.errors import StoreBusy, StoreCorrupt, StoreError
from gated.store.migrate import migrate
from gated.store.vault import Vault

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

logger = logging.getLogger(__name__)

_ANSWER_S = 5.0


class Store:
    """The database. `write` runs a function inside one durable transaction, `read` beside it.

    Opening takes an exclusive lock, migrates, and checks that the key file belongs to the
    database. Raises StoreError and its kinds, each with one sentence.
    """

    def __init__(self, path: Path, key_file: Path) -> None:
        self.path = path
        self._key_file = key_file
        self._lock: int | None = None
        self._writer: _Worker | None = None
        self._reader: _Worker | None = None

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._open)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def write(self, work: Work[T]) -> T:
        """Run `work` between BEGIN IMMEDIATE and COMMIT; when this returns, it is on the disk.

        Cancelling the caller does not cancel the write. Raises StoreError.
        """
        return await _ran(self._writer, lambda db: _transaction(db, work))

    async def read(self, work: Work[T]) -> T:
        """Run `work` on a snapshot, without waiting for writes. Raises StoreError."""
        return await _ran(self._reader, lambda db: _snapshot(db, work))

    async def silent(self) -> str:
        """Say what is wrong when the database does not answer, or an empty text."""
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self.write(lambda db: db.execute("SELECT 1").fetchone())
        except TimeoutError:
            return "the database does not answer"
        except StoreError as error:
            return str(error)
        return ""

    def _open(self) -> None:
        with _told(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _take_lock(self.path.with_name(self.path.name + ".lock"))
            fresh = not self.path.exists() or not self.path.stat().st_size
            if not fresh and not self._key_file.exists():
                raise StoreError(
                    f"the key file {self._key_file} is missing: put it back,"
                    " or move the database away to start a new one"
                )
            self.vault = Vault.open(self._key_file)
            # The list and the ledger are nobody else's business on this box.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            db = _connect(f"{self.path.resolve().as_uri()}?mode=rw")
            try:
                if not fresh:
                    _check(db)
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                db.execute("PRAGMA foreign_keys = ON")
                # What lies aside is on no disk that counts: an undo in memory will do.
                db.execute("PRAGMA temp.journal_mode = MEMORY")
                db.execute("PRAGMA temp.cache_size = -8000")
                migrate(db)
                _check_key(db, self.vault)
            except BaseException:
                db.close()
                raise
            self._writer = _Worker(db, "store-writer")
            reader = _connect(f"{self.path.resolve().as_uri()}?mode=ro")
            self._reader = _Worker(reader, "store-reader")

    async def _close(self) -> None:
        # Taken away first: what is sent from here on is refused, not forgotten in an inbox.
        workers, self._reader, self._writer = (self._reader, self._writer), None, None
        lock, self._lock = self._lock, None
        await asyncio.to_thread(_end, workers, lock)


@contextlib.contextmanager
def open_read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for commands that only look; works beside a running daemon.

    Raises StoreError.
    """
    with _told(path):
        if not path.exists():
            raise StoreError(f"there is no database at {path}: has gated run with this config?")
        db = _connect(f"{path.resolve().as_uri()}?mode=ro")
    with contextlib.closing(db):
        with _told(path):
            db.execute("PRAGMA schema_version").fetchone()
        try:
            yield db
        except sqlite3.Error:
            with _told(path):
                raise
            raise


class _Worker:
    """A thread that owns one connection and runs what it is sent, in order."""

    def __init__(self, db: sqlite3.Connection, name: str) -> None:
        self._db = db
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def send(self, work: Work[T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            outcome: T | None = None
            error: BaseException | None = None
            try:
                outcome = work(self._db)
            except BaseException as caught:  # noqa: BLE001  handed to whoever waits
                error = caught
            # A stopping program may have closed the loop; the work itself is done.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(_deliver, future, outcome, error)

        self._inbox.put(run)
        return future

    def close(self) -> None:
        """Do what is still in the inbox, then close the connection."""
        self._inbox.put(None)
        self._thread.join()
        self._db.close()

    def _run(self) -> None:
        while work := self._inbox.get():
            work()


def _end(workers: Iterable[_Worker | None], lock: int | None) -> None:
    for worker in workers:
        if worker:
            worker.close()
    if lock is not None:
        os.close(lock)


def _deliver(future: asyncio.Future[Any], outcome: object, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if error is None:
        future.set_result(outcome)
    else:
        future.set_exception(error)


async def _ran(worker: _Worker | None, work: Work[T]) -> T:
    if worker is None:
        raise StoreError("the database is not open")
    with _told():
        return await worker.send(work)


def _transaction(db: sqlite3.Connection, work: Work[T]) -> T:
    db.execute("BEGIN IMMEDIATE")
    try:
        outcome = work(db)
        db.execute("COMMIT")
    except BaseException:
        # SQLite itself rolls back when the disk is full; a second rollback is an error.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    return outcome


def _snapshot(db: sqlite3.Connection, work: Work[T]) -> T:
    db.execute("BEGIN")
    try:
        return work(db)
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _connect(uri: str) -> sqlite3.Connection:
    db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=5)
    db.row_factory = sqlite3.Row
    return db


def _check(db: sqlite3.Connection) -> None:
    answer = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if answer != "ok":
        raise StoreCorrupt(f"the database is damaged ({answer}): move it away and start again")


def _check_key(db: sqlite3.Connection, vault: Vault) -> None:
    """Without its own key a database answers "unknown" to everybody: better to stop."""
    mark = vault.hash("gated").hex()
    kept = db.execute("SELECT value FROM facts WHERE name = 'key_mark'").fetchone()
    if kept is None:
        db.execute("INSERT INTO facts (name, value) VALUES ('key_mark', ?)", (mark,))
    elif kept["value"] != mark:
        raise StoreError(
            "the key file does not belong to this database: put the right one back,"
            " or move the database away to start a new one"
        )


def _take_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno not in {errno.EAGAIN, errno.EACCES}:
            raise
        raise StoreBusy(f"another gated is using {path.with_suffix('')}") from None
    return descriptor


@contextlib.contextmanager
def _told(path: Path | None = None) -> Iterator[None]:
    """Turn what SQLite and the disk say into our errors."""
    where = f" {path}" if path else ""
    try:
        yield
    except sqlite3.DatabaseError as error:
        # What SQLite cannot read is this very class; its kinds are about what was asked of it.
        if type(error) is sqlite3.DatabaseError:
            raise StoreCorrupt(
                f"the database{where} is damaged ({error}): move it away and start again"
            ) from error
        if "full" in str(error):
            raise StoreError("the disk is full: free some space") from error
        raise StoreError(f"the database{where} does not work: {error}") from error
    except OSError as error:
        raise StoreError(f"the database{where} cannot be used: {error.strerror}") from error
