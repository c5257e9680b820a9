"""What picamera2 needs to open libcamera's virtual camera where there is no Pi.

1. The modules kms (for previews) and pidng (for raw files), which have no packages elsewhere, and
of which it wants names only. 2. The virtual camera has no raw modes to list. 3. It has one plane of
memory a picture, which picamera2's own allocator does not give; libcamera's does. 4. It takes
pictures as fast as it can, and would leave no time for anything else: here it waits for its turn.
5. It cannot be unplugged: here it gives nothing, and is not found, while /run/camera-unplugged is
there. picamera2 itself stays as it is.
"""

from __future__ import annotations

import importlib.machinery
import sys
import time
import types
from pathlib import Path
from typing import Any

_FPS = 30
_UNPLUGGED = Path("/run/camera-unplugged")


class _Names(types.ModuleType):
    __path__: Any = ()

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__getattr__": lambda _, other: other})()


class _Hook:
    """Waits for the import of picamera2: no other program here is to pay for it."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> Any:
        if name != "picamera2":
            return None
        spec: Any = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None:
            return None
        for module in ("kms", "pidng", "pidng.camdefs", "pidng.core"):
            sys.modules.setdefault(module, _Names(module))
        execute = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            _adapt(module.Picamera2)
            _pace(module.picamera2.CameraManager)

        spec.loader.exec_module = exec_module
        return spec


def _adapt(camera_class: Any) -> None:
    from libcamera import StreamRole
    from picamera2.allocators import LibcameraAllocator

    def modes(self: Any) -> list[dict[str, object]]:
        formats = self.camera.generate_configuration([StreamRole.Viewfinder]).at(0).formats
        return [
            {"format": str(pixels), "size": (size.width, size.height)}
            for pixels in formats.pixel_formats
            for size in formats.sizes(pixels)
        ]

    begin = camera_class.__init__

    def begin_here(self: Any, *arguments: Any, **options: Any) -> None:
        if _UNPLUGGED.exists():
            raise IndexError("list index out of range")  # picamera2's word for it
        begin(self, *arguments, **options)
        self.allocator = LibcameraAllocator(self.camera)

    camera_class._get_raw_modes = modes
    camera_class.__init__ = begin_here


def _pace(manager_class: Any) -> None:
    take = manager_class.handle_request
    turn = [0.0]

    def take_in_turn(self: Any, *arguments: Any, **options: Any) -> None:
        if _UNPLUGGED.exists():
            time.sleep(1 / _FPS)
            return
        time.sleep(max(0.0, turn[0] - time.monotonic()))
        turn[0] = time.monotonic() + 1 / _FPS
        take(self, *arguments, **options)

    manager_class.handle_request = take_in_turn


hooks: Any = sys.meta_path
hooks.insert(0, _Hook)
