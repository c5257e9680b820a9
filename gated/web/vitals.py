"""Whether the gate lives, and whether it is ready for guests."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from typing import TYPE_CHECKING

from gated.errors import StoreError
from gated.store import facts
from gated.store.rows import moment

if TYPE_CHECKING:
    from gated.camera.eyes import Eyes
    from gated.clock import Clock
    from gated.store.database import Store

_ANSWER_S = 5.0
_LEAST_FREE = 10 * 1024**2


class Vitals:
    """Each question is answered with what is wrong; nothing wrong is an empty answer."""

    def __init__(self, store: Store, clock: Clock, eyes: Eyes, *, old_s: float) -> None:
        self._store = store
        self._clock = clock
        self._eyes = eyes
        self._old_s = old_s

    async def ill(self) -> str:
        """What a new start may mend: systemd's watchdog goes by it."""
        return self._eyes.stalled() or await self._store.silent()

    async def unready(self) -> list[str]:
        """What keeps the gate from deciding about guests as it should."""
        found = (
            self._eyes.blind(),
            await self._store.silent(),
            self._full(),
            await self._unlisted(),
        )
        # A database that does not answer is one thing, whoever notices.
        return list(dict.fromkeys(words for words in found if words))

    def _full(self) -> str:
        try:
            free = shutil.disk_usage(self._store.path.parent).free
        except OSError as error:
            return f"the folder of the database cannot be looked at: {error.strerror}"
        return "" if free >= _LEAST_FREE else "the disk is full: scans cannot be recorded for long"

    async def _unlisted(self) -> str:
        try:
            async with asyncio.timeout(_ANSWER_S):
                told = await self._store.read(partial(facts.get, name="pulled_at"))
        except TimeoutError:
            return "the database does not answer"
        except StoreError as error:
            return str(error)
        pulled_at = moment(told)
        if pulled_at is None:
            return "the list was never downloaded: every ticket is unknown"
        age_s = (self._clock.wall() - pulled_at).total_seconds()
        return "" if age_s <= self._old_s else f"the list is {age_s / 3600:.1f} h old"
