"""Down, between complete passes: what changed since the last look."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from gated.errors import ServerError, ServerUnreachable
from gated.store import delta, facts
from gated.store.delta import Changed
from gated.store.lookup import checkin_lists
from gated.store.rows import moment, stamp
from gated.sync.pace import Pace
from gated.sync.wait import wait_at_most

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from gated.clock import Clock
    from gated.health import Health
    from gated.server.client import Client
    from gated.server.dialects import Capabilities
    from gated.server.orders import SecretsPage
    from gated.store.database import Store
    from gated.store.tickets import Keeper

logger = logging.getLogger(__name__)

_SECRETS_EVERY = 6
_NOTE_AGE_S = 30.0


class Changes:
    """Follows the feed of changed orders; the cursor is the server's time of the *first* page.

    Pages are not turned by number but begun anew at the newest change of the page before: an
    order that changes meanwhile moves to the end, and would push another over a page's edge.
    How far it came is remembered with every page, so an interruption costs one page.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        keeper: Keeper,
        clock: Clock,
        health: Health,
        *,
        every_s: float,
        capabilities: Callable[[], Capabilities | None],
        on_changed: Callable[[], None] | None = None,
    ) -> None:
        self.looking = asyncio.Lock()
        """Held while changes are taken in."""
        self._client = client
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._health = health
        self._every_s = every_s
        self._capabilities = capabilities
        self._on_changed = on_changed
        self._begun = asyncio.Event()
        self._noted_at = -_NOTE_AGE_S

    async def start_at(self, begun: datetime) -> None:
        """A complete pass is in place: what changed since it began counts from now on."""
        await self._store.write(partial(delta.set_back, cursor=stamp(begun)))
        self._begun.set()

    async def run(self) -> None:
        """Follow for ever, where the server has the feed and a pass was begun once."""
        pace = Pace(first_s=1, longest_s=60)
        looks = 0
        while True:
            can, pause_s = self._capabilities(), self._every_s
            self._begun.clear()
            try:
                if can and can.changes:
                    if looks % _SECRETS_EVERY == 0:
                        await self.secrets(can)
                    await self.once()
                    looks += 1
            except ServerUnreachable as error:
                logger.debug("changes not known: %s", error)
                pause_s = pace.next()
            except ServerError as error:
                self._health.warn("changes", str(error))
                pause_s = pace.next()
            else:
                self._health.ok("changes", "up to date")
                pace.reset()
            await wait_at_most(pause_s, self._begun)

    async def once(self) -> int | None:
        """Take in what changed; how many positions, or None when there is no cursor yet.

        Raises ServerError.
        """
        async with self.looking:
            return await self._look()

    async def _look(self) -> int | None:
        cursor = moment(await self._store.read(partial(facts.get, name="orders_cursor")))
        if cursor is None:
            return None
        asked_at = self._clock.monotonic()
        lists = await self._store.read(partial(checkin_lists, ids=self._client.lists))
        known_no = await self._store.read(facts.settled_no)
        first: datetime | None = None
        taken, number, is_last = 0, 1, False
        while not is_last:
            page, generated = await self._client.orders(cursor, number)
            first = first or generated
            is_last = page.is_last
            # Only where a whole page changed in one instant does it take a second one of it.
            stuck = page.latest is not None and page.latest <= cursor
            number = number + 1 if stuck else 1
            if page.codes:
                cursor = first if is_last or page.latest is None else page.latest
                taken += await self._store.write(
                    partial(
                        delta.take_in,
                        keeper=self._keeper,
                        changes=[
                            Changed(one.listed, canceled=one.canceled, attention=one.attention)
                            for one in page.changes
                        ],
                        lists=lists,
                        known_no=known_no,
                        cursor=stamp(cursor),
                    )
                )
        await self._note_age(asked_at)
        if taken and self._on_changed:
            self._on_changed()
        return taken

    async def secrets(self, can: Capabilities) -> None:
        """Take in the revoked and blocked secrets. Raises ServerError."""
        if can.revoked:
            await self._read_secrets("revoked", self._client.revoked_secrets)
        if can.blocked:
            await self._read_secrets("blocked", self._client.blocked_secrets)

    async def _read_secrets(
        self, kind: str, fetch: Callable[[int], Awaitable[SecretsPage]]
    ) -> None:
        """Both lists are short; what is already known is not written again."""
        number, is_last = 1, False
        while not is_last:
            page = await fetch(number)
            held = [(secret, holds) for _, secret, holds in page.secrets]
            await self._store.write(
                partial(delta.take_in_secrets, keeper=self._keeper, kind=kind, secrets=held)
            )
            number, is_last = number + 1, page.is_last

    async def _note_age(self, asked_at: float) -> None:
        """The list is as fresh as this question; noted now and then, for the SD card's sake."""
        if asked_at - self._noted_at >= _NOTE_AGE_S:
            self._noted_at = asked_at
            work = partial(facts.put, name="pulled_at", value=stamp(self._clock.at(asked_at)))
            await self._store.write(work)
