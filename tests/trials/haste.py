"""An event loop whose time runs faster, so that pauses made for a day fit into seconds."""

from __future__ import annotations

import asyncio
import selectors
import time
from datetime import UTC, datetime, timedelta

from gated.clock import Clock

FACTOR = 20
"""Loop seconds in a second. More, and a busy machine takes a live server for a dead one."""


def hasty_clock() -> Clock:
    """A day that fits the hasty loop, the same one after a restart."""

    def monotonic() -> float:
        return time.monotonic() * FACTOR

    return Clock(
        wall=lambda: _MORNING + timedelta(seconds=monotonic()),
        monotonic=monotonic,
        boot_id="trial",
    )


_MORNING = datetime(2026, 11, 22, 6, tzinfo=UTC)


class HastyLoop(asyncio.SelectorEventLoop):
    """Sleeps and timeouts take a FACTOR-th of what they say."""

    def __init__(self) -> None:
        super().__init__(_HastySelector())

    def time(self) -> float:
        return super().time() * FACTOR


class _HastySelector(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(timeout / FACTOR if timeout else timeout)
