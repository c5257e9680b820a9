"""Tells presses of a button from the chatter of its contacts. Pure: times are arguments."""

from __future__ import annotations

import math


class Debounce:
    """The first edge after quiet counts at once; edges close behind another are chatter."""

    def __init__(self, *, quiet_s: float) -> None:
        self._quiet_s = quiet_s
        self._last_s = -math.inf

    def pressed(self, *, down: bool, now_s: float) -> bool:
        """Whether this edge is a new press. Tell every edge, with its time."""
        quiet = now_s - self._last_s >= self._quiet_s
        self._last_s = now_s
        return quiet and down
