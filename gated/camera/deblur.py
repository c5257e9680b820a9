"""Views of a picture with the blur of its lens or of a moving hand undone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt

from gated.camera.views import Grey, View, Views, resized

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Response = npt.NDArray[np.float32]

_ENOUGH_PIXELS = 400_000
"""Larger pictures are halved: blur has taken the detail that would be lost by it."""
_MARGIN_PX = 24
_NOISE = 0.007
"""What the picture is taken to have of noise, relative to its light: less undoes more blur."""
_DIRECTIONS = 12


def focused(*radii_px: float) -> Views:
    """What a lens out of focus has spread over disks of these radii, gathered again."""

    def views(pixels: Grey) -> Iterator[View]:
        blurred = _Blurred(pixels)
        for radius_px in radii_px:
            yield blurred.without(_disk(blurred.size, radius_px * blurred.factor))

    return views


def stilled(*lengths_px: float, directions: int = 1) -> Views:
    """What moved by these lengths while the shutter was open, along the likeliest directions."""

    def views(pixels: Grey) -> Iterator[View]:
        blurred = _Blurred(pixels)
        for angle in _directions(blurred.pixels)[:directions]:
            for length_px in lengths_px:
                yield blurred.without(_streak(blurred.size, length_px * blurred.factor, angle))

    return views


class _Blurred:
    """A picture as waves, from which one blur after the other is taken."""

    def __init__(self, pixels: Grey) -> None:
        self.factor = 0.5 if pixels.size > _ENOUGH_PIXELS else 1.0
        self.pixels = pixels if self.factor == 1 else resized(pixels, 0.5, cv2.INTER_AREA)
        height, width = self.pixels.shape
        down, across = (cv2.getOptimalDFTSize(side + 2 * _MARGIN_PX) for side in self.pixels.shape)
        self.size = down, across
        # The picture goes on outside as in a mirror, or its edges would ring.
        whole = cv2.copyMakeBorder(
            self.pixels,
            _MARGIN_PX,
            down - height - _MARGIN_PX,
            _MARGIN_PX,
            across - width - _MARGIN_PX,
            cv2.BORDER_REFLECT,
        )
        self._waves = cv2.dft(whole.astype(np.float32), flags=cv2.DFT_COMPLEX_OUTPUT)

    def without(self, blur: Response) -> View:
        """Undo a blur, given as what it leaves of each wave (Wiener's filter)."""
        undo = np.asarray(blur / (blur * blur + _NOISE), np.float32)
        waves = self._waves * undo[..., np.newaxis]
        inverse = cv2.DFT_INVERSE | cv2.DFT_REAL_OUTPUT | cv2.DFT_SCALE
        height, width = self.pixels.shape
        inside = np.s_[_MARGIN_PX : _MARGIN_PX + height, _MARGIN_PX : _MARGIN_PX + width]
        sharp = np.clip(cv2.dft(waves, flags=inverse)[inside], 0, 255).astype(np.uint8)
        return View(sharp, np.diag([1 / self.factor, 1 / self.factor, 1.0]))


def _disk(size: tuple[int, int], radius_px: float) -> Response:
    """What a lens out of focus leaves of each wave."""
    reach = math.ceil(radius_px) + 1
    along = np.arange(-reach, reach + 1)
    disk = np.clip(radius_px + 0.5 - np.hypot(along[:, np.newaxis], along), 0, 1)
    spread = np.zeros(size, np.float32)
    spread[: len(along), : len(along)] = disk / disk.sum()
    centred = np.roll(spread, (-reach, -reach), (0, 1))
    return np.asarray(cv2.dft(centred, flags=cv2.DFT_COMPLEX_OUTPUT)[..., 0], np.float32)


def _streak(size: tuple[int, int], length_px: float, angle: float) -> Response:
    """What a movement while the shutter is open leaves of each wave."""
    down, across = (np.fft.fftfreq(side).astype(np.float32) for side in size)
    waves = across * math.cos(angle) + down[:, np.newaxis] * math.sin(angle)
    return np.asarray(np.sinc(length_px * waves), np.float32)


def _directions(pixels: Grey) -> Sequence[float]:
    """Angles from the one along which the picture has the least detail: it moved that way."""
    calm = cv2.GaussianBlur(pixels, (0, 0), 1)
    across, down = cv2.Sobel(calm, cv2.CV_32F, 1, 0), cv2.Sobel(calm, cv2.CV_32F, 0, 1)
    square, mixed, other = (
        float(cv2.mean(cv2.multiply(a, b))[0])
        for a, b in ((across, across), (across, down), (down, down))
    )

    def detail(angle: float) -> float:
        x, y = math.cos(angle), math.sin(angle)
        return square * x * x + 2 * mixed * x * y + other * y * y

    return sorted((math.pi * number / _DIRECTIONS for number in range(_DIRECTIONS)), key=detail)
