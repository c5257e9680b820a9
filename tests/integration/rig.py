"""A gate to put to the test: in this process before a window, or as a process of its own."""

from __future__ import annotations

import asyncio
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np
import numpy.typing as npt
import segno

from gated import config, daemon
from gated.clock import Clock
from gated.gate import Shown
from gated.model import Frame
from gated.panel.pins import mock_pins
from gated.store import ledger, open_read_only

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from gated.model import Scan
    from gated.simulator.server import TicketServer

LIST = 1


def picture(text: str) -> npt.NDArray[np.uint8]:
    """A printed ticket, straight on: shape (height, width)."""
    rows = list(segno.make(text, micro=False).matrix_iter(scale=4, border=4))
    return np.asarray([[0 if dark else 255 for dark in row] for row in rows], dtype=np.uint8)


class Hands:
    """A clock that runs like the real one and can be put forward; the box's own may be wrong."""

    def __init__(
        self, *, off: timedelta = timedelta(), synchronised: bool = True, boot_id: str = "test-boot"
    ) -> None:
        self.off = off
        self.synchronised = synchronised
        self._ahead = timedelta()
        self.clock = Clock(
            wall=lambda: self.wall() + self.off,
            monotonic=self.monotonic,
            boot_id=boot_id,
            synchronised=lambda: self.synchronised,
        )

    def wall(self) -> datetime:
        """What time it really is."""
        return datetime.now(UTC) + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead.total_seconds()

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class Window:
    """A camera source before which codes are held up; `seen` follows the given hands."""

    def __init__(self, hands: Hands) -> None:
        self.name = "window"
        self.broken = False
        self._hands = hands
        self._pictures: queue.SimpleQueue[npt.NDArray[np.uint8]] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thawed = threading.Event()
        self._thawed.set()

    def hold_up(self, text: str) -> None:
        self._pictures.put(picture(text))

    def freeze(self) -> None:
        """Hang, as a driver does: no picture, no error, and deaf to `close`."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Come back to life."""
        self._thawed.set()

    def open(self) -> None:
        if self.broken:
            raise self._error()
        self._closed.clear()

    def close(self) -> None:
        self._closed.set()

    def frames(self) -> Generator[Frame | None]:
        while not self._closed.is_set():
            self._thawed.wait()
            if self.broken:
                raise self._error()
            try:
                pixels = self._pictures.get(timeout=0.02)
            except queue.Empty:
                yield None
            else:
                yield Frame(pixels, self._hands.monotonic(), self.name)
                yield None

    @staticmethod
    def _error() -> Exception:
        from gated.errors import CameraError

        return CameraError("the window is broken")


def settings(server_url: str, folder: Path, /, **changes: Any) -> dict[str, Any]:
    """A config document for a gate in `folder`; `changes` are laid over its sections."""
    token = folder / "token"
    token.write_text("demo-token", encoding="ascii")
    document: dict[str, Any] = {
        "gate": {"name": "Test gate", "mode": "exit"},
        "server": {
            "url": server_url,
            "organizer": "demo",
            "event": "conf",
            "checkin_lists": [LIST],
            "token_file": str(token),
            "timeout_s": 3.0,
            "pull_s": 3600.0,
        },
        "camera": {"source": "files", "path": str(folder / "pictures"), "watch": True},
        "panel": {"kind": "gpio", "pin_factory": "mock"},
        "store": {"path": str(folder / "gated.db")},
        "control": {"socket": str(folder / "control.sock")},
        "web": {"enabled": False},
    }
    for section, values in changes.items():
        if isinstance(values, list):
            document[section] = values
        else:
            document.setdefault(section, {}).update(values)
    return document


@dataclass
class Bench:
    """A gate at work in this process."""

    parts: daemon.Parts
    window: Window
    hands: Hands
    pins: Any
    running: asyncio.Task[None]
    answers: asyncio.Queue[Shown] = field(default_factory=asyncio.Queue)

    async def scan(self, text: str) -> Shown:
        """Hold up a code as a new guest, and wait for the lamp."""
        self.hands.advance(20)
        self.window.hold_up(text)
        return await asyncio.wait_for(self.answers.get(), 10)

    async def settled(self) -> list[Scan]:
        """Wait until nothing is owed; give back the whole ledger."""
        for _ in range(1500):
            scans = await self.parts.store.read(lambda db: list(ledger.every(db)))
            if all(scan.state.settled for scan in scans):
                return scans
            await asyncio.sleep(0.02)
        raise AssertionError(f"still owed: {[scan for scan in scans if not scan.state.settled]}")


@asynccontextmanager
async def gate_before_window(
    server: TicketServer,
    folder: Path,
    /,
    *,
    pulled: bool = True,
    hands: Hands | None = None,
    pins: Any = None,
    **changes: Any,
) -> AsyncIterator[Bench]:
    """Run a gate in this process; it has pulled the list once, unless told otherwise."""
    hands = hands or Hands()
    server.world.clock = hands.wall
    window = Window(hands)
    pins = pins or mock_pins()
    ready: asyncio.Future[daemon.Parts] = asyncio.get_running_loop().create_future()
    answers: asyncio.Queue[Shown] = asyncio.Queue()
    extras = daemon.Extras(
        source=window,
        pin_factory=pins,
        clock=hands.clock,
        camera_pause_s=0.01,
        on_shown=answers.put_nowait,
        on_ready=ready.set_result,
    )
    running = asyncio.create_task(
        daemon.run(config.parse(settings(server.url, folder, **changes)), extras)
    )
    either: set[asyncio.Future[Any]] = {running, ready}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    parts = await ready
    if pulled:
        while not parts.sync.pull.can_list:
            await asyncio.sleep(0.01)
    try:
        yield Bench(parts, window, hands, pins, running, answers)
    finally:
        parts.stop.set()
        await running


class Process:
    """A gate as a process of its own, fed with pictures in a folder; `with` leaves none behind."""

    def __init__(self, server_url: str, folder: Path, **changes: Any) -> None:
        self.folder = folder
        self.pictures = folder / "pictures"
        self.pictures.mkdir(exist_ok=True)
        changes.setdefault("panel", {"kind": "none"})
        changes.setdefault("camera", {}).setdefault("hold_ms", 1)
        self.config = folder / "gated.toml"
        self.config.write_text(toml(settings(server_url, folder, **changes)), encoding="utf-8")
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._fed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_running():
            self.kill()

    def start(self, *, wait_for: str = "list pulled") -> None:
        """Start and wait for a line in the log."""
        before = self.log().count(wait_for)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gated", "run", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self.wait_for(wait_for, more_than=before)

    def wait_for(self, words: str, *, more_than: int = 0) -> None:
        """Wait for a line in the log."""
        assert self._process is not None
        for _ in range(2400):
            if self.log().count(words) > more_than:
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the gate did not say {words!r}:\n{self.log()}")

    def feed(self, text: str) -> None:
        """Hold up a code."""
        self._fed += 1
        draft = self.folder / "draft.png"
        draft.write_bytes(cv2.imencode(".png", picture(text))[1].tobytes())
        os.utime(draft, (time.time() - 10, time.time() - 10))
        draft.rename(self.pictures / f"{self._fed:06d}.png")

    def kill(self) -> None:
        """Pull the plug."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> int:
        """Stop as systemd does; gives the exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=20)

    def wait(self) -> int:
        """Wait for it to end by itself."""
        assert self._process is not None
        return self._process.wait(timeout=60)

    def command(
        self, name: str, *arguments: str, timeout_s: float = 30
    ) -> subprocess.CompletedProcess[str]:
        """Run `gated` with this config beside the daemon, or without one."""
        return subprocess.run(
            [sys.executable, "-m", "gated", name, "--config", str(self.config), *arguments],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def scans(self) -> list[Scan]:
        """The ledger as it lies on the disk."""
        with open_read_only(self.folder / "gated.db") as db, closing(db.cursor()):
            return list(ledger.every(db))


def toml(document: dict[str, Any]) -> str:
    """Write a config document as TOML."""
    lines = []
    for section, values in document.items():
        several = isinstance(values, list)
        for table in values if several else [values]:
            lines.append(f"[[{section}]]" if several else f"[{section}]")
            lines += [f"{key} = {_value(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, int | float | list) else f'"{value}"'
