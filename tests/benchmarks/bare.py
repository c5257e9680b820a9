"""The floor of syncing: the same calls by bare aiohttp, each answer decoded, nothing kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Self

import aiohttp
import msgspec

from .ticket_server import LIST, TOKEN

BareCall = tuple[str, dict[str, str], dict[str, Any]]
"""A path, headers of its own, and a body."""
_EVENT = "/api/v1/organizers/demo/events/conf"


class BareClient:
    """One session with the server, as many calls at once as its methods make."""

    def __init__(self, url: str) -> None:
        self._event = url + _EVENT
        self._session = aiohttp.ClientSession(headers={"Authorization": f"Device {TOKEN}"})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._session.close()

    async def positions(self) -> int:
        """Read the list to its end, page by page; how many there were."""
        await self._get("/checkinlists/?page=1")
        pages = f"/checkinlists/{LIST}/positions/?ignore_status=true&page="
        number, found, is_last = 1, 0, False
        while not is_last:
            page = await self._get(f"{pages}{number}")
            found += len(page["results"])
            is_last = page["next"] is None
            number += 1
        return found

    async def changed_orders(self, since: str) -> int:
        """Read the feed of changes to its end; how many orders there were."""
        feed = "/orders/?ordering=last_modified&include_canceled_positions=true"
        number, found, is_last = 1, 0, False
        while not is_last:
            page = await self._get(f"{feed}&modified_since={since}&page={number}")
            found += len(page["results"])
            is_last = page["next"] is None
            number += 1
        return found

    async def orders_time(self) -> str:
        """The server's time, as the feed of changes has it."""
        url = f"{self._event}/orders/?modified_since=2100-01-01T00:00:00Z"
        async with self._session.get(url) as response:
            await response.read()
            return response.headers["X-Page-Generated"]

    async def tell(self, calls: Iterable[BareCall], at_once: int) -> None:
        """POST them all; the server must take each."""
        waiting = iter(calls)

        async def one_by_one() -> None:
            for path, headers, body in waiting:
                url = self._event + path
                async with self._session.post(url, json=body, headers=headers) as response:
                    answer = msgspec.json.decode(await response.read())
                    assert answer["status"] in {"ok", "success"}, answer

        await asyncio.gather(*(one_by_one() for _ in range(at_once)))

    async def _get(self, path: str) -> Any:
        async with self._session.get(self._event + path) as response:
            return msgspec.json.decode(await response.read())
