"""A gate at work in this process, with mock pins, whose server is never there."""

from __future__ import annotations

import asyncio
import gc
import queue
import threading
import time
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gated import config, daemon
from gated.gate import Shown
from gated.model import CheckinList, Frame, Listed, ScanType, ServerCheckin, Ticket, Verdict
from gated.panel.pins import mock_pins
from gated.store import Store, passes
from gated.store.tickets import Keeper

_LIST = CheckinList(id=1, name="All")
_LIST_SIZE = 5000


class Eye:
    """A camera source that gives the frames it is handed."""

    def __init__(self) -> None:
        self.name = "eye"
        self._pixels: queue.SimpleQueue[npt.NDArray[np.uint8]] = queue.SimpleQueue()
        self._closed = threading.Event()

    def see(self, pixels: npt.NDArray[np.uint8]) -> None:
        """Give this picture next."""
        self._pixels.put(pixels)

    def open(self) -> None:
        """See Source."""
        self._closed.clear()

    def close(self) -> None:
        """See Source."""
        self._closed.set()

    def frames(self) -> Generator[Frame | None]:
        """See Source."""
        while not self._closed.is_set():
            try:
                pixels = self._pixels.get(timeout=0.05)
            except queue.Empty:
                yield None
            else:
                yield Frame(pixels, time.monotonic(), self.name)
                # One frame a guest: to the watch it must not look like a place that never rests.
                yield None


@dataclass
class Gate:
    """A gate at work in this process; its server is never there."""

    eye: Eye
    parts: daemon.Parts
    pins: Any
    shown: asyncio.Queue[tuple[Shown, float]] = field(default_factory=asyncio.Queue)

    async def scan(self, pixels: npt.NDArray[np.uint8]) -> tuple[Shown, float]:
        """Hold up a ticket, wait for the green lamp; with the milliseconds of decoding."""
        self.eye.see(pixels)
        shown, decode_ms = await asyncio.wait_for(self.shown.get(), 10)
        assert shown.decision.verdict is Verdict.ADMIT
        assert not shown.asked
        return shown, decode_ms


def secret_of(number: int) -> str:
    """The ticket of a made-up guest, numbered from 1."""
    return f"made-up-secret-{number:06d}"


@asynccontextmanager
async def gate_alone(folder: Path, guests: int) -> AsyncIterator[Gate]:
    """Run a gate on whose list all guests are inside, with room for so many scans."""
    settings = _settings(folder)
    await _fill(settings, max(_LIST_SIZE, guests))
    eye, pins = Eye(), mock_pins()
    ready: asyncio.Future[daemon.Parts] = asyncio.get_running_loop().create_future()
    shown: asyncio.Queue[tuple[Shown, float]] = asyncio.Queue()
    extras = daemon.Extras(
        source=eye,
        pin_factory=pins,
        on_ready=ready.set_result,
        on_shown=lambda answer: shown.put_nowait((answer, ready.result().eyes.decode_ms)),
    )
    running = asyncio.create_task(daemon.run(settings, extras))
    either: set[asyncio.Future[Any]] = {running, ready}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    parts = await ready
    # What building the list left behind is none of the gate's business.
    gc.collect()
    try:
        yield Gate(eye, parts, pins, shown)
    finally:
        parts.stop.set()
        await running


def _settings(folder: Path) -> config.Config:
    token = folder / "token"
    token.write_text("made-up-token", encoding="ascii")
    return config.parse(
        {
            "gate": {"mode": "exit"},
            "server": {
                # Nobody listens on port 1; without asking, it is the gate alone that is measured.
                "url": "http://127.0.0.1:1",
                "organizer": "demo",
                "event": "conf",
                "checkin_lists": [_LIST.id],
                "token_file": str(token),
                "confirm_timeout_ms": 0,
            },
            "panel": {"kind": "gpio", "pin_factory": "mock"},
            "store": {"path": str(folder / "gated.db")},
            "control": {"socket": str(folder / "control.sock")},
            "web": {"enabled": False},
        }
    )


async def _fill(settings: config.Config, guests: int) -> None:
    """A list whose guests are all inside."""
    now = datetime.now(UTC)
    async with Store(Path(settings.store.path), settings.key_file) as store:
        listed = [
            Listed(
                Ticket(number, f"ORDER{number}", 1),
                secret_of(number),
                (ServerCheckin(number, _LIST.id, ScanType.ENTRY, now),),
            )
            for number in range(1, guests + 1)
        ]
        keeper = Keeper(store.vault)
        await store.write(passes.begin)
        await store.write(partial(passes.add, keeper=keeper, list_id=_LIST.id, listed=listed))
        await store.write(partial(passes.finish, lists=[_LIST], at=now))
