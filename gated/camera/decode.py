"""Reading codes in a grey picture with zxing-cpp."""

from __future__ import annotations

from typing import TYPE_CHECKING

import zxingcpp

from gated.model import Code

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


_FORMATS = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)


def decode(pixels: npt.NDArray[np.uint8]) -> list[Code]:
    """Read every QR code in a grey picture, shape (height, width), from left to right.

    Only QR code model 2: it is what tickets are, and it never gave a wrong text.
    """
    found = zxingcpp.read_barcodes(
        pixels,
        formats=_FORMATS,
        try_rotate=True,
        try_downscale=True,
        try_invert=True,
        # The default mode escapes control characters: another text than the server's.
        text_mode=zxingcpp.TextMode.Plain,
    )
    codes = [
        Code(text=code.text, format="QRCode", corners=_corners(code.position))
        for code in found
        if code.valid and code.text
    ]
    return sorted(codes, key=lambda code: code.corners)


def _corners(position: zxingcpp.Position) -> tuple[tuple[int, int], ...]:
    points = (position.top_left, position.top_right, position.bottom_right, position.bottom_left)
    return tuple((point.x, point.y) for point in points)
