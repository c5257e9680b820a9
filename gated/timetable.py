"""Does by itself what the schedule says: at its time, or on waking up after it."""

from __future__ import annotations

import asyncio
import logging
from datetime import time, timedelta
from functools import partial
from typing import TYPE_CHECKING

from gated.schedule import Entry, due, following
from gated.store import facts
from gated.store.rows import moment, stamp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from datetime import datetime, tzinfo

    from gated import config
    from gated.clock import Clock
    from gated.store.database import Store

logger = logging.getLogger(__name__)

_LOOK_S = 5.0
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SEEN = "schedule_seen"
_CLOCK_WAS_WRONG = timedelta(hours=1)
"""Time that went back by more was wrong before: what was done by it does not count."""


def entries_of(schedule: Iterable[config.Schedule]) -> tuple[Entry, ...]:
    """The schedule of a config."""
    return tuple(
        Entry(
            at=time.fromisoformat(one.at),
            action=one.action,
            days=frozenset(map(_DAYS.index, one.days)) or frozenset(range(7)),
            guard=timedelta(minutes=one.guard_min),
        )
        for one in schedule
    )


class Timetable:
    """Calls `actions` by name, each with the entry's moment and guard.

    How far the schedule has been followed is kept, so that a gate that was off at the time takes
    up what it missed: of the modes only the last, and never what staff changed since. A gate that
    is new, or does not know the time, does nothing.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        entries: tuple[Entry, ...],
        zone: tzinfo,
        actions: Mapping[str, Callable[[datetime, timedelta], Awaitable[object]]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._entries = entries
        self._zone = zone
        self._actions = actions

    async def run(self) -> None:
        """Follow the schedule for ever. Raises StoreError."""
        while self._entries:
            await self.look()
            await asyncio.sleep(self._pause_s())

    async def look(self) -> None:
        """Do what is due now. Raises StoreError."""
        if not self._clock.is_known:
            return
        now = self._clock.wall()
        seen = moment(await self._store.read(partial(facts.get, name=_SEEN)))
        if seen is None or seen - now > _CLOCK_WAS_WRONG:
            await self._note(now)
            return
        missed = due(self._entries, self._zone, after=seen, until=now)
        modes = [n for n, (_, entry) in enumerate(missed) if entry.action in {"entry", "exit"}]
        for n, (at, entry) in enumerate(missed):
            if n in modes[:-1]:
                continue
            logger.info("by the schedule of %s: %s", at.astimezone(self._zone), entry.action)
            await self._actions[entry.action](at, entry.guard)
            await self._note(at)
        if missed:
            await self._note(now)

    def coming(self) -> str:
        """What is next, in words; nothing where nothing is."""
        if not self._clock.is_known:
            return ""
        found = following(self._entries, self._zone, after=self._clock.wall())
        if not found:
            return ""
        at, entry = found
        return f"{_ACTIONS[entry.action]} from {at.astimezone(self._zone):%a %H:%M} by the schedule"

    async def _note(self, seen: datetime) -> None:
        await self._store.write(partial(facts.put, name=_SEEN, value=stamp(seen)))

    def _pause_s(self) -> float:
        now = self._clock.wall()
        found = following(self._entries, self._zone, after=now)
        return min(_LOOK_S, (found[0] - now).total_seconds()) if found else _LOOK_S


_ACTIONS = {"entry": "check-in", "exit": "check-out", "checkout_all": "everybody out"}
