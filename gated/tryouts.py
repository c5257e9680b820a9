"""What is done at a gate to try it: codes held up are no tickets then, and presses do nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gated.panel import Input

if TYPE_CHECKING:
    from gated.model import Sighting

AWAITED = {
    "button": {Input.SHORT_PRESS, Input.LONG_PRESS, Input.KEY_CLOSED, Input.KEY_OPEN},
    "sensor": {Input.SENSOR_CLOSED},
    "emergency": {Input.ALARM},
}
"""What shows that an input works, by its name among the pins."""


class Tryouts:
    """Waits for a code or a press. Whoever gets them from the hardware asks here first."""

    def __init__(self) -> None:
        # Also those that came too late: they are no tickets either.
        self._codes: dict[str, asyncio.Future[Sighting]] = {}
        self._part = ""
        self._input: asyncio.Future[Input] | None = None

    def expect(self, text: str) -> asyncio.Future[Sighting]:
        """From now on this is no guest's code; done when it is read."""
        return self._codes.setdefault(text, asyncio.get_running_loop().create_future())

    def takes(self, sighting: Sighting) -> bool:
        """Whether this is a code that somebody waits for, and no guest."""
        awaited = self._codes.get(sighting.text)
        if awaited is None:
            return False
        if not awaited.done():
            awaited.set_result(sighting)
        return True

    async def next_input(self, patience_s: float, part: str = "button") -> Input | None:
        """What comes from this part next; None if nothing does.

        A press then does nothing else; an alarm, or a guest in the passage, is one all the same.
        """
        self._part = part
        self._input = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(patience_s):
                return await self._input
        except TimeoutError:
            return None
        finally:
            self._input = None

    def takes_input(self, given: Input) -> bool:
        """Whether somebody waits for this, so that it is to do nothing."""
        if self._input is None or self._input.done() or given not in AWAITED[self._part]:
            return False
        self._input.set_result(given)
        return self._part == "button"
