"""Free flow: the way is open for everybody, by the fire panel or by hand, until both let go."""

from __future__ import annotations

import asyncio
import json
import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from gated.errors import GatedError, StoreError
from gated.model import Act
from gated.store import facts, ledger
from gated.store.rows import moment, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from gated import config
    from gated.clock import Clock
    from gated.health import Health
    from gated.passage import Passage
    from gated.store.database import Store

logger = logging.getLogger(__name__)

_ALARM = "alarm"
_BY_HAND = "by hand"
_FACT = "emergency"


class Emergency:
    """Whether there is free flow, since when and why; kept over a restart.

    The way is opened first and written down then: a full disk keeps nobody inside.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        passage: Passage,
        health: Health,
        *,
        has_input: bool,
        zone: ZoneInfo,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passage = passage
        self._health = health
        self._has_input = has_input
        self._zone = zone
        self._on_change = on_change
        self._sources: dict[str, str] = {}
        self._is_kept = True
        self._lock = asyncio.Lock()

    @property
    def is_on(self) -> bool:
        """Whether people pass freely."""
        return bool(self._sources)

    async def start(self) -> None:
        """Take up what was before the restart. Raises StoreError."""
        self._sources = await _kept(self._store, has_input=self._has_input)
        if self.is_on:
            self._show()

    async def alarm(self, *, on: bool) -> None:
        """The fire panel gives the alarm, or its wire is cut; or it is over. Raises StoreError."""
        await self._set(_ALARM, on=on, origin="alarm")

    async def set(self, *, on: bool, origin: str) -> None:
        """Open or close by hand. Raises GatedError while the fire panel keeps it open."""
        await self._set(_BY_HAND, on=on, origin=origin)
        if not on and self.is_on:
            raise GatedError("the fire panel still gives the alarm: the way stays open until then")

    def state(self) -> dict[str, Any]:
        """For the page."""
        return {"on": self.is_on, "words": self.words()}

    def words(self) -> str:
        """Since when, by the gate's own time, and why; nothing when there is no emergency."""
        if not self._sources:
            return ""
        why = " and ".join(self._sources)
        since = moment(min(self._sources.values())).astimezone(self._zone)
        return f"free flow ({why}) since {since:%Y-%m-%d %H:%M}"

    async def _set(self, source: str, *, on: bool, origin: str) -> None:
        async with self._lock:
            if on is (source in self._sources) and self._is_kept:
                return
            now = self._clock.wall()
            was_on, was_kept = self.is_on, self._is_kept
            if on:
                self._sources.setdefault(source, stamp(now))
            else:
                self._sources.pop(source, None)
            self._is_kept = False
            if was_on is not self.is_on:
                self._show()
            logger.warning("emergency %s by %s", "on" if on else "off", origin)
            act = Act(what=_FACT, origin=origin, at=now, detail="on" if on else "off")
            try:
                await self._store.write(partial(_keep, act=act, sources=dict(self._sources)))
            except StoreError as error:
                self._health.fail("store", f"an emergency could not be recorded: {error}")
                raise
            self._is_kept = True
            if not was_kept:
                self._health.ok("store", "the emergency is recorded, too")

    def _show(self) -> None:
        self._passage.hold(open_=self.is_on)
        if self.is_on:
            self._health.warn(_FACT, self.words())
        else:
            self._health.ok(_FACT, "over")
        self._on_change()


async def was_on(store: Store, panel: config.Panel) -> bool:
    """Whether the way was open for everybody when the gate last ran. Raises StoreError."""
    return bool(await _kept(store, has_input=panel.emergency.input is not None))


async def _kept(store: Store, *, has_input: bool) -> dict[str, str]:
    """What the way was open for when the gate last ran, and since when. Raises StoreError."""
    kept = await store.read(partial(facts.get, name=_FACT))
    sources: dict[str, str] = json.loads(kept) if kept else {}
    if not has_input:
        sources.pop(_ALARM, None)  # nothing would ever say that it is over
    return sources


def _keep(db: sqlite3.Connection, act: Act, sources: dict[str, str]) -> None:
    facts.put(db, _FACT, json.dumps(sources))
    ledger.write_act(db, act)
