"""The Pi's camera, as far as picamera2 can be played; `make virtual-pi` opens the real one."""

from __future__ import annotations

import mmap
import sys
import types
from typing import Any, Self

import numpy as np
import pytest

from gated import config
from gated.camera.pi import PiCamera

WIDTH, HEIGHT, STRIDE = 640, 480, 704


class Request:
    def __init__(self, shade: int) -> None:
        self.memory = mmap.mmap(-1, STRIDE * HEIGHT * 3 // 2)
        self.memory.write(bytes([shade]) * len(self.memory))
        self.released = False

    def release(self) -> None:
        self.released = True


class MappedArray:
    """Closes the memory at the end as picamera2 does with libcamera's own allocator."""

    def __init__(self, request: Request, stream: str, *, write: bool) -> None:
        self._request = request

    def __enter__(self) -> Self:
        plane = np.frombuffer(self._request.memory, dtype=np.uint8)
        self.array: Any = plane.reshape(-1, STRIDE)
        return self

    def __exit__(self, *_: object) -> None:
        self.array = None
        self._request.memory.close()


class Picamera2:
    def __init__(self) -> None:
        self.camera_controls: dict[str, Any] = {}
        self.requests: list[Request] = []

    def create_video_configuration(self, **_: Any) -> None:
        pass

    def configure(self, _: object) -> None:
        pass

    def start(self) -> None:
        pass

    def capture_request(self, wait: float) -> Request:
        self.requests.append(Request(shade=len(self.requests)))
        return self.requests[-1]

    def close(self) -> None:
        assert all(request.released for request in self.requests)


def test_a_picture_outlives_the_memory_that_the_camera_takes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module: Any = types.ModuleType("picamera2")
    module.Picamera2, module.MappedArray = Picamera2, MappedArray
    monkeypatch.setitem(sys.modules, "picamera2", module)
    camera = PiCamera(config.Camera(width=WIDTH, height=HEIGHT))
    camera.open()
    frames = camera.frames()

    kept = [next(frames) for _ in range(3)]
    camera.close()
    assert next(frames, None) is None

    for shade, frame in enumerate(kept):
        assert frame is not None
        assert frame.pixels.shape == (HEIGHT, WIDTH)
        assert (frame.pixels == shade).all()
