"""Codes that are held up to see whether they are read: they are no tickets, and nobody's scan."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gated.model import Sighting


class TrialCodes:
    """Waits for codes before the camera. `takes` is asked about every sighting."""

    def __init__(self) -> None:
        # Also those that came too late: they are no tickets either.
        self._known: dict[str, asyncio.Future[Sighting]] = {}

    def expect(self, text: str) -> asyncio.Future[Sighting]:
        """From now on this is no guest's code; done when it is read."""
        return self._known.setdefault(text, asyncio.get_running_loop().create_future())

    def takes(self, sighting: Sighting) -> bool:
        """Whether this is a code that somebody waits for, and no guest."""
        awaited = self._known.get(sighting.text)
        if awaited is None:
            return False
        if not awaited.done():
            awaited.set_result(sighting)
        return True
