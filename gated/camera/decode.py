"""Reading codes in a grey picture with zxing-cpp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import zxingcpp

from gated.model import Code

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Corners = tuple[tuple[int, int], ...]

_FORMATS = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)


@dataclass(frozen=True, slots=True)
class How:
    """How hard zxing-cpp looks; `threshold` is where it parts dark from light."""

    invert: bool = True
    downscale: bool = True
    threshold: Literal["local", "global", "fixed"] = "local"


THOROUGH = How()
FAST = How(invert=False, downscale=False)


@dataclass(frozen=True, slots=True)
class Located:
    """A code that was found but not read: its corners, and modules a side if that was read."""

    corners: Corners
    modules: int


def decode(pixels: npt.NDArray[np.uint8], how: How = THOROUGH) -> list[Code]:
    """Read every QR code in a grey picture, shape (height, width), from left to right.

    Only QR code model 2: it is what tickets are, and it never gave a wrong text.
    """
    return _codes(_scan(pixels, how, errors=False))


def locate(pixels: npt.NDArray[np.uint8], how: How = THOROUGH) -> list[Located]:
    """Find the codes that are there, say how large they are, and could not be read."""
    return _located(_scan(pixels, how, errors=True))


def decode_or_locate(
    pixels: npt.NDArray[np.uint8], how: How = THOROUGH
) -> tuple[list[Code], list[Located]]:
    """Do both at the cost of one."""
    found = _scan(pixels, how, errors=True)
    return _codes(found), _located(found)


def _codes(found: list[Any]) -> list[Code]:
    codes = [
        Code(text=code.text, format="QRCode", corners=_corners(code.position))
        for code in found
        if code.valid and code.text
    ]
    return sorted(codes, key=lambda code: code.corners)


def _located(found: list[Any]) -> list[Located]:
    located = []
    for code in found:
        version = str((code.extra or {}).get("Version", ""))
        # Without its version too little of it was understood for another attempt to pay.
        if not code.valid and version.isdigit():
            located.append(Located(_corners(code.position), 17 + 4 * int(version)))
    return located


def _scan(pixels: npt.NDArray[np.uint8], how: How, *, errors: bool) -> list[Any]:
    binarizers = zxingcpp.Binarizer
    found: list[Any] = zxingcpp.read_barcodes(
        pixels,
        formats=_FORMATS,
        try_rotate=True,
        try_downscale=how.downscale,
        try_invert=how.invert,
        # The default mode escapes control characters: another text than the server's.
        text_mode=zxingcpp.TextMode.Plain,
        binarizer={
            "local": binarizers.LocalAverage,
            "global": binarizers.GlobalHistogram,
            "fixed": binarizers.FixedThreshold,
        }[how.threshold],
        return_errors=errors,
    )
    return found


def _corners(position: zxingcpp.Position) -> Corners:
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return tuple((point.x, point.y) for point in points)
