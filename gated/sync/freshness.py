"""Says when the list has grown old."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from gated.store import facts
from gated.store.rows import moment

if TYPE_CHECKING:
    from gated.clock import Clock
    from gated.health import Health
    from gated.store.database import Store

_LOOK_S = 15.0


class Freshness:
    """Looks at the age of the list now and then; older than `old_s` is a warning."""

    def __init__(self, store: Store, clock: Clock, health: Health, *, old_s: float) -> None:
        self._store = store
        self._clock = clock
        self._health = health
        self._old_s = old_s

    async def run(self) -> None:
        """Look for ever. Raises StoreError."""
        while True:
            await asyncio.sleep(_LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Say how old the list is if it is too old, and when it is not any more."""
        pulled_at = moment(await self._store.read(partial(facts.get, name="pulled_at")))
        if pulled_at is None:
            self._health.warn("list", "was never downloaded: every ticket is unknown")
            return
        age_s = (self._clock.wall() - pulled_at).total_seconds()
        if age_s > self._old_s:
            self._health.warn("list", f"is {age_s / 3600:.0f} h old: sales since are not known")
        else:
            self._health.ok("list", "is up to date")
