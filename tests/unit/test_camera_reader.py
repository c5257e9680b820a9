"""The camera thread: a camera that fails or hangs is told, and is started anew."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator

import numpy as np
import pytest
import segno

from gated.camera.reader import Patience, Reader
from gated.camera.repeat import Repeat
from gated.errors import CameraError
from gated.health import Health, Level
from gated.model import Frame, ScanType, Sighting
from gated.supervise import keep_seeing

QUICK = Patience(
    opening_s=0.5, first_s=0.3, next_s=0.2, looking_s=5.0, closing_s=0.1, look_every_s=0.02
)


class Moody:
    """A camera that shows one code for ever; it hangs, deaf to `close`, as often as told."""

    def __init__(self, text: str = "k7m2p9x4", *, hangs: int = 0) -> None:
        self.name = "moody"
        self.thaw = threading.Event()
        self.opened = 0
        self.threads: list[threading.Thread] = []
        self._hangs = hangs
        self._closed = threading.Event()
        rows = segno.make(text, micro=False).matrix_iter(scale=4, border=4)
        self._pixels = np.array([[0 if dark else 255 for dark in row] for row in rows], np.uint8)

    def open(self) -> None:
        self.opened += 1
        self.threads.append(threading.current_thread())
        self._closed.clear()

    def close(self) -> None:
        self._closed.set()

    def frames(self) -> Generator[Frame | None]:
        hangs = self.opened <= self._hangs
        yield Frame(self._pixels, time.monotonic(), self.name)
        if hangs:
            self.thaw.wait()
        while not self._closed.is_set():
            yield Frame(self._pixels, time.monotonic(), self.name)
            self._closed.wait(0.01)


def reader_of(camera: Moody, sightings: asyncio.Queue[Sighting | None], health: Health) -> Reader:
    return Reader(
        camera,
        Repeat(again_s=8),
        sightings,
        mode=lambda: ScanType.EXIT,
        on_sight=lambda: health.ok("camera"),
        patience=QUICK,
    )


async def test_a_camera_that_hangs_is_started_anew_though_its_thread_never_comes_back() -> None:
    camera, health = Moody(hangs=1), Health()
    sightings: asyncio.Queue[Sighting | None] = asyncio.Queue(4)
    reader = reader_of(camera, sightings, health)
    levels: list[Level] = []

    def note() -> None:
        condition = health.of("camera")
        assert condition is not None
        levels.append(condition.level)

    health.changed.on_ring(note)
    task = asyncio.create_task(keep_seeing(reader.run, health, pause_s=0.01))
    try:
        async with asyncio.timeout(20):
            while camera.opened < 2 or not reader.started.is_set():
                await asyncio.sleep(0.01)
            before = reader.frames
            while reader.frames < before + 10:
                await asyncio.sleep(0.01)
        assert levels == [Level.OK, Level.ERROR, Level.OK]
        assert camera.threads[0].is_alive()
        assert reader.state()["restarts"] == 1

        # Awake at last, the old thread ends and leaves the new one alone.
        camera.thaw.set()
        await asyncio.to_thread(camera.threads[0].join, 10)
        assert not camera.threads[0].is_alive()
        before = reader.frames
        async with asyncio.timeout(20):
            while reader.frames < before + 10:
                await asyncio.sleep(0.01)
        assert reader.starts == 2
    finally:
        task.cancel()
        await asyncio.wait({task})

    # The code was in view before and after: one guest, answered again.
    told = [sightings.get_nowait() for _ in range(sightings.qsize())]
    assert [one.again for one in told if one] in ([False], [False, True])


async def test_a_camera_that_hangs_for_good_ends_the_gate_and_piles_up_no_threads() -> None:
    camera, health = Moody(hangs=1000), Health()
    reader = reader_of(camera, asyncio.Queue(4), health)
    try:
        async with asyncio.timeout(30):
            with pytest.raises(CameraError, match="the camera hangs"):
                await keep_seeing(reader.run, health, tries=6, pause_s=0.01)
        assert len([thread for thread in camera.threads if thread.is_alive()]) == 3
    finally:
        camera.thaw.set()


async def test_an_old_thread_that_wakes_makes_room_for_a_new_attempt() -> None:
    camera, health = Moody(hangs=3), Health()
    reader = reader_of(camera, asyncio.Queue(4), health)
    for _ in range(3):
        with pytest.raises(CameraError, match="gave no picture for"):
            await reader.run()
    camera.thaw.set()
    for thread in camera.threads:
        await asyncio.to_thread(thread.join, 10)
    task = asyncio.create_task(reader.run())
    async with asyncio.timeout(20):
        await reader.started.wait()
    task.cancel()
    await asyncio.wait({task})

    assert camera.opened == 4


async def test_what_is_no_text_never_leaves_the_eye() -> None:
    camera = Moody("\\000026k7\x1b[31m\r\n")
    sightings: asyncio.Queue[Sighting | None] = asyncio.Queue(4)
    reader = reader_of(camera, sightings, Health())
    task = asyncio.create_task(reader.run())
    sighting = await asyncio.wait_for(sightings.get(), 20)
    task.cancel()
    await asyncio.wait({task})

    assert sighting is not None
    assert sighting.text == "k7\ufffd[31m\ufffd\ufffd"
    assert sighting.eye == "moody"


async def test_a_code_keeps_the_mode_in_which_its_picture_came_though_it_changes_meanwhile() -> (
    None
):
    def mode() -> ScanType:
        return ScanType.EXIT if reader.eye.quality.frames else ScanType.ENTRY

    sightings: asyncio.Queue[Sighting | None] = asyncio.Queue(4)
    reader = Reader(Moody(), Repeat(again_s=8), sightings, mode=mode, patience=QUICK)
    task = asyncio.create_task(reader.run())
    sighting = await asyncio.wait_for(sightings.get(), 20)
    task.cancel()
    await asyncio.wait({task})

    assert sighting is not None
    assert sighting.type is ScanType.ENTRY


async def test_the_numbers_of_reading_are_told() -> None:
    camera = Moody()
    reader = reader_of(camera, asyncio.Queue(4), Health())
    task = asyncio.create_task(reader.run())
    async with asyncio.timeout(20):
        while reader.frames < 20:
            await asyncio.sleep(0.01)
    state = reader.state()
    task.cancel()
    await asyncio.wait({task})

    assert state["source"] == "moody"
    assert state["frames"] >= 20
    assert 0 < state["looked"] <= state["frames"]
    assert (state["openings"], state["openings_read"]) == (1, 1)
    assert (state["unread"], state["never_located"]) == (0, 0)
    assert state["to_text_ms"] == 0
    assert state["restarts"] == 0


async def test_a_camera_may_take_long_to_open_once_but_not_to_give_its_next_picture() -> None:
    camera = Moody(hangs=1)
    reader = Reader(camera, Repeat(again_s=8), asyncio.Queue(4), mode=lambda: ScanType.EXIT)
    reader.last_beat -= 15
    assert reader.stalled() == ""
    reader.last_beat -= 15
    assert reader.stalled() == "no sign of the camera for 30 s"

    running = asyncio.create_task(reader.run())
    try:
        await reader.started.wait()
        assert reader.stalled() == ""
        reader.last_beat -= 15
        assert reader.stalled() == "no sign of the camera for 15 s"
    finally:
        running.cancel()
        camera.thaw.set()
        await asyncio.wait({running})
