"""The camera thread: newest frame, what is read in it, repeat?, the sighting for the loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
import time
from collections import deque
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gated.camera.decode import TICKETS
from gated.camera.eye import Eye
from gated.camera.pictures import jpeg
from gated.camera.plain import plain
from gated.camera.torch import Torch
from gated.errors import CameraError
from gated.model import Sighting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import numpy.typing as npt

    from gated.camera import Source
    from gated.camera.decode import Format
    from gated.camera.repeat import Repeat
    from gated.model import Frame, ScanType

logger = logging.getLogger(__name__)

_PICTURE_EVERY_S = 0.2
_STALLED_S = 5.0
_MOST_HUNG = 3
"""More threads that a driver never gives back are not piled up: the process has to end."""


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long a camera may say nothing before it is started anew, in seconds."""

    opening_s: float = 20.0
    """Importing the Pi's libraries takes several."""
    first_s: float = 5.0
    next_s: float = 1.8
    looking_s: float = 10.0
    """The decoder, on a slow machine with a large picture."""
    closing_s: float = 1.0
    look_every_s: float = 0.1


_PATIENCE = Patience()


class Reader:
    """One eye. `run` lives until it is cancelled or the camera fails.

    `mode` tells the gate's mode at this moment (called in the camera thread); sightings go into
    `sightings`, whose bound holds the camera back when the gate is busy: nobody is dropped.
    `on_sight` is called in the event loop when the first picture after each start has come,
    `light` when a torch is to go on because somebody has come, or out again; `on_looked` in the
    camera thread, with the milliseconds that looking for codes in a frame took.
    """

    def __init__(
        self,
        source: Source,
        repeat: Repeat,
        sightings: asyncio.Queue[Sighting | None],
        *,
        mode: Callable[[], ScanType],
        formats: Sequence[Format] = TICKETS,
        on_sight: Callable[[], None] = lambda: None,
        on_looked: Callable[[float], None] = lambda _: None,
        light: Callable[[bool], None] | None = None,
        patience: Patience = _PATIENCE,
    ) -> None:
        self.source = source
        self.formats = tuple(formats)
        self.frames = 0
        self.reads = 0
        self.starts = 0
        self.decode_ms = 0.0
        self.last_beat = time.monotonic()
        self.picture: npt.NDArray[np.uint8] | None = None
        """A copy of a frame, at most a fifth of a second older than the newest."""
        self.started = asyncio.Event()
        self.eye = Eye(formats=formats)
        self._repeat = repeat
        self._sightings = sightings
        self._mode = mode
        self._on_sight = on_sight
        self._on_looked = on_looked
        self._light = light
        self._torch = Torch() if light else None
        self._patience = patience
        self._beats: deque[float] = deque(maxlen=240)
        self._picture_at = 0.0
        self._lived = False
        self._doing = ""
        self._doing_since = 0.0
        self._hung: list[threading.Thread] = []

    @property
    def fps(self) -> float:
        """Pictures a second over the last two seconds or so."""
        beats = [beat for beat in tuple(self._beats) if time.monotonic() - beat < 2]
        return len(beats) / 2

    def state(self) -> dict[str, Any]:
        """What the page shows of the eye."""
        quality = self.eye.quality
        to_text_s = quality.median_to_text_s
        return {
            "source": self.source.name,
            "picture": self.picture is not None,
            "fps": round(self.fps, 1),
            "frames": self.frames,
            "looked": quality.looked,
            "reads": self.reads,
            "openings": quality.openings,
            "openings_read": quality.read,
            "unread": quality.unread,
            "never_located": quality.never_located,
            "to_text_ms": None if to_text_s is None else round(to_text_s * 1000),
            "restarts": max(0, self.starts - 1),
        }

    async def jpeg(self) -> bytes | None:
        """The newest picture for the page, or None."""
        picture = self.picture
        return None if picture is None else await asyncio.to_thread(jpeg, picture[::2, ::2])

    @property
    def silent_s(self) -> float:
        """For how long there was no sign of life."""
        return time.monotonic() - self.last_beat

    def stalled(self) -> str:
        """Say since when there was no sign of life, or an empty text."""
        silent_s = self.silent_s
        # The first start takes long on a small Pi, which is no reason for systemd to end it.
        slow_s = 0 if self._lived else self._patience.opening_s + self._patience.first_s
        too_long = silent_s > max(_STALLED_S, slow_s)
        return f"no sign of the camera for {silent_s:.0f} s" if too_long else ""

    async def run(self) -> None:
        """Read until cancelled. Raises CameraError, also when the camera hangs."""
        self._hung = [thread for thread in self._hung if thread.is_alive()]
        self.starts += 1
        if len(self._hung) >= _MOST_HUNG:
            raise CameraError(f"the camera hangs, and so do {len(self._hung)} attempts to close it")
        loop = asyncio.get_running_loop()
        ended = loop.create_future()
        stop = threading.Event()

        def run() -> None:
            error: BaseException | None = None
            try:
                self._read(loop, stop)
            except BaseException as caught:  # noqa: BLE001  handed to whoever waits
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop ended before a camera that hung
                loop.call_soon_threadsafe(_end, ended, error)

        self._do("opening")
        # A camera that hangs for good must not keep the process from ending.
        thread = threading.Thread(target=run, name="camera", daemon=True)
        thread.start()
        try:
            while not ended.done():
                await asyncio.wait({ended}, timeout=self._patience.look_every_s)
                self._check()
            await ended
        finally:
            ended.cancel()
            stop.set()
            self.started.clear()
            self.source.close()
            await asyncio.shield(asyncio.to_thread(thread.join, self._patience.closing_s))
            if thread.is_alive():
                self._hung.append(thread)

    def _do(self, what: str) -> None:
        self._doing, self._doing_since = what, time.monotonic()

    def _check(self) -> None:
        """Raise CameraError if what the thread does takes too long."""
        doing, busy_s = self._doing, time.monotonic() - self._doing_since
        if busy_s > getattr(self._patience, f"{doing}_s"):
            what = {
                "opening": "the camera does not open",
                "first": "the camera gave no first picture",
                "next": "the camera gave no picture",
                "looking": "the decoder did not answer",
            }[doing]
            raise CameraError(f"{what} for {busy_s:.1f} s: check its cable")

    def _read(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        self.source.open()
        self.eye.blink()
        self._do("first")
        seen_any = False
        with closing(self.source.frames()) as frames:  # here, not wherever it is forgotten
            for frame in frames:
                if stop.is_set():
                    return  # and touch nothing: another thread may read by now
                self.last_beat = time.monotonic()
                self._lived = True
                if not seen_any:
                    seen_any = True
                    loop.call_soon_threadsafe(self._sees)
                if frame is None:
                    self.eye.blink()
                else:
                    self._do("looking")
                    self._look(frame, loop, stop)
                self._shine(loop)
                self._do("next")
        raise CameraError(f"the camera {self.source.name} stopped giving pictures")

    def _shine(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._torch is None or self._light is None:
            return
        what = self._torch.sees(self.last_beat, stirs=self.eye.is_open)
        if what == "afresh":
            self.eye.blink()
        elif what:
            loop.call_soon_threadsafe(self._light, what == "on")

    def _sees(self) -> None:
        self.started.set()
        self._on_sight()

    def _look(self, frame: Frame, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
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
            self._on_looked(self.decode_ms)
        self.reads += len(codes)
        for code, again in self._repeat.news(codes, mode, frame.seen):
            sighting = Sighting(code.text, code.format, mode, frame.seen, frame.source, again)
            self._hand_over(sighting, loop, stop)
        # After the guest: the page can wait.
        if frame.seen - self._picture_at >= _PICTURE_EVERY_S:
            self._picture_at = frame.seen
            self.picture = frame.pixels.copy()

    def _hand_over(
        self, sighting: Sighting, loop: asyncio.AbstractEventLoop, stop: threading.Event
    ) -> None:
        put = asyncio.run_coroutine_threadsafe(self._sightings.put(sighting), loop)
        while not stop.is_set():
            try:
                put.result(timeout=0.1)
            except concurrent.futures.TimeoutError:
                self.last_beat = time.monotonic()
                self._do("looking")
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
