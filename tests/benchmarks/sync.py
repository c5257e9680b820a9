"""Down and up beside a bare HTTP loop making the same calls: the list, its changes, the exits."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rig import Process

from gated import config
from gated.clock import Clock
from gated.health import Health
from gated.model import ScanType
from gated.server.bodies import utc
from gated.server.client import Client
from gated.simulator.dialects import Dialect
from gated.store import Store
from gated.store.redeem import Asking, Redemption, redeem
from gated.store.tickets import Keeper
from gated.sync.changes import Changes
from gated.sync.pull import Pull
from gated.sync.push import SIDE_BY_SIDE, Push

from .bare import BareCall, BareClient
from .memory import Memory
from .table import Table
from .ticket_server import LIST, TOKEN, FarServer

if TYPE_CHECKING:
    import sqlite3

Via = Literal["checkout", "redeem"]

_MIB = 2**20
_PULL_BAR, _PUSH_BAR = "1.10", "1.25"


@dataclass
class Race:
    """Seconds of the bare loop and of ours, in turns; of each the quietest counts."""

    name: str
    bar: str
    bare: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)

    @property
    def row(self) -> tuple[str, ...]:
        """A row of the table."""
        bare, ours = min(self.bare), min(self.ours)
        return self.name, f"{bare:.2f} s", f"{ours:.2f} s", f"{ours / bare:.2f}", self.bar


@dataclass(frozen=True)
class Gate:
    """What of a gate talks to the server, on a real store."""

    store: Store
    client: Client
    pull: Pull
    changes: Changes
    push: Push
    settled: asyncio.Queue[None]


def run(
    size: int = 100_000,
    changed: int = 100,
    exits: int = 10_000,
    rounds: int = 3,
    slow_s: float = 0.02,
) -> list[Table]:
    """Measure `rounds` times without, once with `slow_s` more for every answer."""
    with FarServer(size, Dialect.FORK) as server:
        server.let_in(size // 2)
        down = [
            *_with_and_without(server, slow_s, lambda times: _pulls(server, times), rounds),
            *_kept(server, rounds),
            *_with_and_without(
                server, slow_s, lambda times: _deltas(server, changed, times), rounds
            ),
        ]
        waits = asyncio.run(_waits(server, changed))
        grown = _daemon_memory(server)
    with FarServer(exits, Dialect.FORK) as server:
        up = [
            race
            for via in ("redeem", "checkout")
            for race in _with_and_without(
                server, slow_s, partial(_pushes, server, via, exits), rounds
            )
        ]
    return [
        _race_table(f"Down: a list of {size:,}, half of its guests inside", down),
        _race_table(f"Up: {exits:,} exits, {SIDE_BY_SIDE} at once", up),
        _wait_table(size, waits, grown),
    ]


def _with_and_without(
    server: FarServer, slow_s: float, measure: Callable[[int], list[Race]], rounds: int
) -> list[Race]:
    races = measure(rounds)
    server.slow(slow_s)
    slow_races = measure(1)
    server.slow(0)
    for race in slow_races:
        race.name += f", {slow_s * 1000:.0f} ms an answer"
    return races + slow_races


def _kept(server: FarServer, rounds: int) -> list[Race]:
    """From a server that made its pages before: how much our own work is, beside nothing else."""
    server.keep(pages=True)
    asyncio.run(_bare(server, BareClient.positions))
    races = _pulls(server, rounds)
    server.keep(pages=False)
    for race in races:
        race.name += ", pages made before"
        race.bar = "-"
    return races


def _pulls(server: FarServer, rounds: int) -> list[Race]:
    first, again = Race("the first time", _PULL_BAR), Race("again, unchanged", _PULL_BAR)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            for race in (first, again):
                race.bare.append(asyncio.run(_bare(server, BareClient.positions)))
                race.ours.append(asyncio.run(_our_pull(server, Path(folder))))
    return [first, again]


async def _bare(server: FarServer, work: Callable[[BareClient], Any]) -> float:
    async with BareClient(server.url) as client:
        started = time.perf_counter()
        await work(client)
        return time.perf_counter() - started


async def _our_pull(server: FarServer, folder: Path) -> float:
    async with _gate(server, folder) as gate:
        started = time.perf_counter()
        await gate.pull.once()
        return time.perf_counter() - started


def _deltas(server: FarServer, changed: int, rounds: int) -> list[Race]:
    """Ours reads on from the last change it knows, the bare loop from before these."""
    race = Race(f"{changed} changes", "-")

    async def measure() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with _gate(server, Path(folder)) as gate, BareClient(server.url) as client:
                await gate.pull.probe()
                await gate.pull.once()
                for _ in range(rounds):
                    since = await client.orders_time()
                    server.change(changed)
                    started = time.perf_counter()
                    assert await client.changed_orders(since) >= changed
                    between = time.perf_counter()
                    assert await gate.changes.once()
                    race.bare.append(between - started)
                    race.ours.append(time.perf_counter() - between)

    asyncio.run(measure())
    return [race]


def _pushes(server: FarServer, via: Via, exits: int, rounds: int) -> list[Race]:
    race = Race(f"through {via}", _PUSH_BAR)
    for _ in range(rounds):
        server.let_in(exits)
        tell = partial(BareClient.tell, calls=_calls(via, exits), at_once=SIDE_BY_SIDE)
        race.bare.append(asyncio.run(_bare(server, tell)))
        server.let_in(exits)
        race.ours.append(asyncio.run(_our_push(server, via, exits)))
        assert server.checkins() == 2 * exits, "an exit was lost or counted twice"
    return [race]


def _calls(via: Via, exits: int) -> list[BareCall]:
    """What our exits look like on the wire."""
    now = utc(datetime.now(UTC))
    if via == "checkout":
        body = {"checkin_list_id": LIST, "datetime": now, "force": False}
        return [
            (
                "/checkout/single/",
                {"X-Idempotency-Key": f"bare-{number}"},
                {"position_id": number, **body},
            )
            for number in range(1, exits + 1)
        ]
    body = {
        "type": "exit",
        "datetime": now,
        "force": False,
        "ignore_unpaid": False,
        "canceled_supported": True,
        "questions_supported": False,
    }
    return [
        (
            f"/checkinlists/{LIST}/positions/{number}/redeem/",
            {},
            {"nonce": f"bare-{number}", **body},
        )
        for number in range(1, exits + 1)
    ]


async def _our_push(server: FarServer, via: Via, exits: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        async with _gate(server, Path(folder), exit_via=via) as gate:
            await gate.pull.probe()
            await gate.pull.once()
            await gate.store.write(partial(_let_out, exits=exits))
            started = time.perf_counter()
            pushing = asyncio.create_task(gate.push.run())
            for _ in range(exits):
                await gate.settled.get()
            took = time.perf_counter() - started
            pushing.cancel()
            with suppress(asyncio.CancelledError):
                await pushing
            return took


def _let_out(db: sqlite3.Connection, exits: int) -> None:
    """Scan so many guests, of whom none is told yet."""
    guests = db.execute("SELECT secret_hash FROM tickets WHERE position_id <= ?", (exits,))
    for number, (secret_hash,) in enumerate(guests.fetchall()):
        redemption = Redemption(
            nonce=f"made-up-nonce-{number:06d}",
            type=ScanType.EXIT,
            secret_hash=secret_hash,
            at=datetime.now(UTC),
            lists=(LIST,),
            policy=config.Policy(),
        )
        redeem(db, redemption, asking=Asking.AWAY)


async def _waits(server: FarServer, changed: int) -> list[tuple[str, float]]:
    """The longest that a scan waited for its turn to write, in milliseconds."""
    with tempfile.TemporaryDirectory() as folder:
        async with _gate(server, Path(folder)) as gate:
            await gate.pull.probe()
            waits = []
            for name in ("the first list", "the list again, unchanged"):
                async with _scans(gate.store) as waited:
                    await gate.pull.once()
                waits.append((name, max(waited)))
            server.change(changed)
            async with _scans(gate.store) as waited:
                await gate.changes.once()
            waits.append((f"{changed} changes", max(waited)))
    return waits


@asynccontextmanager
async def _scans(store: Store) -> AsyncIterator[list[float]]:
    """Something to write every few milliseconds; how long each waited."""
    waited: list[float] = []

    async def scan() -> None:
        while True:
            started = time.perf_counter()
            await store.write(lambda db: db.execute("SELECT 1").fetchone())
            waited.append((time.perf_counter() - started) * 1000)
            await asyncio.sleep(0.003)

    scanning = asyncio.create_task(scan())
    try:
        yield waited
    finally:
        scanning.cancel()
        with suppress(asyncio.CancelledError):
            await scanning


def _daemon_memory(server: FarServer) -> int:
    """What the daemon takes for its first list above what it takes while it idles, in bytes."""
    server.unplug()
    with tempfile.TemporaryDirectory() as folder, Process(server.url, Path(folder)) as process:
        process.start(wait_for="ready, mode")
        time.sleep(1)
        with Memory(process.pid) as memory:
            server.plug()
            process.wait_for("list pulled")
        process.stop()
    return memory.grown


@asynccontextmanager
async def _gate(
    server: FarServer, folder: Path, *, exit_via: Via = "redeem"
) -> AsyncIterator[Gate]:
    clock, health = Clock.system(), Health()
    settings = config.Server(
        url=server.url,
        organizer="demo",
        event="conf",
        checkin_lists=(LIST,),
        token_file="unused",
        exit_via=exit_via,
    )
    settled: asyncio.Queue[None] = asyncio.Queue()
    async with (
        Store(folder / "gated.db", folder / "gated.key") as store,
        Client(settings, TOKEN) as client,
    ):
        keeper = Keeper(store.vault)
        changes = Changes(
            client,
            store,
            keeper,
            clock,
            health,
            every_s=settings.pull_s,
            capabilities=lambda: pull.capabilities,
        )
        pull = Pull(
            client,
            store,
            keeper,
            clock,
            health,
            every_s=settings.complete_s,
            changes=changes,
        )
        push = Push(
            client,
            store,
            clock,
            health,
            capabilities=lambda: pull.capabilities,
            exit_via=exit_via,
            on_settled=lambda *_: settled.put_nowait(None),
        )
        yield Gate(store, client, pull, changes, push, settled)


def _race_table(title: str, races: list[Race]) -> Table:
    return Table(
        title,
        ("what", "bare loop", "gated", "ratio", "bar"),
        tuple(race.row for race in races),
        (
            "bare loop: aiohttp making the same calls, as many at once, and decoding each answer",
            f"of each the quietest of {len(races[0].bare)} runs; where answers are late, the only",
        ),
    )


def _wait_table(size: int, waits: list[tuple[str, float]], grown: int) -> Table:
    rows = [(f"the longest wait of a scan: {name}", f"{ms:.0f} ms", "-") for name, ms in waits]
    rows.append(("memory of the daemon above idle", f"{grown / _MIB:.1f} MiB", "40 MiB"))
    return Table(f"While a list of {size:,} comes in", ("what", "seen", "bar"), tuple(rows))
