"""How well an eye reads, as numbers."""

from __future__ import annotations

import statistics
from collections import Counter, deque
from dataclasses import dataclass, field

_KEPT = 200


@dataclass(slots=True)
class Quality:
    """Counts since the eye was made. An opening lasts from something stirring to stillness.

    Written by the camera's thread alone; who reads from another sees each number as it was.
    """

    frames: int = 0
    looked: int = 0
    """Frames in which a code was looked for."""
    openings: int = 0
    read: int = 0
    """Openings in which a code was read."""
    unread: int = 0
    """Openings, now over, in which a code was located and none read."""
    never_located: int = 0
    """Openings, now over, in which nothing like a code was seen: people who walk by."""
    to_text_s: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """Of the newest openings that were read: from their first frame to the first text."""
    read_by: Counter[str] = field(default_factory=Counter)
    """Codes by the pass that read them; a code counts in every frame."""
    _opened_s: float | None = None
    _settled: bool = False
    _located: bool = False

    @property
    def median_to_text_s(self) -> float | None:
        """The usual time from the first open frame to the text; None before the first."""
        times = tuple(self.to_text_s)
        return statistics.median(times) if times else None

    def open(self, now: float) -> None:
        """Something came into view, at monotonic seconds."""
        self.openings += 1
        self._opened_s, self._settled, self._located = now, False, False

    def close(self) -> None:
        """Nothing stirs any more."""
        if self._opened_s is not None and not self._settled:
            self.unread += self._located
            self.never_located += not self._located
        self._opened_s = None

    def saw(self, now: float, *, read: bool, located: bool) -> None:
        """Tell what a look gave; `located` is a code seen but not read."""
        self._located |= located
        if read and self._opened_s is not None and not self._settled:
            self._settled = True
            self.read += 1
            self.to_text_s.append(now - self._opened_s)
