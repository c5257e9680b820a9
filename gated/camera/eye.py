"""What is done with each frame: nothing, the fast pass, or as much as the time allows."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from gated.camera.decode import TICKETS, decode_or_locate
from gated.camera.passes import FAST_PASS, IN_TURNS, THOROUGH_PASS, Pass
from gated.camera.quality import Quality
from gated.camera.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gated.camera.decode import Format
    from gated.camera.views import Grey
    from gated.model import Code

_ALIVE_EVERY = 15
"""So many frames apart a frame is read though nothing stirs: what comes very slowly does not."""
_HELD_S = 1.0
_HELD_EVERY_S = 0.25
"""A code just read is looked for so often, though it is held too still to stir anything."""
_OTHERS_EVERY = 10
"""While a code is read, so many frames apart the thorough pass looks for another beside it."""
_EAGER_S = 3.0
_EAGER_SHARE = 0.4
_PATIENT_SHARE = 0.15
"""Parts of the time that the passes in turns may take: soon after somebody came, and later."""
_MOST_SAVED_S = 0.02


class Eye:
    """Reads frame after frame of one camera; not the same code again and again, but cheaply.

    The thorough pass looks at every frame in which something stirs; the fast one before it
    where that is likely to do, when somebody has just come or a code has just been read. The
    others take turns, the one that has cost least first, and only from a share of the time
    that has passed: an expensive one is paid for by frames without any.
    """

    def __init__(
        self,
        passes: Sequence[Pass] = IN_TURNS,
        *,
        formats: Sequence[Format] = TICKETS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.watch = Watch()
        self.quality = Quality()
        self._passes = tuple(passes)
        self._formats = tuple(formats)
        self._clock = clock
        self._cost_s = dict.fromkeys((one.name for one in passes), 0.0)
        self._favourite: Pass | None = None
        self._saved_s = 0.0
        self._open = False
        self._located = False
        self._unlooked = 0
        self._before = -math.inf
        self._opened = -math.inf
        self._looked = -math.inf
        self._read = -math.inf
        self._fast_read = -math.inf

    @property
    def is_open(self) -> bool:
        """Whether something stirred in the newest frame."""
        return self._open

    def look(self, pixels: Grey, now: float) -> list[Code]:
        """Return the codes read in a frame, shape (height, width), seen at monotonic seconds."""
        self._save(now)
        self.quality.frames += 1
        stirs = self.watch.stirs(pixels)
        self._notice(now, stirs=stirs)
        self._unlooked += 1
        held = now - self._read <= _HELD_S
        still_held = held and now - self._looked >= _HELD_EVERY_S
        if not (stirs or still_held or self._unlooked >= _ALIVE_EVERY):
            return []
        self._unlooked = 0
        self._looked = now
        self.quality.looked += 1
        codes = self._look(pixels, now, resisting=stirs or held)
        self.quality.saw(now, read=bool(codes), located=self._located)
        if codes:
            self._read = now
        return codes

    def blink(self) -> None:
        """The source has nothing new: its next frame is looked at whatever it shows."""
        self.watch.forget()
        self.quality.close()
        self._open = False

    def _notice(self, now: float, *, stirs: bool) -> None:
        """Whether somebody came or left; for somebody new the passes take turns from the first."""
        if stirs and not self._open:
            self.quality.open(now)
            self._opened = now
            self._cost_s = dict.fromkeys(self._cost_s, 0.0)
        elif self._open and not stirs:
            self.quality.close()
        self._open = stirs

    def _look(self, pixels: Grey, now: float, *, resisting: bool) -> list[Code]:
        """Fast pass where it is likely to do, thorough pass, then one of those in turns.

        The last only for what resists: something stirs or was just read, or a code is located.
        """
        self._located = False
        likely = now == self._opened or now - self._fast_read <= _HELD_S
        codes = self._try(FAST_PASS, pixels) if likely else []
        if codes:
            self._fast_read = now
        if codes and self.quality.looked % _OTHERS_EVERY:
            return codes
        known = {code.text for code in codes}
        thorough, located = decode_or_locate(pixels, formats=self._formats)
        self._located = bool(located)
        self.quality.read_by[THOROUGH_PASS.name] += len(thorough)
        codes += [code for code in thorough if code.text not in known]
        if codes or not (resisting or located) or self._saved_s <= 0:
            return codes
        return self._take_turn(pixels, now)

    def _take_turn(self, pixels: Grey, now: float) -> list[Code]:
        """The pass whose turn it is; what it costs is taken from the time saved."""
        if now - self._read > _HELD_S:
            self._favourite = None
        turn = self._favourite or min(self._passes, key=lambda one: self._cost_s[one.name])
        started = self._clock()
        codes = self._try(turn, pixels)
        spent_s = self._clock() - started
        self._saved_s -= spent_s
        self._cost_s[turn.name] += spent_s
        # What has read a code once is likely to read it in the next frame too.
        self._favourite = turn if codes else None
        return codes

    def _try(self, attempt: Pass, pixels: Grey) -> list[Code]:
        codes = attempt.read(pixels, self._formats)
        self.quality.read_by[attempt.name] += len(codes)
        return codes

    def _save(self, now: float) -> None:
        """Save a share of the time since the frame before, for the passes in turns."""
        eager = now - max(self._opened, self._read) <= _EAGER_S
        share = _EAGER_SHARE if eager else _PATIENT_SHARE
        passed_s = max(0.0, now - self._before)
        self._saved_s = min(_MOST_SAVED_S, self._saved_s + share * passed_s)
        self._before = now
