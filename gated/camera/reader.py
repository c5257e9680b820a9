"""The camera thread: newest frame, what is read in it, repeat?, the sighting for the loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gated.camera.decode import TICKETS
from gated.camera.eye import Eye
from gated.camera.pictures import jpeg
from gated.camera.plain import plain
from gated.errors import CameraError
from gated.model import Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from gated.camera import Source
    from gated.camera.decode import Format
    from gated.camera.repeat import Repeat
    from gated.model import Code, Frame, ScanType

logger = logging.getLogger(__name__)

_PICTURE_EVERY_S = 0.2
_STALLED_S = 5.0
_CLOSE_S = 1.0


class Reader:
    """One eye. `run` lives until it is cancelled or the camera fails.

    `mode` tells the gate's mode at this moment (called in the camera thread); sightings go into
    `sightings`, whose bound holds the camera back when the gate is busy: nobody is dropped.
    `picture` is a small grey copy of the newest frame, for the page.
    """

    def __init__(
        self,
        source: Source,
        repeat: Repeat,
        sightings: asyncio.Queue[Sighting | None],
        *,
        mode: Callable[[], ScanType],
        formats: Sequence[Format] = TICKETS,
    ) -> None:
        self.source = source
        self.frames = 0
        self.reads = 0
        self.starts = 0
        self.decode_ms = 0.0
        self.last_beat = time.monotonic()
        self.picture: npt.NDArray[np.uint8] | None = None
        self.started = asyncio.Event()
        self.eye = Eye(formats=formats)
        self._repeat = repeat
        self._sightings = sightings
        self._mode = mode
        self._stop = threading.Event()
        self._picture_at = 0.0
        self._beats: deque[float] = deque(maxlen=60)

    @property
    def fps(self) -> float:
        """Pictures a second over the last two seconds or so."""
        beats = [beat for beat in tuple(self._beats) if time.monotonic() - beat < 2]
        return len(beats) / 2

    def state(self) -> dict[str, Any]:
        """What the page shows of the eye."""
        return {
            "source": self.source.name,
            "picture": self.picture is not None,
            "fps": round(self.fps, 1),
            "frames": self.frames,
            "reads": self.reads,
            "restarts": max(0, self.starts - 1),
        }

    async def jpeg(self) -> bytes | None:
        """The newest picture for the page, or None."""
        return None if self.picture is None else await asyncio.to_thread(jpeg, self.picture)

    def stalled(self) -> str:
        """Say since when there was no sign of life, or an empty text."""
        silent_s = time.monotonic() - self.last_beat
        return f"no sign of the camera for {silent_s:.0f} s" if silent_s > _STALLED_S else ""

    async def run(self) -> None:
        """Read until cancelled. Raises CameraError."""
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def run() -> None:
            error: BaseException | None = None
            try:
                self._read(loop)
            except BaseException as caught:  # noqa: BLE001  handed to whoever waits
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop ended before a camera that hung
                loop.call_soon_threadsafe(_end, ended, error)

        self.starts += 1
        self.started.clear()
        self._stop.clear()
        # A camera that hangs for good must not keep the process from ending.
        thread = threading.Thread(target=run, name="camera", daemon=True)
        thread.start()
        try:
            await ended
        finally:
            self._stop.set()
            self.source.close()
            await asyncio.shield(asyncio.to_thread(thread.join, _CLOSE_S))

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        self.source.open()
        self.last_beat = time.monotonic()
        loop.call_soon_threadsafe(self.started.set)
        try:
            for frame in self.source.frames():
                if self._stop.is_set():
                    return
                self.last_beat = time.monotonic()
                if frame is None:
                    self.eye.blink()
                else:
                    self._look(frame, loop)
        finally:
            self.source.close()
        raise CameraError(f"the camera {self.source.name} stopped giving pictures")

    def _look(self, frame: Frame, loop: asyncio.AbstractEventLoop) -> None:
        self.frames += 1
        self._beats.append(frame.seen)
        mode = self._mode()
        started = time.perf_counter()
        looked = self.eye.quality.looked
        codes = [
            replace(code, text=text)
            for code in self.eye.look(frame.pixels, frame.seen)
            if (text := plain(code.text))
        ]
        if self.eye.quality.looked > looked:
            self.decode_ms = (time.perf_counter() - started) * 1000
        self.reads += len(codes)
        for code, again in self._repeat.news(codes, mode, frame.seen):
            self._hand_over(code, frame, mode, again=again, loop=loop)
        # After the guest: the page can wait.
        if frame.seen - self._picture_at >= _PICTURE_EVERY_S:
            self._picture_at = frame.seen
            self.picture = frame.pixels[::2, ::2].copy()

    def _hand_over(
        self,
        code: Code,
        frame: Frame,
        mode: ScanType,
        *,
        again: bool,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        sighting = Sighting(
            text=code.text,
            format=code.format,
            type=mode,
            seen=frame.seen,
            eye=self.source.name,
            again=again,
        )
        put = asyncio.run_coroutine_threadsafe(self._sightings.put(sighting), loop)
        while not self._stop.is_set():
            try:
                put.result(timeout=0.1)
            except concurrent.futures.TimeoutError:
                self.last_beat = time.monotonic()
                continue
            return
        put.cancel()


def _end(ended: asyncio.Future[None], error: BaseException | None) -> None:
    if ended.done():
        return
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)
