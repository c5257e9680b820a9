"""Whether the server has taken this device's access away, which is believed only slowly."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gated.clock import Clock
    from gated.health import Health

logger = logging.getLogger(__name__)

APART_S = 600.0


class Revocation:
    """Believes it when told twice, ten minutes apart, with no welcome in between.

    The words come over verified TLS, or loopback: the config allows no other server. `believe` is
    called once; what it does cannot be undone.
    """

    def __init__(
        self, clock: Clock, health: Health, *, believe: Callable[[], Awaitable[None]]
    ) -> None:
        self._clock = clock
        self._health = health
        self._believe = believe
        self._first: float | None = None
        self._sure = asyncio.Event()

    def heard(self) -> None:
        """The server said so."""
        now = self._clock.monotonic()
        if self._first is None:
            self._first = now
            logger.warning("the server says that this device's access was revoked")
            self._health.fail(
                "access",
                "the server says that this device was revoked: if it still does in ten minutes,"
                " the list is wiped",
            )
        elif now - self._first >= APART_S:
            self._sure.set()

    def welcomed(self) -> None:
        """The server took the token."""
        if self._first is not None and not self._sure.is_set():
            self._first = None
            self._health.ok("access")

    async def run(self) -> None:
        """Wait until it is sure, and act on it."""
        await self._sure.wait()
        await self._believe()
        self._health.fail(
            "access",
            "the server revoked this device: the list was wiped; scans that it was not told of are"
            " kept, sealed, until the gate is enrolled anew",
        )
