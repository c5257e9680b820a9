"""Judging the camera's newest picture for whoever aims it, and drawing what is found in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from gated.camera.aim import Aim, aim
from gated.camera.decode import survey
from gated.camera.pictures import jpeg
from gated.errors import GatedError

if TYPE_CHECKING:
    import numpy.typing as npt

    from gated.camera.reader import Reader

    Colours = npt.NDArray[np.uint8]

_WIDEST = 1280
_READ, _SEEN = (90, 200, 60), (30, 180, 255)
"""Blue, green, red: what was read, and what was only seen, dashed as well."""
_DASH_PX = 12


class Aiming:
    """Looks only while somebody asks; several who ask at once share one look."""

    def __init__(self, reader: Reader | None) -> None:
        self._reader = reader
        self._looking = asyncio.Lock()
        self._of: object = None
        self._aim: Aim | None = None
        self._drawn = b""

    async def look(self) -> dict[str, Any]:
        """Judge the newest picture. Raises GatedError when there is none."""
        if self._reader is None:
            raise GatedError("this gate has no camera to aim")
        async with self._looking:
            picture = self._reader.picture
            if picture is None:
                raise GatedError("the camera has no picture yet: try again in a moment")
            if self._aim is None or picture is not self._of:
                found = await asyncio.to_thread(survey, picture, self._reader.formats)
                self._aim = await asyncio.to_thread(aim, picture, found)
                self._drawn = await asyncio.to_thread(_draw, picture, self._aim)
                self._of = picture
            return _words(self._aim)

    async def jpeg(self) -> bytes | None:
        """The picture that was looked at last, with everything found in it drawn over; or None."""
        return self._drawn or None


def _words(aim: Aim) -> dict[str, Any]:
    return {
        "focus": aim.focus,
        "light": aim.light,
        "size": aim.size,
        "module_px": None if aim.module_px is None else round(aim.module_px, 1),
        "read": sum(one.read for one in aim.found),
        "seen": sum(not one.read for one in aim.found),
        "good": aim.is_good,
        "sentence": aim.sentence,
    }


def _draw(pixels: npt.NDArray[np.uint8], aim: Aim) -> bytes:
    scale = min(1.0, _WIDEST / pixels.shape[1])
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    colours = np.asarray(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR), np.uint8)
    for one in aim.found:
        corners = np.asarray(one.corners, np.float64) * scale
        if one.read:
            cv2.polylines(
                colours, [corners.astype(np.int32)], isClosed=True, color=_READ, thickness=4
            )
        else:
            _dash(colours, corners)
    return jpeg(colours)


def _dash(colours: Colours, corners: npt.NDArray[np.float64]) -> None:
    for begin, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        steps = max(2, int(np.hypot(*(end - begin)) / _DASH_PX))
        points = begin + (end - begin) * np.linspace(0, 1, steps)[:, None]
        for a, b in zip(points[::2], points[1::2], strict=False):
            cv2.line(colours, a.astype(int).tolist(), b.astype(int).tolist(), _SEEN, 3)
