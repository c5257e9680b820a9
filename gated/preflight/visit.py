"""One visit to the server, whose answers several checks share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gated.errors import GatedError
from gated.server import Capabilities, Client, probe
from gated.server.token import read_token

if TYPE_CHECKING:
    from datetime import datetime

    from gated.preflight.here import Here


@dataclass(frozen=True, slots=True)
class Visit:
    """What the server can do and how many tickets it has, or why it was not heard.

    `off_s` is how far this box's clock is ahead of the server's Date, None without one.
    """

    can: Capabilities | None = None
    expected: int | None = None
    error: GatedError | None = None
    off_s: float | None = None


async def visit(here: Here) -> Visit:
    """Ask once; nothing is changed at the server."""
    if here.visit is None:
        here.visit = asyncio.ensure_future(_visit(here))
    return await asyncio.shield(here.visit)


async def _visit(here: Here) -> Visit:
    if not here.config.server.checkin_lists:
        return Visit(error=GatedError("for which event and check-in list is not chosen yet"))
    offs: list[float] = []

    def hear(date: datetime, round_trip_s: float) -> None:
        offs.append(_off_s(here.clock.wall(), date, round_trip_s))

    try:
        async with Client(here.config.server, read_token(here.config.server)) as client:
            client.on_date = hear
            can = await probe(client)
            lists = await client.checkin_lists() if can.positions else {}
            expected = sum(count for one, count in lists.values() if one.id in client.lists)
    except GatedError as error:
        return Visit(error=error, off_s=min(offs, key=abs, default=None))
    return Visit(can, expected if lists else None, off_s=min(offs, key=abs, default=None))


def _off_s(now: datetime, date: datetime, round_trip_s: float) -> float:
    """A Date is rounded down to a second, and was on its way for the round trip at most."""
    latest = date + timedelta(seconds=1 + round_trip_s)
    if now < date:
        return (now - date).total_seconds()
    return max(0.0, (now - latest).total_seconds())
