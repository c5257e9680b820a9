"""Reading one check-in list: a page is on its way, one is being read, those before are written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self

from gated.errors import NotAuthorized, ServerRefused
from gated.server import wire
from gated.store import passes

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.model import CheckinList, Listed
    from gated.server.client import Client
    from gated.store.database import Store, Work
    from gated.store.tickets import Keeper

_BATCH = 250


class ChangedWhileReadingError(Exception):
    """The pages do not make up one list: read it again from the start."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pass has come: tickets of the list read, of how many."""

    list_name: str
    done: int
    total: int


class ListReader:
    """Hands the pages of lists to a pass that was begun; after `async with` all are written.

    One request at a time, in order; but while the server works on a page, we do on those before.
    """

    def __init__(self, client: Client, store: Store, keeper: Keeper) -> None:
        self._client = client
        self._store = store
        self._keeper = keeper
        self._coming: asyncio.Task[bytes] | None = None
        self._writing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._coming:
            self._coming.cancel()
        left = [task for task in (self._coming, self._writing) if task]
        await asyncio.gather(*left, return_exceptions=True)
        if self._writing and not kind:
            self._writing.result()

    async def read(
        self,
        checkin_list: CheckinList,
        expected: int,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Read a list to its end. Raises ServerError, StoreError, ChangedWhileReadingError.

        Ids are counted, because pages by offset over a changing set lie.
        """
        add = partial(passes.add, keeper=self._keeper, list_id=checkin_list.id)
        seen: set[int] = set()
        batch: list[Listed] = []
        number, is_last, count, size = 1, False, 0, 0
        while not is_last:
            body = await self._page(checkin_list.id, number, and_next=number * size < count)
            page = wire.positions_page(body)
            if number > 1 and page.count != count:
                raise ChangedWhileReadingError
            count, is_last, size = page.count, page.is_last, size or len(page.listed)
            seen.update([one.ticket.position_id for one in page.listed])
            batch.extend(page.listed)
            if len(batch) >= _BATCH or is_last:
                await self._write(partial(add, listed=tuple(batch)))
                batch.clear()
            if progress:
                progress(Progress(checkin_list.name, len(seen), count))
            number += 1
        if len(seen) != count or self._coming:
            raise ChangedWhileReadingError
        if not count and expected:
            raise NotAuthorized(
                f"the token may not see the {expected} tickets of list {checkin_list.id}:"
                " give it the right to view orders"
            )

    async def _page(self, list_id: int, number: int, *, and_next: bool) -> bytes:
        """Wait for a page, and ask for the next before this one is looked at."""
        coming, self._coming = self._coming, None
        try:
            body = await (coming or self._client.positions(list_id, number))
        except ServerRefused:
            # "Invalid page": the list shrank below the page that its last one promised.
            if number > 1:
                raise ChangedWhileReadingError from None
            raise
        if and_next:
            self._coming = asyncio.create_task(self._client.positions(list_id, number + 1))
            await asyncio.sleep(0)  # or it would leave only when we wait for it
        return body

    async def _write(self, work: Work[None]) -> None:
        """Begin to write, once what came before is written."""
        if self._writing:
            await self._writing
        self._writing = asyncio.create_task(self._store.write(work))
