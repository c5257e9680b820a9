"""Keeps the gate's time: looks at it, remembers it over a restart, and dates old scans right."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gated.model import State, Trust
from gated.store import dates
from gated.sync.wait import wait_at_most

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from gated.clock import Clock
    from gated.health import Health
    from gated.store.database import Store

logger = logging.getLogger(__name__)

_EVERY_S = 5.0
_WORTH_A_WRITE = timedelta(seconds=1)


class Timekeeper:
    """`learn` hears the server's Dates; `before_telling` lets nothing out with a date in doubt.

    `ask` is any call to the server: its answer has a Date.
    """

    def __init__(
        self, clock: Clock, store: Store, health: Health, *, ask: Callable[[], Awaitable[object]]
    ) -> None:
        self._clock = clock
        self._store = store
        self._health = health
        self._ask = ask
        self._heard = asyncio.Event()
        self._looking = asyncio.Lock()
        self._kept: tuple[datetime, Trust] | None = None

    async def start(self) -> None:
        """Take up what was known of this boot when the gate last ran. Raises StoreError."""
        kept = await self._store.read(partial(dates.boot, boot_id=self._clock.boot_id))
        if kept:
            began, trust = kept
            known = trust in {Trust.SYNCHRONISED, Trust.LEARNT}
            self._clock.recall(began, trust if known else Trust.UNKNOWN)
        self._kept = kept
        await self.look()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            self._heard.clear()
            await wait_at_most(_EVERY_S, self._heard)

    def learn(self, date: datetime, round_trip_s: float) -> None:
        """Hear what time it is at the server; the first to say so is heeded at once."""
        self._clock.learn(date, round_trip_s)
        if not self._clock.is_known:
            self._heard.set()

    async def look(self) -> None:
        """See what is known of the time now, and date the scans right that waited for it."""
        async with self._looking:
            before = self._clock.trust
            self._clock.look()
            if self._clock.trust is not before:
                logger.info("clock: %s", words(self._clock))
            await self._keep()
            self._say()
            if self._clock.is_known:
                await self._put_right(self._clock.began)

    async def before_telling(self) -> None:
        """Ask the time if need be, and date right what was stamped without it.

        A server that does not say what time it is gets estimates. Raises ServerError.
        """
        if State.WAITING not in await self._store.read(dates.undated):
            return
        if not self._clock.is_known:
            await self._ask()
        await self.look()
        if not self._clock.is_known:
            await self._put_right(None)

    async def _put_right(self, began: datetime | None) -> None:
        if await self._store.read(dates.undated):
            step = partial(dates.put_right, boot_id=self._clock.boot_id, began=began)
            while await self._store.write(step):
                pass
            logger.info("scans made while the time was unknown were dated anew")

    async def _keep(self) -> None:
        began, trust = self._clock.began, self._clock.trust
        kept = self._kept
        if kept and kept[1] is trust and abs(kept[0] - began) < _WORTH_A_WRITE:
            return
        await self._store.write(
            partial(dates.remember_boot, boot_id=self._clock.boot_id, began=began, trust=trust)
        )
        self._kept = (began, trust)

    def _say(self) -> None:
        say = self._health.ok if self._clock.is_known else self._health.warn
        say("clock", words(self._clock))


def words(clock: Clock) -> str:
    """What is known of the time, for page and terminal."""
    match clock.trust:
        case Trust.SYNCHRONISED:
            return "synchronised"
        case Trust.LEARNT:
            off_s = round(clock.off.total_seconds())
            if not off_s:
                return "learnt from the server"
            return f"learnt from the server; the box's own is {abs(off_s)} s {_way(off_s)}"
        case _:
            return "unknown: tickets outside their dates are let through, with attention"


def _way(off_s: int) -> str:
    return "fast" if off_s > 0 else "slow"
