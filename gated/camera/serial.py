"""A scan engine on a serial line or USB (CDC-ACM) as an eye: what it sends are codes."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import termios
import time
import tty
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.camera.plain import plain
from gated.errors import CameraError
from gated.health import Level
from gated.model import Code, Sighting

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated import config
    from gated.camera.repeat import Repeat
    from gated.health import Health
    from gated.model import ScanType

logger = logging.getLogger(__name__)

_LONGEST = 8192
"""Bytes; the largest QR code has 2,953."""
_PAUSE_S = 0.1
"""So much silence ends a code where the engine sends nothing behind it."""
_STALE_S = 1.0
"""What has no end by then is half a code: the engine was pulled out, or the line is noisy."""


class Lines:
    """Cuts what a scan engine sends into codes; times are monotonic seconds."""

    def __init__(self, *, prefix: bytes = b"", suffix: bytes = b"\r") -> None:
        self._prefix = prefix
        self._suffix = suffix
        self._begun = b""
        self._newest = 0.0

    @property
    def wait_s(self) -> float | None:
        """For how long to wait for more before `feed` is called with nothing; None for ever."""
        if not self._begun:
            return None
        return _STALE_S if self._suffix else _PAUSE_S

    def feed(self, data: bytes, now: float) -> list[str]:
        """Take what has come, or nothing after a pause; return the codes that are whole now."""
        pause_s, self._newest = now - self._newest, now
        whole: list[bytes] = []
        if self._begun and not self._suffix and pause_s >= _PAUSE_S:
            whole, self._begun = [self._begun], b""
        elif pause_s >= _STALE_S:
            self._begun = b""
        self._begun += data
        if self._suffix:
            *parts, self._begun = self._begun.split(self._suffix)
            whole += parts
        if len(self._begun) > _LONGEST:
            self._begun = b""
        return [text for line in whole if (text := self._text(line))]

    def _text(self, line: bytes) -> str:
        # Whether an engine ends a code with CR, LF or both is a matter of its mood.
        bare = line.strip(b"\r\n").removeprefix(self._prefix)
        return plain(bare.decode("utf-8", errors="replace")) if len(bare) <= _LONGEST else ""


class Scanner:
    """One scan engine. `run` lives until it is cancelled: what is pulled out is waited for.

    Its codes join those of the other eyes in `sightings`; a shared `repeat` makes what two of
    them read one sighting. An idle line is as well as one that sends; while the device is not
    there, a gate with no other eye (`alone`) does not work, any other works with a limp.
    """

    def __init__(
        self,
        scanner: config.Scanner,
        repeat: Repeat,
        sightings: asyncio.Queue[Sighting | None],
        health: Health,
        *,
        mode: Callable[[], ScanType],
        alone: bool = False,
        clock: Callable[[], float] = time.monotonic,
        retry_s: float = 1.0,
    ) -> None:
        self.name = f"scanner {Path(scanner.device).name}"
        self.reads = 0
        self.is_there = False
        self.started = asyncio.Event()
        """It was looked for; whether it is there is a matter of its health."""
        self._config = scanner
        self._repeat = repeat
        self._sightings = sightings
        self._health = health
        self._level = Level.ERROR if alone else Level.WARNING
        self._mode = mode
        self._clock = clock
        self._retry_s = retry_s
        self._losses = 0

    def state(self) -> dict[str, Any]:
        """What the page shows of the engine."""
        return {
            "name": self.name,
            "device": self._config.device,
            "there": self.is_there,
            "reads": self.reads,
            "losses": self._losses,
        }

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self._read()
            except CameraError as error:
                if self.is_there:
                    self._losses += 1
                    logger.warning("%s: %s", self.name, error)
                self.is_there = False
                self._health.report(self.name, self._level, str(error))
            self.started.set()
            await asyncio.sleep(self._retry_s)

    async def _read(self) -> None:
        port = await asyncio.to_thread(_open, self._config.device, self._config.baud)
        loop, readable = asyncio.get_running_loop(), asyncio.Event()
        lines = Lines(prefix=self._config.prefix.encode(), suffix=self._config.suffix.encode())
        loop.add_reader(port, readable.set)
        try:
            self.is_there = True
            self._health.ok(self.name, self._config.device)
            self.started.set()
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(lines.wait_s):
                        await readable.wait()
                data = _take(port, self._config.device) if readable.is_set() else b""
                readable.clear()
                seen = self._clock()
                await self._hand_over(lines.feed(data, time.monotonic()), seen)
        finally:
            loop.remove_reader(port)
            os.close(port)

    async def _hand_over(self, texts: list[str], seen: float) -> None:
        self.reads += len(texts)
        for text in texts:
            mode = self._mode()
            for code, again in self._repeat.news([Code(text, "serial")], mode, seen):
                sighting = Sighting(code.text, code.format, mode, seen, self.name, again)
                await self._sightings.put(sighting)


def _open(device: str, baud: int) -> int:
    """Open a serial device raw, for us alone. Raises CameraError."""
    try:
        port = os.open(device, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise CameraError(f"{device} is not there: plug the scanner in") from None
    except OSError as error:
        hint = "let the user of gated into the group dialout"
        why = hint if error.errno == errno.EACCES else error.strerror
        raise CameraError(f"{device} cannot be opened: {why}") from None
    try:
        tty.setraw(port)
        settings = termios.tcgetattr(port)
        # No modem lines: three wires are enough, and no engine hangs up.
        settings[2] |= termios.CLOCAL | termios.CREAD
        settings[4] = settings[5] = getattr(termios, f"B{baud}")
        termios.tcsetattr(port, termios.TCSANOW, settings)
        # A second reader would take half of each code.
        fcntl.ioctl(port, termios.TIOCEXCL)
        termios.tcflush(port, termios.TCIFLUSH)  # codes from before anybody looked
    except (termios.error, OSError) as error:
        os.close(port)
        raise CameraError(f"{device} is not a serial device: {error.args[-1]}") from None
    return port


def _take(port: int, device: str) -> bytes:
    """What has come. Raises CameraError when the device has gone."""
    try:
        if data := os.read(port, _LONGEST):
            return data
    except BlockingIOError:
        return b""
    except OSError as error:
        logger.debug("%s: %s", device, error)
    raise CameraError(f"{device} was pulled out: put it back")
