"""Reading codes in a grey picture with zxing-cpp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import zxingcpp

from gated.model import Code

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

Corners = tuple[tuple[int, int], ...]

Format = Literal["qr", "aztec", "pdf417", "datamatrix", "code128"]

TICKETS: tuple[Format, ...] = ("qr",)
"""QR code model 2: it is what tickets are, and it never gave a wrong text."""

_FORMATS: dict[Format, Any] = {
    "qr": zxingcpp.BarcodeFormat.QRCodeModel2,
    "aztec": zxingcpp.BarcodeFormat.AztecCode,
    "pdf417": zxingcpp.BarcodeFormat.PDF417,
    "datamatrix": zxingcpp.BarcodeFormat.DataMatrix,
    "code128": zxingcpp.BarcodeFormat.Code128,
}


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


def decode(
    pixels: npt.NDArray[np.uint8], how: How = THOROUGH, formats: Sequence[Format] = TICKETS
) -> list[Code]:
    """Read every code in a grey picture, shape (height, width), from left to right."""
    return _codes(_scan(pixels, how, formats, errors=False))


def locate(pixels: npt.NDArray[np.uint8], how: How = THOROUGH) -> list[Located]:
    """Find the QR codes that are there, say how large they are, and could not be read."""
    return _located(_scan(pixels, how, TICKETS, errors=True))


def decode_or_locate(
    pixels: npt.NDArray[np.uint8], how: How = THOROUGH, formats: Sequence[Format] = TICKETS
) -> tuple[list[Code], list[Located]]:
    """Do both at the cost of one."""
    found = _scan(pixels, how, formats, errors=True)
    return _codes(found), _located(found)


@dataclass(frozen=True, slots=True)
class Found:
    """A code in a picture: where it is, modules a side (0: unknown), and whether it was read."""

    corners: Corners
    modules: int
    read: bool


def survey(pixels: npt.NDArray[np.uint8], formats: Sequence[Format] = TICKETS) -> list[Found]:
    """Find every code and everything that looks like one, read or not; largest first."""
    found = []
    for code in _scan(pixels, THOROUGH, formats, errors=True):
        corners = _corners(code.position)
        # A position that was not found has all its corners in one place.
        if len(set(corners)) == len(corners):
            version = str((code.extra or {}).get("Version", ""))
            is_qr = code.symbology == zxingcpp.BarcodeFormat.QRCode
            modules = 17 + 4 * int(version) if is_qr and version.isdigit() else 0
            found.append(Found(corners, modules, bool(code.valid and code.text)))
    return sorted(found, key=lambda one: (not one.read, -_area(one.corners)))


def _area(corners: Corners) -> float:
    following = corners[1:] + corners[:1]
    pairs = zip(corners, following, strict=True)
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in pairs)) / 2


def _codes(found: list[Any]) -> list[Code]:
    codes = [
        Code(text=code.text, format=code.format.name, corners=_corners(code.position))
        for code in found
        if code.valid and code.text
    ]
    return sorted(codes, key=lambda code: code.corners)


def _located(found: list[Any]) -> list[Located]:
    located = []
    for code in found:
        version = str((code.extra or {}).get("Version", ""))
        # Without its version too little of it was understood for another attempt to pay.
        is_qr = code.symbology == zxingcpp.BarcodeFormat.QRCode
        if not code.valid and is_qr and version.isdigit():
            located.append(Located(_corners(code.position), 17 + 4 * int(version)))
    return located


def _scan(
    pixels: npt.NDArray[np.uint8], how: How, formats: Sequence[Format], *, errors: bool
) -> list[Any]:
    binarizers = zxingcpp.Binarizer
    found: list[Any] = zxingcpp.read_barcodes(
        pixels,
        formats=zxingcpp.BarcodeFormats([_FORMATS[one] for one in formats]),
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
