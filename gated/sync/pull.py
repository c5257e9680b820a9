"""Down: the attendee list, fetched whole and put in place."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from gated.decide import rule_facts
from gated.errors import (
    BadReply,
    ServerError,
    ServerUnreachable,
)
from gated.logs import printable
from gated.model import Event
from gated.rules import evaluate
from gated.server.dialects import Capabilities, probe
from gated.signed import unusable_keys
from gated.store import events, facts, passes
from gated.sync.pace import Pace
from gated.sync.reading import ChangedWhileReadingError, ListReader, Progress

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gated.clock import Clock
    from gated.health import Health
    from gated.model import CheckinList, Dates
    from gated.server.client import Client
    from gated.store.database import Store, Work
    from gated.store.passes import PassResult
    from gated.store.tickets import Keeper
    from gated.sync.changes import Changes

__all__ = ["Progress", "Pull"]

logger = logging.getLogger(__name__)

Told = TypeVar("Told")

_TRIES = 3
_ALONE_S = 60.0


class Pull:
    """Fetches complete passes, at start and every `every_s`, and what the server can do.

    With `changes` the feed of changes is taken up where a pass began; without it passes are made
    at least every minute.

    `can_list` tells whether this token was seen to list positions: only then does an empty
    answer about a ticket mean that there is none.
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
        changes: Changes | None = None,
        on_pulled: Callable[[], None] | None = None,
    ) -> None:
        self.can_list = False
        self.capabilities: Capabilities | None = None
        self._client = client
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._health = health
        self._every_s = every_s
        self._changes = changes
        self._on_pulled = on_pulled
        self._lock = asyncio.Lock()

    async def remember(self) -> None:
        """Take up what was known of the server when the gate last ran."""
        text = await self._store.read(partial(facts.get, name="capabilities"))
        self.capabilities = Capabilities.load(text)

    async def run(self) -> None:
        """Pull for ever; while the server is away, knock with growing pauses."""
        pace = Pace(first_s=1, longest_s=5)
        while True:
            try:
                await self.probe()
                await self.once()
            except ServerUnreachable as error:
                self._health.warn("server", str(error))
                await asyncio.sleep(pace.next())
            except ServerError as error:
                self._health.fail("server", str(error))
                logger.warning("the list was not updated: %s", error)
                await asyncio.sleep(pace.longest())
            else:
                pace.reset()
                await asyncio.sleep(self._pause_s())

    async def probe(self) -> None:
        """Find out what the server can do. Raises ServerError."""
        found = await probe(self._client, self.capabilities)
        if found != self.capabilities:
            logger.info("the server can: %s", found)
            for lacking in found.missing:
                logger.warning("missing at the server: %s; %s", lacking.needs, lacking.cost)
            await self._store.write(partial(facts.put, name="capabilities", value=found.dump()))
        self.capabilities = found
        await self._remember_event()

    async def _remember_event(self) -> None:
        """The event's time zone and dates, for entry rules, and the keys of its signed tickets."""
        told = await _told(self._client.event(), "the event's dates")
        if told is None:
            return
        series: Mapping[int, Dates] | None = {}
        if told.is_series:
            series = await _told(self._client.series(), "the dates of the series")
        if series is not None:
            await self._store.write(partial(events.keep_dates, series=series))
        # The fork tells no device's gate, and a team's token has none.
        place = await _told(self._client.place(), "this device's gate")
        if place is not None:
            told = replace(told, gate=place.gate, gate_known=True)
        if await self._store.write(partial(events.keep, event=told)):
            for words in unusable_keys(told.valid_keys):
                logger.warning("signed tickets cannot all be verified: %s", words)

    async def once(self, progress: Callable[[Progress], None] | None = None) -> PassResult:
        """Fetch every configured list and put the pass in place. Raises ServerError.

        A pass that breaks off changes nothing.
        """
        async with self._lock:
            for attempt in range(1, _TRIES + 1):
                try:
                    result = await self._pass_and_changes(progress)
                except ChangedWhileReadingError:
                    logger.info("the list changed while it was read, time %d", attempt)
                    continue
                break
            else:
                raise BadReply("the list kept changing while it was read: the old one stays")
        self.can_list = self.can_list or result.tickets > 0
        self._health.ok("server", "connected")
        self._health.ok("list", f"{result.tickets} tickets")
        logger.info(
            "list pulled: %d tickets, %d changed, %d vanished",
            result.tickets,
            result.changed,
            result.vanished,
        )
        if self._on_pulled:
            self._on_pulled()
        return result

    def _pause_s(self) -> float:
        follows = self._changes and self.capabilities and self.capabilities.changes
        return self._every_s if follows else min(self._every_s, _ALONE_S)

    async def _pass_and_changes(self, progress: Callable[[Progress], None] | None) -> PassResult:
        if not (self._changes and self.capabilities and self.capabilities.changes):
            return await self._pass(progress)
        begun = await self._client.orders_time()
        result = await self._pass(progress)
        await self._changes.start_at(begun)
        return result

    async def _pass(self, progress: Callable[[Progress], None] | None) -> PassResult:
        asked_at = self._clock.monotonic()
        lists = await self._lists()
        await self._in_steps(passes.clear)
        await self._store.write(passes.begin)
        async with ListReader(self._client, self._store, self._keeper) as reader:
            for checkin_list, expected in lists:
                await reader.read(checkin_list, expected, progress)
        fetched = [checkin_list for checkin_list, _ in lists]
        await self._say_rules(fetched)
        await self._in_steps(partial(passes.place, lists=fetched))
        finish = partial(passes.finish, lists=fetched, at=self._clock.at(asked_at))
        result = await self._store.write(finish)
        await self._in_steps(passes.clear)
        return result

    async def _say_rules(self, lists: list[CheckinList]) -> None:
        """Name what this box cannot evaluate: it then does what `[policy] unknown_rules` says."""
        some = await self._store.read(events.any_date)
        dates = {one.subevent for one in lists if one.subevent is not None} | {some}
        event = await self._store.read(partial(events.known, subevents=dates)) or Event()
        unknown = []
        for one in lists:
            # Where tickets of every date may come, any date tells whether dates are known.
            date = some if event.is_series and one.subevent is None else one.subevent
            probing = rule_facts(event, 0, date, now=self._clock.wall())
            if names := evaluate(one.rules, probing).unknown:
                unknown.append(f"{printable(one.name)}: {', '.join(names)}")
        if unknown:
            self._health.warn("rules", f"not all can be evaluated here ({'; '.join(unknown)})")
        elif self._health.of("rules"):
            self._health.ok("rules")

    async def _in_steps(self, step: Work[bool]) -> None:
        """Until nothing is left to do; guests are let in and out between the steps."""
        while await self._store.write(step):
            pass

    async def _lists(self) -> list[tuple[CheckinList, int]]:
        offered = await self._client.checkin_lists()
        missing = [list_id for list_id in self._client.lists if list_id not in offered]
        if missing:
            there = ", ".join(f"{one.id} {one.name}" for one, _ in offered.values()) or "none"
            raise BadReply(
                f"the event has no check-in list {missing[0]}: set [server] checkin_lists"
                f" to some of these: {there}"
            )
        return [offered[list_id] for list_id in self._client.lists]


async def _told(asking: Awaitable[Told], what: str) -> Told | None:
    """What the server says, or None if it does not tell. Raises ServerUnreachable.

    It is worth less than the list, which must not wait for it; what was known before stands.
    """
    try:
        return await asking
    except ServerUnreachable:
        raise
    except ServerError as error:
        logger.info("not known: %s: %s", what, error)
        return None
