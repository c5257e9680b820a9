"""Pictures in files and on the page: grey pixels from and to the usual formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from gated.errors import CameraError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".pgm", ".tif", ".tiff"})
VIDEOS = frozenset({".mp4", ".mkv", ".avi", ".mov", ".webm", ".mjpeg"})


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture as grey pixels, shape (height, width). Raises CameraError."""
    try:
        data = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise CameraError(f"{path} cannot be read: {error.strerror}") from error
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    except cv2.error:
        pixels = None
    if pixels is None:
        raise CameraError(f"{path} is not a picture that can be read")
    return np.asarray(pixels, dtype=np.uint8)


def jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Encode grey pixels for the page."""
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 70])
    return bytes(data)


def find(path: Path) -> list[Path]:
    """Find the pictures and videos at a path: itself, or those of a folder, in order of name.

    Raises CameraError when nothing is there, or nothing that may be read.
    """
    if path.is_dir():
        try:
            files = list(path.iterdir())
        except OSError as error:
            raise CameraError(f"{path} cannot be read: {error.strerror}") from error
        return sorted(file for file in files if file.suffix.lower() in PICTURES | VIDEOS)
    if not path.exists():
        raise CameraError(f"there is no picture, video or folder at {path}")
    return [path]
