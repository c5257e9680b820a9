"""A camera made of files: pictures, folders of pictures, videos; also those yet to arrive."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import cv2
import numpy as np

from gated.camera.pictures import VIDEOS, find, read_picture
from gated.errors import CameraError
from gated.model import Frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_LOOK_EVERY_S = 0.1


class Files:
    """Shows each picture for `hold_ms` at `fps`, each video once; with `watch`, whatever comes.

    Without `watch` the camera goes on seeing nothing after the last file.
    """

    def __init__(self, path: Path, *, watch: bool, hold_ms: int, fps: float) -> None:
        self.name = "files"
        self._path = path
        self._watch = watch
        self._hold_s = hold_ms / 1000
        self._frame_s = 1 / fps
        self._closed = threading.Event()

    def open(self) -> None:
        """Look whether there is something to show. Raises CameraError."""
        self._closed.clear()
        if self._watch and not self._path.is_dir():
            raise CameraError(f"watch needs a folder, and {self._path} is none")
        if not find(self._path) and not self._watch:
            raise CameraError(f"there are no pictures in {self._path}")

    def close(self) -> None:
        """End `frames`."""
        self._closed.set()

    def frames(self) -> Iterator[Frame | None]:
        """Show one file after the other, then nothing."""
        # With watch, what lies there already was there before the gate was.
        shown = set(find(self._path)) if self._watch else set()
        while not self._closed.is_set():
            fresh = [file for file in self._present() if file not in shown]
            for file in fresh:
                if not _is_whole(file):
                    continue
                shown.add(file)
                yield from self._show(file)
            yield None
            self._closed.wait(_LOOK_EVERY_S)

    def _present(self) -> list[Path]:
        if not self._path.exists():
            raise CameraError(f"{self._path} has gone")
        return find(self._path)

    def _show(self, file: Path) -> Iterator[Frame | None]:
        if file.suffix.lower() in VIDEOS:
            yield from self._play(file)
            return
        try:
            pixels = read_picture(file)
        except CameraError:
            if not self._watch:
                raise
            return  # whatever somebody dropped into the folder must not stop the gate
        until = time.monotonic() + self._hold_s
        while not self._closed.is_set():
            yield Frame(pixels, time.monotonic(), self.name)
            left = until - time.monotonic()
            if left <= 0:
                return
            self._closed.wait(min(self._frame_s, left))

    def _play(self, file: Path) -> Iterator[Frame | None]:
        video = cv2.VideoCapture(str(file))
        try:
            frame_s = 1 / (video.get(cv2.CAP_PROP_FPS) or 30)
            due = time.monotonic()
            while not self._closed.is_set():
                has_frame, picture = video.read()
                if not has_frame:
                    return
                due += frame_s
                if due < time.monotonic():
                    continue  # a slow reader sees the newest frame, not an old one late
                grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
                yield Frame(np.asarray(grey, dtype=np.uint8), time.monotonic(), self.name)
                self._closed.wait(max(0.0, due - time.monotonic()))
        finally:
            video.release()


def _is_whole(file: Path) -> bool:
    """A file still being copied is looked at again later."""
    try:
        age_s = time.time() - file.stat().st_mtime
    except OSError:
        return False
    return age_s > _LOOK_EVERY_S or age_s < 0
