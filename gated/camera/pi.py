"""The Raspberry Pi's camera through picamera2: the Y plane of YUV420 is the grey picture."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from gated.errors import CameraError
from gated.model import Frame

if TYPE_CHECKING:
    from collections.abc import Generator

    from gated.config import Camera

_CAPTURE_TIMEOUT_S = 1.5


class PiCamera:
    """A camera module. Short exposure beats frame rate: a code in motion must not smear."""

    def __init__(self, camera: Camera) -> None:
        self.name = "picamera2"
        self._config = camera
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
        try:
            camera = Picamera2()
            camera.configure(
                camera.create_video_configuration(
                    main={"format": "YUV420", "size": (self._config.width, self._config.height)},
                    controls=self._controls(camera.camera_controls),
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
        """Give the newest picture; its pixels are the camera's own buffer."""
        from picamera2 import MappedArray  # noqa: PLC0415

        width, height = self._config.width, self._config.height
        # Its own from here on: should it hang, the next `open` takes another.
        camera, self._camera = self._camera, None
        try:
            while not self._closed.is_set():
                request = camera.capture_request(wait=_CAPTURE_TIMEOUT_S)
                seen = time.monotonic()
                try:
                    with MappedArray(request, "main", write=False) as mapped:
                        # Rows may be padded: the plane is the first `height` rows, cut to width.
                        yield Frame(mapped.array[:height, :width], seen, self.name)
                finally:
                    request.release()
        except TimeoutError as error:
            raise CameraError("the camera gave no picture: check its cable") from error
        except RuntimeError as error:
            raise CameraError(f"the camera failed: {error}") from error
        finally:
            camera.close()

    def _controls(self, known: dict[str, Any]) -> dict[str, Any]:
        """What suits a gate, as far as this module has it."""
        frame_us = int(1_000_000 / self._config.fps)
        wanted: dict[str, Any] = {"FrameDurationLimits": (frame_us, frame_us)}
        if self._config.exposure_us:
            wanted["ExposureTime"] = self._config.exposure_us
        if self._config.focus_m:
            # libcamera: AfMode 0 is manual, LensPosition in dioptres.
            wanted |= {"AfMode": 0, "LensPosition": 1 / self._config.focus_m}
        else:
            wanted |= {"AfMode": 2, "AfSpeed": 1}  # continuous, fast
        return {name: value for name, value in wanted.items() if name in known}
