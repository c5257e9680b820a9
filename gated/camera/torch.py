"""When a light that shines only for somebody is on. Pure; times are monotonic seconds."""

from __future__ import annotations

import math
from typing import Literal


class Torch:
    """Goes on when something stirs, and out some time after the last stir.

    What the light itself does to the picture must not count as somebody: after it has gone out,
    nothing does for `settles_s`, and then the empty place is to be looked at afresh.
    """

    def __init__(self, *, lingers_s: float = 10.0, settles_s: float = 0.6) -> None:
        self.is_lit = False
        self._lingers_s = lingers_s
        self._settles_s = settles_s
        self._stirred = -math.inf
        self._went_out: float | None = None
        self._afresh = False

    def sees(self, now: float, *, stirs: bool) -> Literal["", "on", "out", "afresh"]:
        """Take one frame; say what is to be done: the light on or out, the empty place afresh."""
        if self.is_lit:
            if stirs:
                self._stirred = now
            elif now - self._stirred > self._lingers_s:
                self.is_lit, self._went_out = False, now
                return "out"
        elif self._went_out is not None:
            if now - self._went_out > self._settles_s:
                self._went_out, self._afresh = None, True
                return "afresh"
        elif self._afresh:
            self._afresh = False  # the first look at a place always finds something
        elif stirs:
            self.is_lit, self._stirred = True, now
            return "on"
        return ""
