"""Waiting for news, though never longer than a while."""

from __future__ import annotations

import asyncio


async def wait_at_most(seconds: float | None, event: asyncio.Event) -> None:
    """Until the event is set or so many seconds are over, whichever is first; None waits on."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
