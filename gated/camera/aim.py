"""How well a camera is aimed: focus, light and size as scores, and one sentence. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from gated.camera.decode import Corners, Found

    Grey = npt.NDArray[np.uint8]

_LEAST_PX, _GOOD_PX, _MOST_PX = 1.5, 3.0, 14.0
"""Pixels a module: below the first nothing is read, from the second on size does not matter."""
_GOOD_BLUR, _MOST_BLUR = 0.27, 0.45
"""Modules, as `_blur` measures: what is blurred by a standard deviation of 0.5 measures 0.37."""
_SHARP_SOMEWHERE_PX = 3.0
_GOOD_CONTRAST = 90.0
"""Grey levels between the dark and the light modules from which on light does not matter."""
_FAINT, _GREY_DARK, _BURNT = 40.0, 110.0, 250
_WELL = 60
"""A score from which on nothing has to be changed."""
_SLANT = 0.6


@dataclass(frozen=True, slots=True)
class Aim:
    """What is in one picture and how good it is; scores go from 0 to 100, None is unknown."""

    found: tuple[Found, ...]
    focus: int | None
    light: int
    size: int | None
    module_px: float | None
    sentence: str

    @property
    def is_good(self) -> bool:
        """Whether tickets held like this are read, with something to spare."""
        scores = (self.focus, self.light, self.size)
        is_read = any(one.read for one in self.found)
        return is_read and all(score is not None and score >= _WELL for score in scores)


def aim(pixels: Grey, found: Sequence[Found]) -> Aim:
    """Judge a picture, shape (height, width), by the largest code found in it."""
    if not found:
        light, words = _light_of_place(pixels)
        return Aim((), None, light, None, None, words)
    code = found[0]
    patch = _patch(pixels, code.corners)
    dark, bright = (float(level) for level in np.percentile(patch, (8, 92)))
    contrast = bright - dark
    light = round(100 * min(1.0, contrast / _GOOD_CONTRAST))
    module_px = _side(code.corners) / code.modules if code.modules else None
    blur_px = _blur(patch, contrast)
    size = focus = None
    if module_px:
        size = _score(module_px, _LEAST_PX, _GOOD_PX)
        focus = _score(blur_px / module_px, _MOST_BLUR, _GOOD_BLUR)
    sentence = (
        _light_words(dark, bright)
        or _size_words(module_px, pixels.shape[1])
        or _focus_words(focus)
        or _pose_words(code.corners, pixels.shape)
        or _verdict(found)
    )
    return Aim(tuple(found), focus, light, size, module_px, sentence)


def _score(value: float, bad: float, good: float) -> int:
    """0 at what is bad, 60 at what is good, 100 as far beyond it again."""
    share = (value - bad) / (good - bad)
    return round(max(0.0, min(100.0, _WELL * share)))


def _light_of_place(pixels: Grey) -> tuple[int, str]:
    few = pixels[::8, ::8]
    middle = float(np.median(few))
    burnt = float(np.mean(few >= _BURNT))
    light = round(100 * min(1.0, middle / 60) * (1 - min(1.0, 1.5 * burnt)))
    if middle < 30 and burnt < 0.02:
        return light, "Too dark: give the place more light, or expose for longer (exposure_us)."
    if burnt > 0.4:
        return light, "Too bright: expose for less long (exposure_us), or turn away from the sun."
    height, width = pixels.shape
    middle_part = pixels[height // 6 : -height // 6, width // 6 : -width // 6]
    contrast = float(np.subtract(*np.percentile(middle_part[::4, ::4], (95, 5))))
    if contrast > _FAINT and _blur(middle_part, contrast, 99.5) > _SHARP_SOMEWHERE_PX:
        return light, "Nothing here is sharp: turn the lens, or set focus_m to where tickets are."
    return light, "Hold a ticket where guests will hold theirs; if it is there, bring it nearer."


def _light_words(dark: float, bright: float) -> str:
    if bright - dark >= 0.6 * _GOOD_CONTRAST:
        return ""
    if dark > _GREY_DARK:
        return (
            "The dark parts of the code are bright: something is mirrored in it; tilt the camera,"
            " or move the light to the side."
        )
    if bright < 2 * _FAINT + 20:
        return "Too dark: more light on the ticket, a torch, or a longer exposure (exposure_us)."
    return "The code is pale: make the display brighter, or keep other light off it."


def _size_words(module_px: float | None, width: int) -> str:
    if module_px is None:
        return ""
    if module_px < _GOOD_PX:
        closer = _GOOD_PX / module_px
        wider = min(4608, 16 * math.ceil(width * closer / 16))
        return (
            f"The code is small ({module_px:.1f} pixels a module, 3 are good): bring the camera"
            f" {closer:.1f} times as near, or take larger pictures (width = {wider})."
        )
    if module_px > _MOST_PX:
        return "The code is larger than it has to be: from further away it fits in more easily."
    return ""


def _focus_words(focus: int | None) -> str:
    if focus is None or focus >= _WELL:
        return ""
    if focus >= _WELL / 2:
        return "A little out of focus: turn the lens, or set focus_m to the ticket's distance."
    return (
        "Out of focus, or it moves: turn the lens or set focus_m to the ticket's distance; if it"
        " is sharp while held still, expose for less long (exposure_us)."
    )


def _pose_words(corners: Corners, shape: tuple[int, ...]) -> str:
    sides = _sides(corners)
    if min(sides) < _SLANT * max(sides):
        return "The code is seen at a slant: point the camera straight at how tickets are held."
    height, width = shape
    middle_x = sum(x for x, _ in corners) / 4 / width
    middle_y = sum(y for _, y in corners) / 4 / height
    if not (0.12 < middle_x < 0.88 and 0.12 < middle_y < 0.88):
        return "The code is at the edge of the picture: turn the camera towards it."
    return ""


def _verdict(found: Sequence[Found]) -> str:
    if any(one.read for one in found):
        return "Good: tickets that are held like this are read."
    return "A code is seen but not read: hold it still and whole into the picture."


def _patch(pixels: Grey, corners: Corners) -> Grey:
    """The upright rectangle around a code."""
    xs, ys = zip(*corners, strict=True)
    height, width = pixels.shape
    left, right = max(0, min(xs)), min(width, max(xs) + 1)
    top, bottom = max(0, min(ys)), min(height, max(ys) + 1)
    return pixels[top:bottom, left:right] if right - left > 2 and bottom - top > 2 else pixels


def _blur(patch: Grey, contrast: float, steepest: float = 97) -> float:
    """The standard deviation of the blur in pixels, from that percentile of all slopes.

    An edge between dark and light, blurred by sigma, rises by contrast / (sigma * sqrt(2 pi)) a
    pixel at most; the sampling of the sharpest has a sigma of its own.
    """
    smooth = cv2.GaussianBlur(patch, (0, 0), _OWN_PX).astype(np.float32)  # noise is steep, too
    steep = np.hypot(*(np.gradient(smooth, axis=axis) for axis in (0, 1)))
    slope = float(np.percentile(steep, steepest))
    if slope <= 0 or contrast <= 0:
        return math.inf
    sigma = contrast / (slope * math.sqrt(2 * math.pi))
    return math.sqrt(max(0.0, sigma**2 - _SHARP_PX**2))


_OWN_PX = 0.8
_SHARP_PX = 0.95
"""What a perfectly sharp edge measures here."""


def _sides(corners: Corners) -> list[float]:
    return [math.dist(a, b) for a, b in zip(corners, corners[1:] + corners[:1], strict=True)]


def _side(corners: Corners) -> float:
    return sum(_sides(corners)) / 4
