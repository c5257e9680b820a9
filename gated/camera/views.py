"""Other views of a picture, in which a code may be read that resists in the plain one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from gated.model import Code

Grey = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture made of another one, and the matrix (3x3) from its pixels to that one's."""

    pixels: Grey
    back: Matrix | None = None

    def in_picture(self, code: Code) -> Code:
        """A code read in this view, with its corners where they are in the picture."""
        if self.back is None:
            return code
        corners = np.asarray([code.corners], np.float64)
        mapped = np.rint(cv2.perspectiveTransform(corners, self.back)[0]).astype(int)
        return replace(code, corners=tuple((int(x), int(y)) for x, y in mapped))


Views = Callable[[Grey], Iterator[View]]
"""Makes views of a picture, each when it is asked for."""


def plain(pixels: Grey) -> Iterator[View]:
    """The picture itself."""
    yield View(pixels)


def scaled(factor: float) -> Views:
    """Smaller, against noise and moiré, or larger, for small codes."""
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC

    def views(pixels: Grey) -> Iterator[View]:
        yield View(resized(pixels, factor, way), np.diag([1 / factor, 1 / factor, 1.0]))

    return views


def sharpened(reach_px: int, amount: float, *, smooth_px: int = 0) -> Views:
    """More contrast within a few pixels than across many: against blur, shade and dim screens.

    With `smooth_px` what is sharpened is smoothed first, against noise.
    """

    def views(pixels: Grey) -> Iterator[View]:
        calm = cv2.blur(pixels, (smooth_px, smooth_px)) if smooth_px else pixels
        around = cv2.blur(calm, (reach_px, reach_px))
        yield View(_grey(cv2.addWeighted(calm, 1 + amount, around, -amount, 0)))

    return views


def smoothed(pixels: Grey) -> Iterator[View]:
    """Every pixel the median of its neighbours: against speckles, lines and noise."""
    yield View(_grey(cv2.medianBlur(pixels, 3)))


def equalised(pixels: Grey) -> Iterator[View]:
    """Each part of the picture stretched from dark to light: against low contrast."""
    yield View(_grey(cv2.createCLAHE(3.0, (8, 8)).apply(pixels)))


def stretched(pixels: Grey) -> Iterator[View]:
    """The picture stretched from dark to light as a whole."""
    dark, light = np.percentile(pixels[::4, ::4], (2, 98))
    gain = 255 / max(1.0, float(light - dark))
    ramp = np.clip((np.arange(256) - dark) * gain, 0, 255)
    yield View(_grey(cv2.LUT(pixels, ramp.astype(np.uint8))))


def levelled_half(pixels: Grey) -> Iterator[View]:
    """Half the size, every pixel relative to the light around it: against shade."""
    small = resized(pixels, 0.5, cv2.INTER_AREA)
    around = cv2.blur(small, (51, 51))
    yield View(_grey(cv2.divide(small, around, scale=128)), np.diag([2.0, 2.0, 1.0]))


def widened(*angles_deg: float) -> Views:
    """Twice as wide along an angle, one angle after the other: against a steep tilt."""

    def views(pixels: Grey) -> Iterator[View]:
        height, width = pixels.shape
        corners = np.array([[0, width, 0, width], [0, 0, height, height]], np.float64)
        for angle in np.radians(angles_deg):
            turn = np.array(
                [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]
            )
            way = np.diag([1.6, 0.8]) @ turn
            reached = way @ corners
            least = reached.min(axis=1)
            across, down = np.ceil(reached.max(axis=1) - least).astype(int)
            matrix = np.column_stack((way, -least))
            seen = cv2.warpAffine(
                pixels, matrix, (int(across), int(down)), borderMode=cv2.BORDER_REPLICATE
            )
            yield View(_grey(seen), np.linalg.inv(np.vstack((matrix, (0, 0, 1)))))

    return views


def resized(pixels: Grey, factor: float, way: int) -> Grey:
    """The picture at another size; `way` is how OpenCV finds the pixels between pixels."""
    height, width = pixels.shape
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return _grey(cv2.resize(pixels, size, interpolation=way))


def _grey(picture: npt.NDArray[np.generic]) -> Grey:
    return np.asarray(picture, np.uint8)
