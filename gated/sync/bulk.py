"""Everybody checked out by the server itself, with checkout/bulk: asked once, then read back."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from gated.errors import GatedError, NoSuchEndpoint, NotAuthorized, ServerError, ServerRefused
from gated.store import bulk, outbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from gated.clock import Clock
    from gated.server.client import Client
    from gated.server.dialects import Capabilities
    from gated.store.closings import Closing
    from gated.store.database import Store

logger = logging.getLogger(__name__)

_TIMEOUT_S = 45.0
"""Longer than a worker may live there: only a lost connection ends the waiting before it does."""


class Bulk:
    """Has the server check out whoever is inside, one request for each list.

    `most` people at most are left to one request; `read_list` downloads the lists anew. Without an
    answer a worker may still be at it for `settle_s`.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        clock: Clock,
        *,
        most: int,
        capabilities: Callable[[], Capabilities | None],
        read_list: Callable[[], Awaitable[object]],
        settle_s: float = 35.0,
    ) -> None:
        self.most = most
        self._client = client
        self._store = store
        self._clock = clock
        self._capabilities = capabilities
        self._read_list = read_list
        self._settle_s = settle_s

    async def check(self, lists: Sequence[int]) -> None:
        """Raises GatedError with what speaks against leaving it to the server."""
        can = self._capabilities()
        if not can or not can.checkout:
            raise GatedError("this server or token has no checkout/bulk: leave out bulk")
        waiting = (await self._store.read(outbox.count)).waiting
        if waiting:
            raise GatedError(f"{waiting} scans are still to be told: wait, or leave out bulk")
        for list_id in lists:
            try:
                inside = (await self._client.list_counts(list_id)).inside
            except ServerError as error:
                raise GatedError(f"the server cannot be asked ({error}): leave out bulk") from error
            if inside > self.most:
                raise GatedError(
                    f"{inside} are inside on list {list_id}, and more than {self.most} at once may"
                    " take the server longer than its workers live ([server] bulk_most):"
                    " leave out bulk"
                )

    async def go(self, closing: Closing) -> str:
        """Ask for what was not asked yet, once; read back what is so now, and write it down.

        Goes on after a restart. Returns why the server would not, or an empty text. Raises
        ServerError when it cannot be read back.
        """
        next_list = partial(bulk.next_list, closing=closing)
        while (list_id := await self._store.read(next_list)) is not None:
            await self._ask(closing, list_id)
        asked = await self._store.read(partial(bulk.requests, closing=closing))
        if any(one.is_open for one in asked):
            # A worker that is still at it would make a liar of what is read now.
            await asyncio.sleep(self._settle_s)
        if any(not one.refused for one in asked):
            await self._read_list()
        await self._store.write(partial(bulk.compare, closing=closing))
        return "; ".join(one.refused for one in asked if one.refused)

    async def _ask(self, closing: Closing, list_id: int) -> None:
        store, now = self._store, self._clock.wall()
        await store.write(partial(bulk.asking, closing=closing, list_id=list_id, at=now))
        try:
            named = await self._client.check_out_all(
                [list_id],
                at=closing.at,
                key=f"checkout-all-{closing.id}-{list_id}-{closing.at.timestamp():.6f}",
                timeout_s=_TIMEOUT_S,
            )
        except (ServerRefused, NoSuchEndpoint, NotAuthorized) as error:
            words = str(error)
            await store.write(partial(bulk.refused, closing=closing, list_id=list_id, words=words))
        except ServerError as error:
            logger.warning("no answer to checkout/bulk, read back instead: %s", error)
        else:
            await store.write(partial(bulk.answered, closing=closing, list_id=list_id, named=named))
