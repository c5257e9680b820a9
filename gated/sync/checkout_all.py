"""Everybody checked out at closing time: who was inside at the press, each exactly once."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from gated.errors import ClosingBusy, GatedError, ServerError
from gated.model import BY_CLOSING, Act
from gated.store import closings, ledger
from gated.store.lookup import checkin_lists
from gated.sync.wait import wait_at_most

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from gated.clock import Clock
    from gated.health import Health
    from gated.model import Scan
    from gated.server.client import Client
    from gated.store.closings import Closing, Tally
    from gated.store.database import Store
    from gated.sync.bulk import Bulk
    from gated.sync.push import Outcome

logger = logging.getLogger(__name__)

_AT_A_TIME = 20


@dataclass(frozen=True, slots=True)
class Inside:
    """One list before the press: how many are inside by what we know, and by the server."""

    list_id: int
    name: str
    ours: int
    servers: int | None
    """None when the server did not say."""


class CheckOutAll:
    """Does what was pressed, in the background and over restarts, behind the guests' scans.

    `bulk` is the way of leaving it to the server; `on_owed` says that the outbox has something new.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        clock: Clock,
        health: Health,
        *,
        bulk: Bulk,
        on_owed: Callable[[], None],
        on_change: Callable[[], None],
        again_s: float = 30.0,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._health = health
        self._bulk = bulk
        self._on_owed = on_owed
        self._on_change = on_change
        self._again_s = again_s
        self._wake = asyncio.Event()
        self._wake.set()

    async def preview(self, lists: Sequence[int] = ()) -> list[Inside]:
        """Who would be checked out, list by list; the server's counts where it answers."""
        lists = self._chosen(lists)
        described = await self._store.read(partial(checkin_lists, ids=lists))
        people = await self._store.read(partial(ledger.people_inside, lists=lists))
        servers = await asyncio.gather(*(self._servers_count(one) for one in lists))
        return [
            Inside(
                list_id=one.id,
                name=one.name or f"list {one.id}",
                ours=sum(person.list_id == one.id for person in people),
                servers=theirs,
            )
            for one, theirs in zip(described, servers, strict=True)
        ]

    async def no_bulk(self, lists: Sequence[int] = ()) -> str:
        """What speaks against leaving it to the server now, or an empty text."""
        try:
            await self._bulk.check(self._chosen(lists))
        except GatedError as error:
            return str(error)
        return ""

    async def press(self, lists: Sequence[int] = (), *, bulk: bool = False, origin: str) -> Closing:
        """Check out whoever is inside this moment, on the lists or on all of this gate's.

        Raises ClosingBusy while one is going, and GatedError when bulk is not possible now.
        """
        lists = self._chosen(lists)
        if not self._clock.is_known:
            raise GatedError("the gate does not know the time yet: wait until it meets the server")
        if bulk:
            await self._bulk.check(lists)
        at = self._clock.wall()
        names = ", ".join(map(str, lists))
        way = "bulk" if bulk else "each"
        act = Act(what="checkout_all", origin=origin, at=at, detail=f"lists {names}, {way}")
        closing = await self._store.write(
            partial(closings.begin, lists=lists, way=way, at=at, act=act)
        )
        logger.info("everybody is checked out by %s: lists %s, %s", origin, names, way)
        self._stir()
        return closing

    async def press_at(self, due: datetime, *, guard: timedelta) -> Closing | None:
        """The scheduled press of everybody on all lists; None where it is not to be done.

        Once for each `due`, and not if the gate was off then and woke later than `guard` after it.
        """
        last = await self._store.read(closings.latest)
        if last and (last.at >= due or last.state == "going"):
            return None
        if not timedelta() <= self._clock.wall() - due <= guard:
            logger.warning("closing time %s is past: nobody is checked out by the schedule", due)
            return None
        return await self.press(origin="schedule")

    async def resume(self, *, origin: str) -> Closing:
        """Go on, one exit at a time, with whoever the last one left inside."""
        act = Act(what="checkout_all", origin=origin, at=self._clock.wall(), detail="resumed")
        closing = await self._store.write(partial(closings.resume, act=act))
        self._stir()
        return closing

    async def stop(self, *, origin: str) -> None:
        """Let whoever is still inside be; what is owed already is told. Raises ClosingBusy."""
        closing = await self._store.read(closings.latest)
        if closing is None or closing.state != "going" or closing.way == "bulk":
            raise ClosingBusy("nothing is going that could be stopped")
        await self._finish(closing, "stopped", origin=origin)

    async def progress(self) -> dict[str, Any] | None:
        """The last closing as JSON values, None before the first."""
        closing = await self._store.read(closings.latest)
        if closing is None:
            return None
        found = await self._store.read(partial(closings.tally, closing=closing))
        return {
            "id": closing.id,
            "at": closing.at.isoformat(),
            "lists": list(closing.lists),
            "way": closing.way,
            "origin": closing.origin,
            "state": closing.state,
            "total": found.total,
            "done": found.done,
            "outcomes": found.outcomes,
            "words": closing.words,
        }

    def settled(self, scan: Scan, _: Outcome) -> None:
        """One of the exits was told."""
        if scan.eye == BY_CLOSING:
            self._wake.set()

    async def run(self) -> None:
        """Do what is to be done, for ever; a restart goes on with what it finds."""
        while True:
            self._wake.clear()
            closing = await self._store.read(closings.latest)
            if closing and closing.state == "going":
                await (self._in_bulk(closing) if closing.way == "bulk" else self._each(closing))
            # The first exits may be told by the time we look; a beat catches what was missed.
            await wait_at_most(self._again_s, self._wake)

    async def _each(self, closing: Closing) -> None:
        step = partial(closings.step, closing=closing, at_most=_AT_A_TIME, clock=self._clock.trust)
        if await self._store.write(step):
            self._on_owed()
            # People who had left need no exit: the next few may be due at once.
            self._wake.set()
        found = await self._store.read(partial(closings.tally, closing=closing))
        if found.todo or found.owed:
            self._health.ok("closing", f"{found.done} of {found.total} checked out")
        else:
            await self._finish(closing, "done", origin="daemon")
        self._on_change()

    async def _in_bulk(self, closing: Closing) -> None:
        try:
            words = await self._bulk.go(closing)
        except ServerError as error:
            self._health.warn("closing", f"cannot be read back yet: {error}")
            return
        # Whoever walked out meanwhile, as the server had not, is told now.
        self._on_owed()
        found = await self._store.read(partial(closings.tally, closing=closing))
        state = "failed" if found.outcomes.get("inside") or words else "done"
        await self._finish(closing, state, origin="daemon", words=words)

    async def _finish(self, closing: Closing, state: str, *, origin: str, words: str = "") -> None:
        found = await self._store.read(partial(closings.tally, closing=closing))
        summary = "; ".join(filter(None, [_summary(found), words]))
        act = Act("checkout_all", origin, self._clock.wall(), f"{state}: {summary}")
        await self._store.write(
            partial(closings.end, closing=closing, state=state, words=summary, act=act)
        )
        logger.info("checking everybody out %s: %s", state, summary)
        if state == "done":
            self._health.ok("closing", summary)
        else:
            self._health.warn("closing", f"{state}: {summary}")
        self._stir()

    async def _servers_count(self, list_id: int) -> int | None:
        try:
            return (await self._client.list_counts(list_id)).inside
        except ServerError:
            return None

    def _chosen(self, lists: Sequence[int]) -> tuple[int, ...]:
        if strange := [one for one in lists if one not in self._client.lists]:
            raise GatedError(f"list {strange[0]} is not among [server] checkin_lists")
        # Never empty: to the server that would be everybody on every list.
        return tuple(dict.fromkeys(lists)) or tuple(self._client.lists)

    def _stir(self) -> None:
        self._wake.set()
        self._on_change()


_WORDS = {
    "out": "checked out",
    "left": "had left by themselves",
    "came back": "came back after it",
    "came later": "came in after it and stay",
    "inside": "still inside",
    "extra": "checked out though not inside at the press",
    "shelved": "on the shelf: a person is needed",
    "refused": "refused by the server",
}


def _summary(found: Tally) -> str:
    parts = [f"{number} {_WORDS.get(word, word)}" for word, number in found.outcomes.items()]
    if found.todo:
        parts.append(f"{found.todo} let be")
    return f"of {found.total} inside: " + (", ".join(parts) or "nobody to check out")
