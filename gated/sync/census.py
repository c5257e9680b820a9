"""Who is inside: the server's own counts, the limit of the house, and where we disagree."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gated.errors import GatedError, ServerError
from gated.model import Act
from gated.store import differences, ledger
from gated.sync.wait import wait_at_most

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gated.clock import Clock
    from gated.health import Health
    from gated.server.client import Client
    from gated.store.database import Store
    from gated.store.differences import Difference

_LOOK_S = 5.0


@dataclass(frozen=True, slots=True)
class Whole:
    """The whole event by the server, summed over this gate's lists, and when it said so."""

    expected: int
    came: int
    inside: int
    at: datetime


class Census:
    """Asks the server every `every_s`; compares whenever the list was read, see `wake`."""

    def __init__(
        self,
        client: Client,
        store: Store,
        clock: Clock,
        health: Health,
        *,
        capacity: int,
        every_s: float,
        on_owed: Callable[[], None],
    ) -> None:
        self.whole: Whole | None = None
        self.differences: list[Difference] = []
        self._client = client
        self._store = store
        self._clock = clock
        self._health = health
        self._capacity = capacity
        self._every_s = every_s
        self._on_owed = on_owed
        self._read = asyncio.Event()
        self._read.set()
        self._asked: float | None = None

    def wake(self) -> None:
        """Say that something new came from the server."""
        self._read.set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            is_new = self._read.is_set()
            self._read.clear()
            await self.look(compare=is_new)
            await wait_at_most(_LOOK_S, self._read)

    async def look(self, *, compare: bool) -> None:
        """Count once, ask the server if it is time to, and compare if the list was read anew."""
        now = self._clock.monotonic()
        if self._asked is None or now - self._asked >= self._every_s:
            self._asked = now
            await self._ask()
        if compare:
            await self._compare()
        if self._capacity:
            inside = len(await self._store.read(partial(ledger.inside, lists=self._client.lists)))
            if inside >= self._capacity:
                self._health.warn("capacity", f"{inside} inside, room for {self._capacity}")
            else:
                self._health.ok("capacity", f"{inside} of {self._capacity} inside")

    async def repair(self, list_id: int, position_id: int, *, origin: str) -> None:
        """Have one exit told that ends a stay the server has for lasting. Raises GatedError.

        It is no difference from now on, unless the list shows it again once the exit is told.
        """
        at = self._clock.wall()
        act = Act("repair", origin, at, f"list {list_id}, position {position_id}")
        await self._store.write(
            partial(differences.repair, list_id=list_id, position_id=position_id, at=at, act=act)
        )
        self._on_owed()
        await self._compare()

    async def repair_person(self, position_id: int, *, origin: str) -> int:
        """The same on every list where it is wanted; returns on how many. Raises GatedError."""
        found = [one for one in self.differences if one.position_id == position_id]
        mendable = [one for one in found if one.repairable]
        if found and not mendable:
            raise GatedError(
                f"position {position_id} came in here and is outside by the server: no exit mends"
                " that; have them scanned as they come in again"
            )
        if not mendable:
            raise GatedError(f"position {position_id} is no difference: see gated stats")
        for one in mendable:
            await self.repair(one.list_id, position_id, origin=origin)
        return len(mendable)

    def state(self) -> dict[str, Any]:
        """As JSON values, with ages."""
        whole = None
        if self.whole:
            age_s = (self._clock.wall() - self.whole.at).total_seconds()
            whole = {
                "expected": self.whole.expected,
                "came": self.whole.came,
                "inside": self.whole.inside,
                "age_s": max(0.0, age_s),
            }
        return {
            "whole": whole,
            "offline": self._client.reachable is False,
            "capacity": self._capacity or None,
            "differences": [asdict(one) for one in self.differences],
        }

    async def _ask(self) -> None:
        try:
            found = [await self._client.list_counts(one) for one in self._client.lists]
        except ServerError:
            return
        self.whole = Whole(
            expected=sum(one.expected for one in found),
            came=sum(one.came for one in found),
            inside=sum(one.inside for one in found),
            at=self._clock.wall(),
        )

    async def _compare(self) -> None:
        lists, now = self._client.lists, self._clock.wall()
        self.differences = await self._store.read(
            partial(differences.differences, lists=lists, now=now)
        )
        if number := len(self.differences):
            people = "1 person" if number == 1 else f"{number} people"
            words = (
                f"the server and this gate disagree about {people}: see the page, or gated stats"
            )
            self._health.warn("inside", words)
        elif self._health.of("inside"):
            self._health.ok("inside")
