"""Turns old settled scans into numbers, in small steps, so that no guest waits."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gated.store import past

if TYPE_CHECKING:
    from gated.clock import Clock
    from gated.store.database import Store

logger = logging.getLogger(__name__)

_EVERY_S = 3600.0
_AT_ONCE = 50
_PAUSE_S = 0.2


class Forgetting:
    """Keeps what the ledger knows of people for `keep_days`; nothing while the time is unknown."""

    def __init__(
        self, store: Store, clock: Clock, *, keep_days: int, pause_s: float = _PAUSE_S
    ) -> None:
        self._store = store
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._pause_s = pause_s

    async def run(self) -> None:
        """Look every hour, for ever. Raises StoreError."""
        while True:
            await self.once()
            await asyncio.sleep(_EVERY_S)

    async def once(self) -> int:
        """Forget all that is old enough by now; how many scans that were. Raises StoreError."""
        if not self._clock.is_known:
            return 0
        before = self._clock.wall() - self._keep
        mark, forgotten = past.Mark(), 0
        closed = partial(past.forget_closed, before=before, limit=_AT_ONCE)
        while True:
            if not await self._store.write(closed):
                break
            await asyncio.sleep(self._pause_s)
        # Looked for beside the writer, which most hours is then left alone.
        while await self._store.read(partial(past.is_due, before=before, mark=mark)):
            step = partial(past.forget, before=before, mark=mark, limit=_AT_ONCE)
            done = await self._store.write(step)
            if done is None:
                break
            mark = done[0]
            forgotten += done[1]
            await asyncio.sleep(self._pause_s)
        if forgotten:
            logger.info("%d scans older than %d days are numbers now", forgotten, self._keep.days)
        return forgotten
