"""A gate without camera beside a simulated ticket server, for tests to hold both in hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

from aiohttp import web
from gpiozero.pins.mock import MockFactory, MockPWMPin

from gated import config
from gated.clock import Clock
from gated.errors import ServerUnreachable
from gated.gate import Gate, Shown
from gated.health import Health, Level
from gated.model import Scan, ScanType, Sighting, Trust
from gated.panel import Panel, open_panel
from gated.passage import Passage
from gated.server.client import Client
from gated.simulator.dialects import Dialect
from gated.simulator.made_up import fill
from gated.simulator.records import CheckinRecord, PositionRecord
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import Store, ledger, outbox
from gated.store.tickets import Keeper, count
from gated.sync.ask import Asker
from gated.sync.pull import Pull
from gated.sync.push import Outcome, Patience, Push

ENTRY, EXIT = ScanType.ENTRY, ScanType.EXIT
FORK, PRETIX = Dialect.FORK, Dialect.PRETIX

QUICK = Patience(
    first_s=0.01,
    longest_s=0.02,
    rest_s=0.01,
    longest_rest_s=0.02,
    strikes=3,
    quiet_strikes=6,
    locked_s=0.3,
)

Via = Literal["auto", "checkout", "redeem"]


@dataclass
class Bench:
    """Every part of the gate that has to do with the server, and the server."""

    server: TicketServer
    store: Store
    client: Client
    health: Health
    panel: Panel
    pull: Pull
    push: Push
    gate: Gate
    settled: list[tuple[Scan, Outcome]] = field(default_factory=list)
    clock: Clock = field(default_factory=lambda: Clock(synchronised=lambda: False))
    on_settled: list[Callable[[Scan, Outcome], None]] = field(default_factory=list)
    """Who else hears of each scan that is settled."""

    @property
    def world(self) -> World:
        return self.server.world

    def lag(self, seconds: float) -> None:
        """Let the gate's clock lag so far behind the server's."""
        now = datetime.now(UTC) - timedelta(seconds=seconds + self.clock.monotonic())
        self.clock.recall(now, Trust.LEARNT)

    def secret(self, position: int) -> str:
        return self.world.positions[position].secret

    async def scan(self, kind: ScanType, code: int | str) -> Shown:
        """Hold a code before the gate; a number is the ticket of that position."""
        text = self.secret(code) if isinstance(code, int) else code
        shown = await self.gate.scan(Sighting(text, "QRCode", kind, time.monotonic()))
        assert shown is not None
        return shown

    async def ready(self) -> None:
        """Learn what the server can do, and its list; on a busy machine again, if it was late."""
        while True:
            with suppress(ServerUnreachable):
                await self.pull.probe()
                await self.pull.once()
                break
        self.server.requests.clear()

    async def scans(self) -> list[Scan]:
        """The whole ledger."""
        return await self.store.read(lambda db: list(ledger.every(db)))

    async def waiting(self) -> int:
        return (await self.store.read(outbox.count)).waiting

    async def tickets(self) -> int:
        """How many live tickets the gate knows."""
        return await self.store.read(count)

    async def inside(self) -> set[int]:
        return await self.store.read(partial(ledger.inside, lists=self.client.lists))

    def rows(self, position: int, list_id: int = 1) -> list[CheckinRecord]:
        """What the server recorded of a ticket."""
        return self.world.checkins_of(position, list_id)

    def types(self, position: int, list_id: int = 1) -> list[str]:
        return [row.type for row in self.rows(position, list_id)]

    @asynccontextmanager
    async def pushing(self) -> AsyncIterator[None]:
        async with running(self.push.run()):
            yield

    async def push_all(self) -> list[Scan]:
        """Push until nothing waits; the ledger."""
        async with self.pushing():
            await self.until_settled()
        return await self.scans()

    async def until_settled(self) -> None:
        async def is_settled() -> bool:
            return not await self.waiting()

        await until(is_settled)

    def level(self, part: str) -> Level | None:
        condition = self.health.of(part)
        return condition.level if condition else None

    def words(self, part: str) -> str:
        condition = self.health.of(part)
        return condition.words if condition else ""

    def after_page(self, number: int, change: Callable[[], object], *, times: int = 1) -> None:
        """Change the world when the gate has read this page of a list, before it asks on."""
        done: list[int] = []

        def answered() -> None:
            last = self.server.requests[-1]
            is_page = last.path.endswith("/positions/") and last.query.get("page") == str(number)
            if is_page and len(done) < times:
                done.append(number)
                change()

        self.client.on_answer = answered


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.005)


async def until_true(condition: Callable[[], bool]) -> None:
    async def is_true() -> bool:
        return condition()

    await until(is_true)


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A background task that must not fail."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def small_world(guests: int = 8) -> World:
    """Paid guests only, with one ticket and a name each."""
    world = World()
    fill(world, guests=0, seed=1)
    for number in range(1, guests + 1):
        world.add_order(name=f"Guest {number:04d}")
    return world


def sell(world: World, **columns: Any) -> PositionRecord:
    """One more ticket, to somebody whose name comes last in the server's order."""
    return world.add_order(name=f"Guest {9000 + len(world.positions)}", **columns)


@asynccontextmanager
async def bench(
    folder: Path,
    dialect: Dialect = FORK,
    *,
    world: World | None = None,
    lists: tuple[int, ...] = (1,),
    exit_via: Via = "auto",
    timeout_s: float = 5.0,
    confirm_timeout_ms: int = 0,
    policy: config.Policy | None = None,
    token: str = "demo-token",
    url: str = "",
    pins: bool = False,
    patience: Patience = QUICK,
) -> AsyncIterator[Bench]:
    """An open gate that has not pulled yet; it asks before red only with a time-out to do so."""
    health = Health()
    settled: list[tuple[Scan, Outcome]] = []

    hearers: list[Callable[[Scan, Outcome], None]] = []

    def hear(scan: Scan, outcome: Outcome) -> None:
        settled.append((scan, outcome))
        for hearer in hearers:
            hearer(scan, outcome)

    clock = Clock(synchronised=lambda: False)
    panel = open_panel(
        config.Panel(kind="gpio" if pins else "none"),
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=lambda _: None,
        pin_factory=MockFactory(pin_class=MockPWMPin) if pins else None,
    )
    async with TicketServer(world or small_world(), dialect=dialect) as server:
        settings = config.Server(
            url=url or server.url,
            organizer=server.world.organizer,
            event=server.world.event,
            checkin_lists=lists,
            token_file="unused",
            timeout_s=timeout_s,
            confirm_timeout_ms=confirm_timeout_ms,
            exit_via=exit_via,
        )
        async with (
            Store(folder / "gated.db", folder / "gated.key") as store,
            panel,
            Client(settings, token) as client,
        ):
            keeper = Keeper(store.vault)
            pull = Pull(client, store, keeper, clock, health, every_s=60)
            push = Push(
                client,
                store,
                clock,
                health,
                capabilities=lambda: pull.capabilities,
                exit_via=exit_via,
                look_again=pull.probe,
                on_settled=hear,
                patience=patience,
            )
            asker = Asker(client, timeout_ms=confirm_timeout_ms, can_list=lambda: pull.can_list)
            gate = Gate(
                store,
                panel,
                keeper,
                clock,
                health,
                passage=Passage(config.Passage(), store, panel, clock, health),
                lists=lists,
                policy=policy or config.Policy(),
                asking=asker.asking,
                ask=asker.ask,
                reports=lambda: bool(pull.capabilities and pull.capabilities.failed_checkins),
                on_shown=lambda _: push.wake(),
            )
            client.on_reach = lambda reachable: push.back() if reachable else None
            bench = Bench(
                server, store, client, health, panel, pull, push, gate, settled, clock, hearers
            )
            bench.lag(0)
            yield bench


@asynccontextmanager
async def answering(
    answer: Callable[[web.BaseRequest], web.Response],
) -> AsyncIterator[tuple[str, list[str]]]:
    """Some other server on loopback; its address, and the paths it was asked for."""
    asked: list[str] = []

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append(str(request.rel_url))
        return answer(request)

    loop = asyncio.get_running_loop()
    other = web.Server(handle, access_log=None)
    listener = await loop.create_server(other, "127.0.0.1", 0)
    try:
        port = listener.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", asked
    finally:
        listener.close()
        await other.shutdown(1)
