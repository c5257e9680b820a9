"""What steers the gate besides page and commands: button, key, schedule; and what looks wrong."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gated.model import ScanType
from gated.panel import Input
from gated.timetable import Timetable, entries_of
from gated.tryouts import Tryouts
from gated.wrong_mode import WrongMode
from gated.zone import local_zone

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from gated import config
    from gated.clock import Clock
    from gated.desk import Desk
    from gated.gate import Shown
    from gated.health import Health
    from gated.store.database import Store
    from gated.sync.checkout_all import CheckOutAll


@dataclass
class Steering:
    """Follows whatever is done at the panel, in order, and the schedule."""

    desk: Desk
    timetable: Timetable
    wrong_mode: WrongMode
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

    def heard(self, shown: Shown) -> None:
        """A guest was answered. One from before a change of mode says nothing about this one."""
        if shown.sighting.type is self.desk.mode:
            self.wrong_mode.heard(shown.scans[0])


def steer(
    settings: config.Config,
    store: Store,
    clock: Clock,
    health: Health,
    desk: Desk,
    closing: CheckOutAll,
    inputs: asyncio.Queue[Input],
    tryouts: Tryouts,
) -> Steering:
    """Put it together."""

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
        local_zone(settings.gate.timezone),
        {"entry": entry, "exit": exit_, "checkout_all": checkout_all},
    )
    wrong_mode = WrongMode(health)
    desk.on_mode = wrong_mode.forget
    key_closed = ScanType(settings.panel.mode.key_closed)
    return Steering(desk, timetable, wrong_mode, key_closed, inputs, tryouts)
