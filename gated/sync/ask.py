"""Ask before red: one quick look at the server for one ticket. A read, so nothing is owed."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gated.errors import ServerError
from gated.store.redeem import Asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.model import Listed
    from gated.server.client import Client

logger = logging.getLogger(__name__)


_LONGEST_SECRET = 255
"""The servers' column of secrets has no room for more."""


class Asker:
    """Asks for the tickets of a secret, on every configured list at once.

    `can_list` says whether this token was seen to list tickets at all: without that right an
    empty answer says nothing.
    """

    def __init__(self, client: Client, *, timeout_ms: int, can_list: Callable[[], bool]) -> None:
        self._client = client
        self._timeout_s = timeout_ms / 1000
        self._can_list = can_list

    def asking(self) -> Asking:
        """Whether it is worth trying: not from the moment the server is known to be away."""
        if not self._timeout_s:
            return Asking.NEVER
        return Asking.POSSIBLE if self._client.reachable else Asking.AWAY

    async def ask(self, secret: str) -> dict[int, tuple[Listed, ...]] | None:
        """Fetch the tickets by list, or None when there was no answer worth believing in time."""
        lists = self._client.lists
        if not _could_be_secret(secret):
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                answers = await asyncio.gather(
                    *(self._client.ask(list_id, secret) for list_id in lists)
                )
        except (ServerError, TimeoutError) as error:
            logger.info("asked in vain: %s", str(error) or "no answer in time")
            return None
        if not any(answers) and not self._can_list():
            return None
        return dict(zip(lists, answers, strict=True))


def _could_be_secret(text: str) -> bool:
    """Whether the server is worth asking: what no secret can be need not travel."""
    return len(text) <= _LONGEST_SECRET and text.isprintable()
