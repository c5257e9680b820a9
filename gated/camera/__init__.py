"""Eyes: where pictures come from, and what is read in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gated.model import Frame


class Source(Protocol):
    """A source of pictures, used from one thread but for `close`."""

    name: str

    def open(self) -> None:
        """Claim the camera. Raises CameraError."""

    def frames(self) -> Iterator[Frame | None]:
        """Give the newest picture, again and again; None says "alive, nothing new".

        A frame's pixels are good until the next one is asked for. Raises CameraError.
        """

    def close(self) -> None:
        """Release the camera; from any thread, and `frames` ends soon."""
