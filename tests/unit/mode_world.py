"""A gate whose mode is steered by button, page and schedule, and an account of what must be so.

The pins are gpiozero's mock pins; panel, steering, gate and store are real. Time is moved by hand,
in whole milliseconds, and stops where the account says that something is due: a moment before, to
see that it was not done yet, and then.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, reduce
from itertools import count, permutations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gpiozero.pins.mock import MockFactory, MockPWMPin
from stepped import advance

from gated import config
from gated.clock import Clock
from gated.desk import Desk
from gated.front import open_front
from gated.gate import Gate, Shown
from gated.health import Bell, Health
from gated.model import ScanType, Sighting
from gated.panel import Input
from gated.steering import steer
from gated.store import Store, ledger
from gated.store.redeem import Asking
from gated.store.tickets import Keeper
from gated.tryouts import Tryouts

BUTTON, LAMP_ENTRY, LAMP_EXIT = 25, 22, 23
SETTLE = 20
"""Milliseconds; what is shorter is chatter."""
PAGE = "page, staff from ::1"


class Pin(MockPWMPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin on which a finger stays, whatever the gate does with the pull-up."""

    held = False

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self.held:
            self.drive_low()


# What may happen.


@dataclass(frozen=True)
class Push:
    """The contact closed, open, closed ... for so many ms; open in the end."""

    held_ms: tuple[int, ...]


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    ms: int


@dataclass(frozen=True)
class ToBoundary:
    """Time passes until so many ms after, or before, the schedule's next instant."""

    offset_ms: int


@dataclass(frozen=True)
class Page:
    """Somebody sets the mode at the page."""

    mode: ScanType


@dataclass(frozen=True)
class See:
    """A code is seen; it is answered only after `then` was done."""

    then: Push | Page


@dataclass(frozen=True)
class Restart:
    """The gate is off for so long, with what happens to the button meanwhile."""

    off_ms: int
    push: Push
    stays_down: bool


@dataclass(frozen=True)
class Cut:
    """The gate is stopped at the very moment at which a press counts."""

    off_ms: int


Step = Push | Wait | ToBoundary | Page | See | Restart | Cut


@cache
def clocks(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Every minute of the days around, and what the clocks of the zone then show."""
    first = datetime.combine(day, time(), UTC) - timedelta(days=2)
    all_minutes = (first + timedelta(minutes=n) for n in range(5 * 24 * 60))
    return [(at, at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for at in all_minutes]


@cache
def instants(zone: str, day: date, at: str) -> list[datetime]:
    """Found by looking at the clocks minute by minute: the first on a day to show it, or more."""
    wanted = time.fromisoformat(at)
    found: dict[date, datetime] = {}
    for moment, wall in clocks(zone, day):
        if wall.time() >= wanted:
            found.setdefault(wall.date(), moment)
    # Of the first day the begin was not looked at.
    return sorted(found.values())[1:]


# The account.


@dataclass(frozen=True)
class Change:
    """A change of mode as the ledger must have it."""

    at: int
    origin: str
    mode: ScanType


@dataclass(frozen=True)
class Account:
    """What must be so, from nothing but what was done and when."""

    mode: ScanType
    changes: tuple[Change, ...] = ()
    level: bool = False
    since: int = 0
    counted: bool = False

    def edge(self, now: int, *, closed: bool) -> Account:
        return self if closed is self.level else replace(self, level=closed, since=now)

    @property
    def turns_at(self) -> int | None:
        """When the contact will have held for long enough to count."""
        return self.since + SETTLE if self.level is not self.counted else None

    def turn(self, now: int) -> Account:
        turned = replace(self, counted=self.level)
        return turned.to(self.mode.other, "button", now) if self.level else turned

    def to(self, mode: ScanType, origin: str, now: int) -> Account:
        if mode is self.mode:
            return self
        return replace(self, mode=mode, changes=(*self.changes, Change(now, origin, mode)))


Act = Callable[[Account], Account]


@dataclass
class World:
    """A gate, the time, a finger, and the account."""

    folder: Path
    start: datetime
    document: dict[str, Any]
    boundaries: list[tuple[int, ScanType]]
    """In ms from the start, in the order of the clock."""
    now: int = 0
    account: Account = field(default_factory=lambda: Account(ScanType.EXIT))
    seen: list[tuple[str, ScanType]] = field(default_factory=list)
    codes: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        self.pins = MockFactory(pin_class=Pin)
        loop = asyncio.get_running_loop()
        self.clock = Clock(
            wall=lambda: self.start + timedelta(seconds=loop.time()), monotonic=loop.time
        )

    async def open(self) -> None:
        parsed = config.parse(self.document)
        self.stack = AsyncExitStack()
        inputs: asyncio.Queue[Input] = asyncio.Queue()
        self.sightings: asyncio.Queue[Sighting | None] = asyncio.Queue()
        health = Health()
        self.store = await self.stack.enter_async_context(
            Store(self.folder / "gated.db", self.folder / "gated.key")
        )
        front = await open_front(
            self.stack,
            parsed,
            self.clock,
            health,
            on_input=inputs.put_nowait,
            lamps_changed=Bell(),
            pin_factory=self.pins,
        )
        self.desk = Desk(self.store, front.panel, self.clock, health, on_change=lambda: None)
        await self.desk.start("last")
        closing: Any = None  # its time never comes here
        steering = await steer(
            self.stack,
            parsed,
            front,
            self.store,
            self.clock,
            self.desk,
            closing,
            inputs,
            Tryouts(),
            on_owed=lambda: None,
        )

        async def nobody(_: str) -> None: ...

        def shown(_: Shown) -> None: ...

        gate = Gate(
            self.store,
            front.panel,
            Keeper(self.store.vault),
            self.clock,
            health,
            passage=steering.passage,
            lists=(1,),
            policy=parsed.policy,
            asking=lambda: Asking.AWAY,
            ask=nobody,
            reports=lambda: False,
            on_shown=shown,
        )
        self.tasks = [
            asyncio.create_task(steering.follow()),
            asyncio.create_task(steering.timetable.run()),
            asyncio.create_task(gate.run(self.sightings)),
        ]
        self.opened = self.now

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self.stack.aclose()

    async def quiet(self) -> None:
        """Wait until all that fell due is done: each of these waits behind what is under way."""
        for _ in range(4):
            await self.store.write(lambda db: db.execute("SELECT 1").fetchone())
            await self.store.read(lambda db: db.execute("SELECT 1").fetchone())
        for task in self.tasks:
            assert not task.done() or task.exception() is None

    def due(self, until: int) -> list[int]:
        found = [at for at, _ in self.boundaries if self.now < at <= until]
        if self.account.turns_at is not None and self.now < self.account.turns_at <= until:
            found.append(self.account.turns_at)
        return sorted(set(found))

    async def pass_to(self, until: int) -> None:
        """Let time pass; whenever something must happen, look a millisecond before, and then."""
        for at in iter(lambda: min(self.due(until), default=None), None):
            if at - 1 > self.now:
                await self._step(at - 1)
            await self._step(at)
        if until > self.now:
            await self._step(until)

    async def _step(self, to: int) -> None:
        await advance((to - self.now) / 1000)
        self.now = to
        await self.quiet()
        acts = [self._switched(mode) for mode in self._modes(to - 1, to)]
        if self.account.turns_at == to:
            acts.append(lambda account: account.turn(to))
        await self._expect(*acts)

    def _modes(self, after: int, until: int) -> list[ScanType]:
        """Of the modes that fall on one moment, or were missed, only the last counts."""
        return [mode for at, mode in self.boundaries if after < at <= until][-1:]

    def _switched(self, mode: ScanType) -> Act:
        now = self.now
        return lambda account: account.to(mode, "schedule", now)

    async def _expect(self, *acts: Act) -> None:
        """Compare with the account after these; which of two at one moment is first is open."""
        orders = permutations(acts)
        await self._expect_one_of(
            [reduce(lambda so_far, act: act(so_far), order, self.account) for order in orders]
        )

    async def _expect_one_of(self, possible: list[Account]) -> None:
        kept = await self._kept()
        assert kept in [list(one.changes) for one in possible]
        self.account = next(one for one in possible if list(one.changes) == kept)
        assert self.desk.mode is self.account.mode
        lamps = bool(self.pins.pin(LAMP_ENTRY).state), bool(self.pins.pin(LAMP_EXIT).state)
        assert lamps == (self.desk.mode is ScanType.ENTRY, self.desk.mode is ScanType.EXIT)

    async def _kept(self) -> list[Change]:
        acts = await self.store.read(ledger.acts)
        assert {act.what for act in acts} <= {"mode"}
        first, *more = [
            Change(
                round((act.at - self.start) / timedelta(milliseconds=1)),
                act.origin,
                ScanType(act.detail),
            )
            for act in acts
        ]
        assert first == Change(0, "config", ScanType.EXIT)
        return more

    # The steps.

    def finger(self, *, down: bool) -> None:
        self.account = self.account.edge(self.now, closed=down)
        pin = self.pins.pin(BUTTON)
        pin.held = down
        (pin.drive_low if down else pin.drive_high)()

    async def push(self, push: Push, pass_to: Any = None) -> None:
        down = True
        for ms in push.held_ms:
            self.finger(down=down)
            await advance(0)
            await (pass_to or self.pass_to)(self.now + ms)
            down = not down
        self.finger(down=False)
        await advance(0)

    async def page(self, page: Page) -> None:
        await self.desk.set_mode(page.mode, origin=PAGE)
        now = self.now
        await self._expect(lambda account: account.to(page.mode, PAGE, now))

    async def see(self, then: Push | Page) -> None:
        """While the disk is slow: the scan waits for it, the press after it does too."""
        slow = threading.Event()
        held = asyncio.create_task(self.store.write(lambda _: slow.wait(20)))
        code = f"code {next(self.codes)}"
        self.seen.append((code, self.desk.mode))
        seen = Sighting(code, "QRCode", self.desk.mode, asyncio.get_running_loop().time())
        self.sightings.put_nowait(seen)
        await advance(0)
        if isinstance(then, Page):
            asking = asyncio.create_task(self.desk.set_mode(then.mode, origin=PAGE))
            await advance(0)
            slow.set()
            await asking
            now, mode = self.now, then.mode
            await self.quiet()
            await self._expect(lambda account: account.to(mode, PAGE, now))
        elif self._is_free_for_a_press():
            self.finger(down=True)
            await advance(SETTLE / 1000)
            self.now += SETTLE
            slow.set()
            await self.quiet()
            now = self.now
            await self._expect(lambda account: account.turn(now))
            await self.push(then)
        slow.set()
        await held
        await self.quiet()

    def _is_free_for_a_press(self) -> bool:
        """Whether the button is up, and nothing else happens until a press would count."""
        is_up = not self.account.level and not self.account.counted
        return is_up and not self.due(self.now + SETTLE)

    async def restart(self, restart: Restart) -> None:
        await self.close()
        began = self.now

        async def sleep(until: int) -> None:
            await advance((until - self.now) / 1000)
            self.now = until

        await self.push(restart.push, sleep)
        if restart.stays_down:
            self.finger(down=True)
        await sleep(max(self.now, began + restart.off_ms))
        await self.reopen(began)

    async def reopen(self, closed: int) -> None:
        # How the contact stands when the gate starts is no press.
        self.account = replace(self.account, counted=self.account.level)
        await self.open()
        await self.quiet()
        await self._expect(*map(self._switched, self._modes(closed, self.now)))

    async def cut(self, cut: Cut) -> None:
        if not self._is_free_for_a_press():
            return
        self.finger(down=True)
        await advance(SETTLE / 1000)
        stopped = self.now = self.now + SETTLE
        await self.close()
        self.now += cut.off_ms
        await advance(cut.off_ms / 1000)
        await self.open()
        await self.quiet()
        missed = [self._switched(mode) for mode in self._modes(stopped, self.now)]
        # The press counts or not, but never half: what is lit is what the ledger says.
        held = replace(self.account, counted=True)
        possible = [held, self.account.turn(stopped)]
        await self._expect_one_of(
            [reduce(lambda so, act: act(so), missed, one) for one in possible]
        )
        self.finger(down=False)
        await advance(0)

    async def do(self, step: Step) -> None:
        match step:
            case Push():
                await self.push(step)
            case Wait(ms):
                await self.pass_to(self.now + ms)
            case ToBoundary(offset):
                coming = min((at for at, _ in self.boundaries if at > self.now), default=self.now)
                await self.pass_to(max(self.now, coming + offset))
            case Page():
                await self.page(step)
            case See(then):
                await self.see(then)
            case Restart():
                await self.restart(step)
            case Cut():
                await self.cut(step)
