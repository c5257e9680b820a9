"""Eyes: where pictures come from, and what is read in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gated.camera.presets import settings
from gated.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Generator

    from gated import config
    from gated.model import Frame


class Source(Protocol):
    """A source of pictures, used from one thread but for `close`."""

    name: str

    def open(self) -> None:
        """Claim the camera. Raises CameraError.

        Also while a `frames` of before hangs in another thread; that one ends when it wakes.
        """

    def frames(self) -> Generator[Frame | None]:
        """Give the newest picture, again and again; None says "alive, nothing new".

        A frame's pixels are good until the next one is asked for. Raises CameraError.
        """

    def close(self) -> None:
        """Release the camera; from any thread, and `frames` ends soon."""


def open_source(camera: config.Camera) -> Source | None:
    """Build the configured source, if any; the libraries it needs are loaded only now."""
    if camera.source == "none":
        return None
    if camera.source == "picamera2":
        from gated.camera.pi import PiCamera  # noqa: PLC0415

        return PiCamera(camera)
    if camera.source == "files":
        from gated.camera.files import Files  # noqa: PLC0415

        fps = settings(camera).fps
        return Files(Path(camera.path), watch=camera.watch, hold_ms=camera.hold_ms, fps=fps)
    raise ConfigError([Problem("[camera] source", '"scene" belongs to the demo', "run gated demo")])
