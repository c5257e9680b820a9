"""The passes over a picture, in the order in which they pay: add, reorder and measure them here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.camera import rescue
from gated.camera.deblur import focused, stilled
from gated.camera.decode import FAST, THOROUGH, TICKETS, How, decode
from gated.camera.views import (
    Grey,
    Views,
    equalised,
    levelled_half,
    plain,
    scaled,
    sharpened,
    smoothed,
    stretched,
    widened,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gated.camera.decode import Format
    from gated.model import Code


@dataclass(frozen=True, slots=True)
class Pass:
    """One way to look at a picture: views of it, and how each is read."""

    name: str
    views: Views
    how: How = THOROUGH

    def read(self, pixels: Grey, formats: Sequence[Format] = TICKETS) -> list[Code]:
        """Return the codes in the first view that has any, with corners in the picture's pixels."""
        for view in self.views(pixels):
            if codes := decode(view.pixels, self.how, formats):
                return [view.in_picture(code) for code in codes]
        return []


FAST_PASS = Pass("fast", plain, FAST)
THOROUGH_PASS = Pass("all-on", plain)

_UPRIGHT = How(downscale=False)
_BENT = How(invert=False, downscale=False)
_BENT_GLOBAL = How(invert=False, downscale=False, threshold="global")
_UNCURLED = rescue.flattened(0.09, 0.06, 0.12, bends=1)

IN_TURNS = (
    Pass("sharpen", sharpened(17, 6)),
    Pass("half", scaled(0.5)),
    Pass("smooth and sharpen", sharpened(9, 4, smooth_px=3)),
    Pass("smooth", smoothed),
    Pass("global histogram", plain, How(threshold="global")),
    Pass("enlarge x1.5", scaled(1.5), _UPRIGHT),
    Pass("rescue", rescue.enlarged, _UPRIGHT),
    Pass("stretch", stretched),
    Pass("equalise", equalised),
    Pass("levelled half", levelled_half, How(threshold="fixed")),
    Pass("focus 3 px", focused(3), _UPRIGHT),
    Pass("focus 5 px", focused(5), _UPRIGHT),
    Pass("focus 7 px", focused(7), _UPRIGHT),
    Pass("still 9 px", stilled(9), _UPRIGHT),
    Pass("still 15 px", stilled(15), _UPRIGHT),
    Pass("enlarge x2", scaled(2)),
    Pass("widen", widened(0, 90), _UPRIGHT),
    Pass("widen aslant", widened(45, 135), _UPRIGHT),
    Pass("flatten", rescue.flattened(0.02), _BENT),
    Pass("uncurl", _UNCURLED, _BENT),
)
"""For the frames of a code that is held, besides the fast and the thorough pass."""

FOR_STILLS = (
    THOROUGH_PASS,
    *IN_TURNS[:10],
    Pass("enlarge x2", scaled(2)),
    Pass("widen", widened(0, 45, 90, 135)),
    Pass("uncurl", _UNCURLED, _BENT),
    Pass("flatten", rescue.flattened(0.01, 0.02, 0.04), _BENT),
    Pass("flatten, global histogram", rescue.flattened(0.01, 0.02, 0.04), _BENT_GLOBAL),
    Pass("focus", focused(2, 3, 4, 5, 6, 7, 8), _UPRIGHT),
    Pass("still", stilled(6, 9, 12, 15, 18, 21, directions=3), _UPRIGHT),
    Pass("enlarge x3", scaled(3)),
)
"""For a picture that does not move, cheapest first: there is no next frame, but there is time."""


def read_still(pixels: Grey, formats: Sequence[Format] = TICKETS) -> tuple[list[Code], str]:
    """Read a picture with the whole effort: the codes, and the name of the pass that read them.

    The name is empty when nothing was read.
    """
    for attempt in FOR_STILLS:
        if codes := attempt.read(pixels, formats):
            return codes, attempt.name
    return [], ""
