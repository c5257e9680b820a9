"""A list of 100,000 tickets: looking one up, loading the list, counting, starting with it.

Looking up also in a list of ten times as many.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from rig import Process

from gated.config import Policy
from gated.decide import decide
from gated.model import CheckinList, Listed, ScanType, ServerCheckin, Ticket
from gated.store import Store, Vault, passes
from gated.store.database import Work
from gated.store.figures import figures
from gated.store.lookup import look_up
from gated.store.passes import PassResult
from gated.store.redeem import Asking, Redeemed, Redemption, redeem
from gated.store.tickets import Keeper

from .memory import Memory
from .table import Spread, Table

T = TypeVar("T")

_LIST = CheckinList(id=1, name="All")
_BATCH = 500
_RUNS = 5
_NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Pass:
    """One complete pass of a list."""

    result: PassResult
    seconds: float
    grown: int
    """Bytes of memory above what there was before, at the worst moment."""
    longest_ms: float
    """The longest single transaction: so long a scan may have to wait."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """Milliseconds of many look-ups of one kind in a list of `size`."""

    kind: str
    size: int
    bare: Spread
    """A SELECT of one row by its hash."""
    decided: Spread
    """Look-up and decision alone."""
    redeemed: Spread
    """The whole of `redeem`, with its row, but without the commit."""


def run(size: int = 100_000, rounds: int = 1000, opens: int = 5) -> list[Table]:
    """Measure with a list of `size` tickets, beside one of a tenth of it."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), size, rounds, opens))


async def _measure(folder: Path, size: int, rounds: int, opens: int) -> list[Table]:
    # The first pass of a process also pays for what is loaded once.
    await _load(folder / "first", _BATCH)
    small = await _load(folder / "small", size // 10)
    large = await _load(folder / "large", size)
    lookups, counting = await _look_up(folder / "large", size, rounds)
    await _load(folder / "huge", 10 * size, passes=1)
    lookups += (await _look_up(folder / "huge", 10 * size, rounds))[0]
    opening_s = [await _open(folder / "large") for _ in range(opens)]
    starting_s = [_start(folder / "large") for _ in range(opens)]
    return [
        _lookup_table(lookups),
        _pass_table({size // 10: small, size: large}),
        _wait_table(size, counting, Spread.of(opening_s), Spread.of(starting_s)),
    ]


async def _load(folder: Path, size: int, passes: int = 2) -> list[Pass]:
    """A first pass, and the same once more."""
    async with _store(folder) as store:
        return [await _pass(store, size) for _ in range(passes)]


async def _pass(store: Store, size: int) -> Pass:
    keeper = Keeper(store.vault)
    longest_ms = 0.0

    async def write(work: Work[T]) -> T:
        nonlocal longest_ms
        step = time.perf_counter()
        outcome = await store.write(work)
        longest_ms = max(longest_ms, (time.perf_counter() - step) * 1000)
        return outcome

    with Memory() as memory:
        started = time.perf_counter()
        await write(passes.begin)
        for first in range(1, size + 1, _BATCH):
            last = min(first + _BATCH - 1, size)
            batch = [_guest(number) for number in range(first, last + 1)]
            await write(partial(passes.add, keeper=keeper, list_id=_LIST.id, listed=batch))
        while await write(partial(passes.place, lists=[_LIST])):
            pass
        result = await write(partial(passes.finish, lists=[_LIST], at=_NOON))
        while await write(passes.clear):
            pass
        ended = time.perf_counter()
    return Pass(result, ended - started, memory.grown, longest_ms)


async def _look_up(folder: Path, size: int, rounds: int) -> tuple[list[Lookup], Spread]:
    """The quietest of several runs: what others do on the machine only adds."""
    chosen = random.Random(1)

    def secrets(kind: str) -> list[str]:
        if kind == "unknown":
            return [f"nobody-{chosen.random()}" for _ in range(rounds)]
        return [_secret(chosen.randint(1, size)) for _ in range(rounds)]

    async with _store(folder) as store:
        lookups = []
        for kind in ("known", "unknown"):
            runs = [
                await store.write(
                    partial(
                        _time,
                        vault=store.vault,
                        kind=kind,
                        size=size,
                        ours=secrets(kind),
                        bare=secrets(kind),
                    )
                )
                for _ in range(_RUNS)
            ]
            lookups.append(min(runs, key=lambda one: one.decided.p99))
        counting = [await _timed_figures(store) for _ in range(max(1, rounds // 50))]
    return lookups, Spread.of(counting)


def _time(
    db: sqlite3.Connection, *, vault: Vault, kind: str, size: int, ours: list[str], bare: list[str]
) -> Lookup:
    """Time them in turns; the bare look-up is of another ticket, or it would warm the caches."""
    selected, decided, redeemed = [], [], []
    for number, (secret, other) in enumerate(zip(ours, bare, strict=True)):
        other_hash = vault.hash(other)
        redemption = Redemption(
            nonce=f"nonce-{number}",
            type=ScanType.EXIT,
            secret_hash=vault.hash(secret),
            at=_NOON + timedelta(seconds=number),
            lists=(_LIST.id,),
            policy=Policy(),
        )
        db.execute("SAVEPOINT one")
        started = time.perf_counter()
        db.execute("SELECT * FROM tickets WHERE secret_hash = ?", (other_hash,)).fetchone()
        found = time.perf_counter()
        decide(look_up(db, redemption, believed=False, vouching=True), redemption.policy)
        between = time.perf_counter()
        answer = redeem(db, redemption, asking=Asking.AWAY)
        ended = time.perf_counter()
        db.execute("ROLLBACK TO one")
        db.execute("RELEASE one")
        assert isinstance(answer, Redeemed)
        selected.append((found - started) * 1000)
        decided.append((between - found) * 1000)
        redeemed.append((ended - between) * 1000)
    return Lookup(kind, size, Spread.of(selected), Spread.of(decided), Spread.of(redeemed))


async def _timed_figures(store: Store) -> float:
    started = time.perf_counter()
    await store.read(partial(figures, lists=(_LIST.id,), now=datetime.now(UTC)))
    return time.perf_counter() - started


async def _open(folder: Path) -> float:
    started = time.perf_counter()
    async with _store(folder):
        return time.perf_counter() - started


def _start(folder: Path) -> float:
    """From the start of the process to its "ready"; no server answers it."""
    process = Process("http://127.0.0.1:1", folder)
    started = time.perf_counter()
    process.start(wait_for="ready, mode")
    took = time.perf_counter() - started
    process.stop()
    return took


def _lookup_table(lookups: list[Lookup]) -> Table:
    rows = []
    for one in lookups:
        spreads = (one.bare, one.decided, one.redeemed)
        milliseconds = [f"{ms:.3f}" for spread in spreads for ms in (spread.median, spread.p99)]
        ratio = f"{one.decided.median / one.bare.median:.1f}"
        rows.append((f"{one.kind}, among {one.size:,}", *milliseconds, ratio))
    return Table(
        "Look-up of a ticket, in milliseconds",
        (
            "tickets",
            "bare SELECT, median",
            "p99",
            "decided, median",
            "p99",
            "redeemed, median",
            "p99",
            "decided / bare",
        ),
        tuple(rows),
        (
            "decided: look-up and decision; redeemed: these again and the row written, no commit",
            f"the quietest of {_RUNS} runs of {lookups[0].bare.count:,}",
            f"bar: decided, p99 below 0.2 ms among {lookups[0].size:,}",
        ),
    )


def _pass_table(passes: dict[int, list[Pass]]) -> Table:
    rows = []
    for size, (first, second) in passes.items():
        for name, one in (("first", first), ("unchanged second", second)):
            rows.append(
                (
                    f"{size:,}, {name}",
                    f"{one.result.changed:,}",
                    f"{one.seconds:.2f} s",
                    f"{one.seconds / size * 1e6:.0f} us",
                    f"{one.longest_ms:.0f} ms",
                    f"{one.grown / _MIB:.1f} MiB",
                )
            )
    (_, (small, _)), (_, (large, _)) = sorted(passes.items())
    ratio = large.grown / max(small.grown, _MIB)
    return Table(
        f"A complete pass of the list, in batches of {_BATCH:,}",
        ("tickets, pass", "written", "time", "a ticket", "longest transaction", "memory grown"),
        tuple(rows),
        (f"ten times the tickets take {ratio:.1f} times the memory (bar: flat)",),
    )


def _wait_table(size: int, counting: Spread, opening: Spread, starting: Spread) -> Table:
    rows = [
        (name, f"{one.median * 1000:.0f} ms", f"{one.p99 * 1000:.0f} ms", bar)
        for name, one, bar in (
            ("the figures of the page", counting, "-"),
            ("opening the store", opening, "2 s"),
            ("process started, until ready", starting, "2 s"),
        )
    ]
    return Table(f"With {size:,} tickets", ("what", "median", "p99", "bar"), tuple(rows))


def _store(folder: Path) -> Store:
    return Store(folder / "gated.db", folder / "gated.key")


def _guest(number: int) -> Listed:
    """Of ten guests seven came, and two of these left again."""
    came = _NOON - timedelta(seconds=number % 7200)
    checkins = [
        ServerCheckin(2 * number, _LIST.id, ScanType.ENTRY, came),
        ServerCheckin(2 * number + 1, _LIST.id, ScanType.EXIT, came + timedelta(minutes=30)),
    ]
    kept = 2 if number % 10 < 2 else 1 if number % 10 < 7 else 0
    ticket = Ticket(number, f"ORDER{number}", 1 + number % 3, variation=number % 4 or None)
    return Listed(ticket, _secret(number), tuple(checkins[:kept]))


def _secret(number: int) -> str:
    return f"made-up-secret-{number:06d}"
