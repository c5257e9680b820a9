"""What steers the gate besides page and commands: button, key, schedule; and what looks wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gated.emergency import Emergency
from gated.model import ScanType
from gated.panel import Input
from gated.passage import Passage
from gated.timetable import Timetable, entries_of
from gated.tryouts import Tryouts
from gated.wrong_mode import WrongMode
from gated.zone import local_zone

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack
    from datetime import datetime, timedelta
    from zoneinfo import ZoneInfo

    from gated import config
    from gated.clock import Clock
    from gated.desk import Desk
    from gated.front import Front
    from gated.gate import Shown
    from gated.store.database import Store
    from gated.sync.checkout_all import CheckOutAll


@dataclass
class Steering:
    """Follows whatever is done at the panel, in order, and the schedule."""

    desk: Desk
    timetable: Timetable
    wrong_mode: WrongMode
    passage: Passage
    emergency: Emergency
    key_closed: ScanType
    inputs: asyncio.Queue[Input] = field(default_factory=asyncio.Queue)
    tryouts: Tryouts = field(default_factory=Tryouts)

    async def follow(self) -> None:
        """Do what the panel's inputs ask for, for ever. Raises StoreError."""
        while True:
            given = await self.inputs.get()
            if not self.tryouts.takes_input(given):
                await self.obey(given)

    async def obey(self, given: Input) -> None:
        """Do what one input asks for. Raises StoreError."""
        match given:
            case Input.SHORT_PRESS:
                await self.desk.press()
            case Input.LONG_PRESS:
                await self.desk.lock(locked=not self.desk.locked, origin="button")
            case Input.KEY_CLOSED:
                await self.desk.set_mode(self.key_closed, origin="key")
            case Input.KEY_OPEN:
                await self.desk.set_mode(self.key_closed.other, origin="key")
            case Input.SENSOR_CLOSED:
                self.passage.sensed(closed=True)
            case Input.SENSOR_OPEN:
                self.passage.sensed(closed=False)
            case Input.ALARM:
                await self.emergency.alarm(on=True)
            case Input.NO_ALARM:
                await self.emergency.alarm(on=False)

    def heard(self, shown: Shown) -> None:
        """A guest was answered. One from before a change of mode says nothing about this one."""
        if shown.sighting.type is self.desk.mode:
            self.wrong_mode.heard(shown.scans[0])


async def steer(
    stack: AsyncExitStack,
    settings: config.Config,
    front: Front,
    store: Store,
    clock: Clock,
    desk: Desk,
    closing: CheckOutAll,
    inputs: asyncio.Queue[Input],
    tryouts: Tryouts,
    *,
    on_owed: Callable[[], None],
) -> Steering:
    """Put it together. Raises StoreError."""
    zone = local_zone(settings.gate.timezone)
    passage, emergency = await open_way(stack, front, store, clock, zone, on_owed=on_owed)

    async def entry(_: datetime, __: timedelta) -> None:
        await desk.set_mode(ScanType.ENTRY, origin="schedule")

    async def exit_(_: datetime, __: timedelta) -> None:
        await desk.set_mode(ScanType.EXIT, origin="schedule")

    async def checkout_all(at: datetime, guard: timedelta) -> None:
        await closing.press_at(at, guard=guard)

    timetable = Timetable(
        store,
        clock,
        entries_of(settings.schedule),
        zone,
        {"entry": entry, "exit": exit_, "checkout_all": checkout_all},
    )
    wrong_mode = WrongMode(front.health)
    desk.on_mode = wrong_mode.forget
    key_closed = ScanType(settings.panel.mode.key_closed)
    return Steering(desk, timetable, wrong_mode, passage, emergency, key_closed, inputs, tryouts)


async def open_way(
    stack: AsyncExitStack,
    front: Front,
    store: Store,
    clock: Clock,
    zone: ZoneInfo,
    *,
    on_owed: Callable[[], None] = lambda: None,
) -> tuple[Passage, Emergency]:
    """Relay, sensor and fire panel, as they were when the gate last ran. Raises StoreError."""
    health = front.health
    passage = Passage(
        front.wired.passage,
        store,
        front.panel,
        clock,
        health,
        on_owed=on_owed,
        on_change=health.changed.ring,
    )
    await passage.start()
    stack.callback(passage.close)
    emergency = Emergency(
        store,
        clock,
        passage,
        health,
        has_input=front.wired.emergency.input is not None,
        zone=zone,
        on_change=health.changed.ring,
    )
    await emergency.start()
    return passage, emergency
