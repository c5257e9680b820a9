"""Whether the sensor in the passage is to be believed: until it is caught, and once it works again.

A sensor that is stuck, chatters or sees nobody only means that nobody is looked after any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.health import Health

logger = logging.getLogger(__name__)

SILENT = 3
"""So many guests in a row who did not pass are a sensor that is dead."""
CHATTER = 8
"""So many closings within `CALM_S` are no people."""
CALM_S = 4.0
_LONGEST_CLOSED_S = 10.0

_NOBODY_LOOKS = "so nobody is looked after: guests count at once"


class Sensor:
    """Tells guests from the antics of a bad sensor.

    Closed for longer than `longest_s` (at least 10) it is stuck. `on_passed` hears of each guest
    who passes it, `on_caught` when it is believed no more.
    """

    def __init__(
        self,
        health: Health,
        *,
        longest_s: float,
        on_passed: Callable[[], None],
        on_caught: Callable[[], None],
    ) -> None:
        self.trouble = ""
        """What it was caught at; empty while it is believed."""
        self._health = health
        self._longest_s = max(_LONGEST_CLOSED_S, longest_s)
        self._on_passed = on_passed
        self._on_caught = on_caught
        self._is_silent = False
        self._closings: deque[float] = deque(maxlen=CHATTER)
        self._stuck: asyncio.TimerHandle | None = None
        self._calm: asyncio.TimerHandle | None = None

    def sensed(self, *, closed: bool) -> None:
        """Its level, settled: closed is somebody in the passage."""
        if self._stuck:
            self._stuck.cancel()
            self._stuck = None
        if closed:
            self._closed()
        elif self.trouble and not self._calm:
            self._trust()

    def found_silent(self, guests: int) -> None:
        """So many in a row did not pass it: it is rather dead than they turned round."""
        self._catch(
            f"{guests} guests in a row did not pass: is the sensor dead? guests count at once"
        )
        self._is_silent = True

    def close(self) -> None:
        """Let go of every timer."""
        for timer in (self._stuck, self._calm):
            if timer:
                timer.cancel()

    def _closed(self) -> None:
        loop = asyncio.get_running_loop()
        stuck = f"the sensor has been closed for {self._longest_s:g} s, {_NOBODY_LOOKS}"
        self._stuck = loop.call_later(self._longest_s, self._catch, stuck)
        self._closings.append(loop.time())
        if len(self._closings) == CHATTER and loop.time() - self._closings[0] <= CALM_S:
            self._catch(f"the sensor chatters, {_NOBODY_LOOKS}")
            self._be_calm()
        elif self._calm or (self.trouble and not self._is_silent):
            self._be_calm()
        else:
            # One that was silent proves by this guest that it works.
            self._trust()
            self._on_passed()

    def _catch(self, trouble: str) -> None:
        self.trouble, self._is_silent = trouble, False
        logger.error("passage: %s", trouble)
        self._health.warn("passage", trouble)
        self._on_caught()

    def _trust(self) -> None:
        if self.trouble:
            self.trouble = ""
            self._health.ok("passage", "the sensor works again")

    def _be_calm(self) -> None:
        """Believed again once nothing has happened for a while."""
        if self._calm:
            self._calm.cancel()
        self._calm = asyncio.get_running_loop().call_later(CALM_S, self._calmed)

    def _calmed(self) -> None:
        self._calm = None
        self._closings.clear()
        if not self._stuck:
            self._trust()
