"""How scans ended is written down, many in one commit."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from gated.model import State
from gated.store import outbox
from gated.store.outbox import Ending
from gated.sync.wait import wait_at_most

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.clock import Clock
    from gated.model import Scan
    from gated.store.database import Store
    from gated.sync.tell import Outcome

logger = logging.getLogger(__name__)

_TOGETHER = 32
_TOGETHER_S = 0.05
"""So many ends are written down in one commit, or as many as there are after a while."""


class Endings:
    """Takes what became of scans; `on_settled` hears of each once it is on the disk.

    Scans that end here are told already: killed before it is written, the gate tells them again
    with their nonces.
    """

    def __init__(
        self, store: Store, clock: Clock, on_settled: Callable[[Scan, Outcome], None] | None
    ) -> None:
        self._store = store
        self._clock = clock
        self._on_settled = on_settled
        self._ended: list[tuple[Scan, Outcome]] = []
        self._enough = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    def add(self, scan: Scan, outcome: Outcome) -> None:
        """Write this one down soon, together with others that end."""
        self._ended.append((scan, outcome))
        if self._writing is None or self._writing.done():
            self._enough.clear()
            self._writing = asyncio.create_task(self._write())
        if len(self._ended) >= _TOGETHER:
            self._enough.set()

    async def written(self) -> None:
        """Have all of them written down at once, and wait for it. Raises StoreError."""
        self._enough.set()
        writing = self._writing
        if writing:
            try:
                await asyncio.shield(writing)
            finally:
                if writing is self._writing and writing.done():
                    self._writing = None

    async def _write(self) -> None:
        while self._ended:
            await wait_at_most(_TOGETHER_S, self._enough)
            self._enough.clear()
            ended, self._ended = self._ended, []
            endings = [
                Ending(scan.nonce, outcome.state, outcome.reason, outcome.message)
                for scan, outcome in ended
            ]
            at = self._clock.wall()
            await self._store.write(partial(outbox.settle, endings=endings, at=at))
            for scan, outcome in ended:
                if outcome.state is State.REFUSED:
                    logger.warning(
                        "the server refused %s %s: %s", scan.type, scan.order_code, outcome.reason
                    )
                if self._on_settled:
                    self._on_settled(scan, outcome)
