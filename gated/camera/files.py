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
    from collections.abc import Generator, Iterator
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

    def frames(self) -> Generator[Frame | None]:
        """Show one file after the other, then nothing."""
        if self._watch:
            yield from self._show_arrivals()
            return
        for file in find(self._path):
            if not self._closed.is_set():
                yield from self._show(file)
        while not self._closed.is_set():
            self._present()
            yield None
            self._closed.wait(_LOOK_EVERY_S)

    def _show_arrivals(self) -> Iterator[Frame | None]:
        # What lies there already was there before the gate was.
        shown = {file: _version(file) for file in self._present()}
        while not self._closed.is_set():
            versions = {file: _version(file) for file in self._present()}
            for file, version in versions.items():
                if version and version != shown.get(file) and _is_quiet(version):
                    yield from self._show(file)
                else:
                    versions[file] = shown.get(file)
            # What was written while it was read has another version by now, and comes again.
            shown = versions
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
            if not video.isOpened() and not self._watch:
                raise CameraError(f"{file} is not a video that can be played")
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


def _version(file: Path) -> tuple[float, int] | None:
    """When the file was written and how long it is; None if it has gone."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime, status.st_size


def _is_quiet(version: tuple[float, int]) -> bool:
    """A file still being copied is looked at again later."""
    age_s = time.time() - version[0]
    return age_s > _LOOK_EVERY_S or age_s < 0
