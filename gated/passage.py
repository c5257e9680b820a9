"""From the green light to the guest who has passed, or has not: relay, sensor and what they mean.

Nobody waits for anybody here: several guests may be on their way, in the order in which they were
let through, and a sensor that is stuck only means that nobody is looked after any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gated.errors import PanelError
from gated.model import Act
from gated.sensor import SILENT, Sensor
from gated.store import granted, ledger

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from gated import config
    from gated.clock import Clock
    from gated.health import Health
    from gated.panel import Panel
    from gated.store.database import Store

logger = logging.getLogger(__name__)

_REMEMBERED = 16


@dataclass
class Grant:
    """One guest who was let through and is awaited."""

    sighting: str
    key: tuple[str, str]
    """Code and mode: who shows the same again is the same guest."""
    expiry: asyncio.TimerHandle


class Passage:
    """Opens for guests and looks whether they pass.

    `on_owed` is called when a scan may be told, `on_change` when the state to show has changed.
    Everything but `start` and `run` returns at once.
    """

    def __init__(
        self,
        settings: config.Passage,
        store: Store,
        panel: Panel,
        clock: Clock,
        health: Health,
        *,
        on_owed: Callable[[], None] = lambda: None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._store = store
        self._panel = panel
        self._clock = clock
        self._health = health
        self._on_owed = on_owed
        self._on_change = on_change
        self._grants: deque[Grant] = deque()
        self._lapsed: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)
        self._missed: list[str] = []
        self._held = False
        self._shut: asyncio.TimerHandle | None = None
        self._sensor = Sensor(
            health,
            longest_s=settings.timeout_s,
            on_passed=self._passed,
            on_caught=self._give_up,
        )
        self._writing: Callable[[sqlite3.Connection], Any] | None = None
        self._writes: asyncio.Queue[Callable[[sqlite3.Connection], Any]] = asyncio.Queue()

    @property
    def awaits(self) -> bool:
        """Whether guests are awaited: there is a sensor, and it can be believed."""
        return self._settings.sensor is not None and not self._sensor.trouble and not self._held

    async def start(self) -> None:
        """Take up work: who was awaited when the gate stopped counts. Raises StoreError."""
        if left := await self._store.write(granted.give_up):
            logger.warning("%d guests were on their way when the gate stopped: they count", left)

    async def run(self) -> None:
        """Write down what became of guests, in order, for ever.

        Raises StoreError; started again, it goes on with what failed.
        """
        while True:
            self._writing = self._writing or await self._writes.get()
            await self._store.write(self._writing)
            self._writing = None
            self._on_owed()
            self._on_change()

    def grant(self, sighting: str, key: tuple[str, str], *, lit_s: float, awaited: bool) -> None:
        """A guest may pass; the green light lasts `lit_s`. `awaited` is as it was recorded."""
        self._open(lit_s)
        if awaited and not self.awaits:
            self._note(sighting, "unknown")  # the sensor was lost while the guest was recorded
        elif awaited:
            self._grants.append(Grant(sighting, key, self._expiry(sighting)))

    def again(self, key: tuple[str, str], *, lit_s: float) -> bool:
        """Whether this guest is on the way already: then the way is open for as long again."""
        for grant in self._grants:
            if grant.key == key:
                grant.expiry.cancel()
                grant.expiry = self._expiry(grant.sighting)
                self._open(lit_s)
                return True
        return False

    def has_lapsed(self, key: tuple[str, str]) -> bool:
        """Whether this guest was let through and did not pass: the next showing is a new one."""
        if key in self._lapsed:
            self._lapsed.remove(key)
            return True
        return False

    def sensed(self, *, closed: bool) -> None:
        """The sensor, settled: closed is somebody in the passage."""
        self._sensor.sensed(closed=closed)

    def hold(self, *, open_: bool) -> None:
        """Open for everybody, or no more: who is on the way then counts."""
        self._held = open_
        if open_:
            self._give_up()
        self._switch(open_)

    def close(self) -> None:
        """Let go of every timer."""
        self._sensor.close()
        for timer in (self._shut, *(one.expiry for one in self._grants)):
            if timer:
                timer.cancel()

    def state(self) -> dict[str, Any] | None:
        """For the page; None where there is nothing that opens and nothing that looks."""
        if self._settings.relay is None and self._settings.sensor is None:
            return None
        return {"awaited": len(self._grants), "held": self._held, "trouble": self._sensor.trouble}

    def _passed(self) -> None:
        self._missed.clear()
        if self._held:
            return
        if not self._grants:
            logger.warning("somebody passed whom nobody let through")
            act = Act("passage", "sensor", self._clock.wall(), "without a ticket")
            self._writes.put_nowait(partial(ledger.write_act, act=act))
            return
        grant = self._grants.popleft()
        grant.expiry.cancel()
        self._note(grant.sighting, "passed")
        if self._settings.relay_kind == "hold" and not self._grants:
            self._switch(False)  # noqa: FBT003  a switch

    def _expired(self, sighting: str) -> None:
        grant = next((one for one in self._grants if one.sighting == sighting), None)
        if grant is None:
            return
        self._grants.remove(grant)
        self._lapsed.append(grant.key)
        logger.warning("let through, but did not pass within %g s", self._settings.timeout_s)
        self._writes.put_nowait(
            partial(
                granted.not_passed,
                sighting=sighting,
                at=self._clock.wall(),
                keep_exits=self._settings.exit_not_passed == "keep",
            )
        )
        self._missed.append(sighting)
        if self._settings.relay_kind == "hold" and not self._grants:
            self._switch(False)  # noqa: FBT003  a switch
        if len(self._missed) >= SILENT:
            missed, self._missed = self._missed, []
            self._writes.put_nowait(partial(granted.count_after_all, sightings=missed))
            self._sensor.found_silent(len(missed))

    def _give_up(self) -> None:
        """Nobody can know of those on the way: they were let through, so they count."""
        while self._grants:
            grant = self._grants.popleft()
            grant.expiry.cancel()
            self._note(grant.sighting, "unknown")

    def _note(self, sighting: str, passage: str) -> None:
        self._writes.put_nowait(partial(granted.note, sighting=sighting, passage=passage))

    def _expiry(self, sighting: str) -> asyncio.TimerHandle:
        loop = asyncio.get_running_loop()
        return loop.call_later(self._settings.timeout_s, self._expired, sighting)

    def _open(self, lit_s: float) -> None:
        if self._held or self._settings.relay is None:
            return
        seconds = {
            "pulse": self._settings.pulse_ms / 1000,
            "hold": self._settings.timeout_s,
            "follow": lit_s,
        }[self._settings.relay_kind]
        self._switch(True)  # noqa: FBT003  a switch
        self._shut = asyncio.get_running_loop().call_later(
            seconds, partial(self._switch, open_=False)
        )

    def _switch(self, open_: bool) -> None:  # noqa: FBT001  call_later has no keywords
        if self._shut:
            self._shut.cancel()
            self._shut = None
        if self._settings.relay is None:
            return
        try:
            self._panel.set_relay(open_, stays=self._held)
        except PanelError as error:
            self._health.fail("panel", str(error))
