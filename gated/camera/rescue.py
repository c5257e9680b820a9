"""Views of codes that were located but not read: larger, sharper, and with their bends undone."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import cv2
import numpy as np

from gated.camera.decode import locate
from gated.camera.views import Grey, View, Views

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODULE_PX = 6
_QUIET_MODULES = 4
_AROUND = 0.15
"""How much of its side is taken around a code."""


def enlarged(pixels: Grey) -> Iterator[View]:
    """Each located code twice as large: sharpened, then smoothed."""
    for code in locate(pixels):
        corners = np.asarray(code.corners)
        margin = int(_AROUND * np.ptp(corners, axis=0).max()) + 4
        left, top = np.maximum(corners.min(axis=0) - margin, 0)
        right, bottom = corners.max(axis=0) + margin
        crop = pixels[top:bottom, left:right]
        if crop.size == 0:
            continue
        large = cv2.resize(crop, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        back = np.array([[0.5, 0, left], [0, 0.5, top], [0, 0, 1]])
        soft = cv2.blur(large, (3, 3))
        sharp = cv2.addWeighted(large, 2.5, cv2.GaussianBlur(large, (0, 0), 2.5), -1.5, 0)
        yield View(np.asarray(sharp, np.uint8), back)
        yield View(np.asarray(soft, np.uint8), back)


def flattened(*amounts: float, bends: int = 4) -> Views:
    """Each located code laid flat, bent back by these parts of its side, so many bends at once.

    Paper is curled and cloth is creased: the code is there, but not where its corners say.
    """
    every = sorted(itertools.product((0, -1, 1), repeat=4), key=lambda way: sum(map(abs, way)))
    ways = [way for way in every if sum(map(abs, way)) <= bends]

    def views(pixels: Grey) -> Iterator[View]:
        for code in locate(pixels):
            flat = _Flat(pixels, code.corners, code.modules)
            for amount, way in itertools.product(amounts, ways):
                yield flat.bent(*(amount * direction for direction in way))

    return views


class _Flat:
    """A code seen from straight ahead, as far as its corners tell."""

    def __init__(self, pixels: Grey, corners: tuple[tuple[int, int], ...], modules: int) -> None:
        self._pixels = pixels
        side = (modules + 2 * _QUIET_MODULES) * _MODULE_PX
        along = (np.arange(side, dtype=np.float32) + 0.5) / _MODULE_PX - _QUIET_MODULES
        self._x, self._y = np.meshgrid(along / modules, along / modules)
        self._arch_x = np.maximum(0, 4 * self._x * (1 - self._x))
        self._arch_y = np.maximum(0, 4 * self._y * (1 - self._y))
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
        self._matrix = cv2.getPerspectiveTransform(square, np.asarray(corners, np.float32))
        unit = 1 / (_MODULE_PX * modules)
        edge = -_QUIET_MODULES / modules
        self._back = self._matrix @ np.array([[unit, 0, edge], [0, unit, edge], [0, 0, 1]])

    def bent(self, wide: float, tall: float, lean: float, sag: float) -> View:
        """Move what is between the edges: along x and y, by where it is in x and in y."""
        x = self._x + wide * self._arch_x + lean * self._arch_y
        y = self._y + tall * self._arch_y + sag * self._arch_x
        points = np.stack((x, y), axis=-1)
        places = cv2.perspectiveTransform(points, self._matrix.astype(np.float32)) - 0.5
        seen = cv2.remap(
            self._pixels,
            np.ascontiguousarray(places[..., 0], np.float32),
            np.ascontiguousarray(places[..., 1], np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return View(np.asarray(seen, np.uint8), self._back)
