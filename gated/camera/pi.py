"""The Raspberry Pi's camera through picamera2: the Y plane of YUV420 is the grey picture."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from gated.camera.presets import controls, settings
from gated.errors import CameraError
from gated.model import Frame

if TYPE_CHECKING:
    from collections.abc import Generator

    from gated.config import Camera

_CAPTURE_TIMEOUT_S = 1.5


class PiCamera:
    """A camera module, set up by its preset."""

    def __init__(self, camera: Camera) -> None:
        self.name = "picamera2"
        self._settings = settings(camera)
        self._camera: Any = None
        self._closed = threading.Event()

    def open(self) -> None:
        """Claim and start the camera. Raises CameraError."""
        self._closed.clear()
        try:
            # Only here: the import takes seconds and exists on a Pi alone.
            from picamera2 import Picamera2  # noqa: PLC0415
        except ImportError as error:
            raise CameraError(
                "picamera2 is not installed: apt install python3-picamera2,"
                ' or set [camera] source = "files"'
            ) from error
        wanted = self._settings
        try:
            camera = Picamera2()
            camera.configure(
                camera.create_video_configuration(
                    main={"format": "YUV420", "size": (wanted.width, wanted.height)},
                    controls=controls(wanted, camera.camera_controls),
                    buffer_count=4,
                    queue=False,
                )
            )
            camera.start()
        except Exception as error:
            raise CameraError(f"the camera does not start: {error}") from error
        self._camera = camera

    def close(self) -> None:
        """End `frames`; the thread that runs them releases the camera."""
        self._closed.set()

    def frames(self) -> Generator[Frame | None]:
        """Give the newest picture, copied: the camera closes its own under whoever still looks."""
        from picamera2 import MappedArray  # noqa: PLC0415

        width, height = self._settings.width, self._settings.height
        # Its own from here on: should it hang, the next `open` takes another.
        camera, self._camera = self._camera, None
        try:
            while not self._closed.is_set():
                request = camera.capture_request(wait=_CAPTURE_TIMEOUT_S)
                seen = time.monotonic()
                try:
                    with MappedArray(request, "main", write=False) as mapped:
                        # Rows may be padded: the plane is the first `height` rows, cut to width.
                        pixels = mapped.array[:height, :width].copy()
                finally:
                    request.release()
                yield Frame(pixels, seen, self.name)
        except TimeoutError as error:
            raise CameraError("the camera gave no picture: check its cable") from error
        except RuntimeError as error:
            raise CameraError(f"the camera failed: {error}") from error
        finally:
            camera.close()
