"""A scan engine beside the camera or instead of it, over a pseudo terminal."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Self

import pytest
from rig import Bench, Process, gate_before_window

from gated.health import Level
from gated.model import Verdict
from gated.simulator.server import TicketServer
from gated.simulator.world import World


class Engine:
    """A scan engine at the end of a cable that can be pulled out and put back."""

    def __init__(self, folder: Path) -> None:
        self.device = folder / "ttyACM0"
        self._ends: tuple[int, ...] = ()

    def __enter__(self) -> Self:
        self.plug_in()
        return self

    def __exit__(self, *_: object) -> None:
        self.pull_out()

    def plug_in(self) -> None:
        engine, gate = os.openpty()
        self.device.symlink_to(os.ttyname(gate))
        os.close(gate)
        self._ends = (engine,)

    def pull_out(self) -> None:
        for end in self._ends:
            self.device.unlink()
            os.close(end)
        self._ends = ()

    def sees(self, text: str, end: str = "\r") -> None:
        os.write(self._ends[0], (text + end).encode())


@pytest.fixture
def world() -> World:
    world = World.made_up(20)
    for number in range(1, 15):
        world.enter(number, 1)
    return world


async def level(bench: Bench, wanted: Level) -> str:
    """Wait until the engine is so; what is said of it."""
    async with asyncio.timeout(20):
        while True:
            condition = bench.parts.health.of("scanner ttyACM0")
            if condition and condition.level is wanted:
                return condition.words
            await asyncio.sleep(0.01)


async def test_guests_pass_by_engine_and_by_camera(tmp_path: Path, world: World) -> None:
    with Engine(tmp_path) as engine:
        async with (
            TicketServer(world) as server,
            gate_before_window(server, tmp_path, scanner=[{"device": str(engine.device)}]) as bench,
        ):
            await level(bench, Level.OK)
            engine.sees(world.positions[1].secret)
            first = await asyncio.wait_for(bench.answers.get(), 10)
            second = await bench.scan(world.positions[2].secret)
            state = await bench.parts.overview.state()

    assert first.decision.verdict is second.decision.verdict is Verdict.ADMIT
    assert (first.scans[0].eye, second.scans[0].eye) == ("scanner ttyACM0", "window")
    (told,) = state["scanners"]
    assert told == {
        "name": "scanner ttyACM0",
        "device": str(engine.device),
        "there": True,
        "reads": 1,
        "losses": 0,
    }


async def test_what_both_see_within_a_second_is_one_scan(tmp_path: Path, world: World) -> None:
    with Engine(tmp_path) as engine:
        async with (
            TicketServer(world) as server,
            gate_before_window(server, tmp_path, scanner=[{"device": str(engine.device)}]) as bench,
        ):
            await level(bench, Level.OK)
            camera = bench.parts.eyes.reader
            assert camera is not None
            for number in range(1, 6):
                secret = world.positions[number].secret
                engine.sees(secret)
                bench.window.hold_up(secret)
                await asyncio.wait_for(bench.answers.get(), 10)
                async with asyncio.timeout(10):
                    while camera.reads < number or bench.parts.eyes.scanners[0].reads < number:
                        await asyncio.sleep(0.01)
                bench.hands.advance(20)
            (engine_state,) = (await bench.parts.overview.state())["scanners"]
            scans = await bench.settled()
            extra = bench.answers.qsize()

    assert engine_state["reads"] == camera.reads == 5
    assert len(scans) == 5
    assert extra == 0


async def test_an_engine_is_pulled_out_and_put_back_while_the_gate_runs(
    tmp_path: Path, world: World
) -> None:
    with Engine(tmp_path) as engine:
        async with (
            TicketServer(world) as server,
            gate_before_window(server, tmp_path, scanner=[{"device": str(engine.device)}]) as bench,
        ):
            await level(bench, Level.OK)
            engine.sees("half a co", end="")
            engine.pull_out()
            words = await level(bench, Level.WARNING)
            by_camera = await bench.scan(world.positions[1].secret)
            engine.plug_in()
            await level(bench, Level.OK)
            engine.sees(world.positions[2].secret)
            by_engine = await asyncio.wait_for(bench.answers.get(), 10)
            (state,) = (await bench.parts.overview.state())["scanners"]

    assert "was pulled out: put it back" in words or "is not there: plug" in words
    assert by_camera.decision.verdict is by_engine.decision.verdict is Verdict.ADMIT
    assert state["losses"] == 1


async def test_a_gate_without_camera_works_by_its_engine_alone(
    tmp_path: Path, world: World
) -> None:
    async with TicketServer(world) as server:
        engine = Engine(tmp_path)
        gate = Process(
            server.url,
            tmp_path,
            camera={"source": "none"},
            scanner=[{"device": str(engine.device), "baud": 9600}],
        )
        with gate:
            # Not plugged in yet: the gate is up and says so.
            await asyncio.to_thread(gate.start)
            status = await asyncio.to_thread(gate.command, "status")
            with engine:
                while "exit accepted" not in gate.log():
                    engine.sees(world.positions[1].secret)
                    await asyncio.sleep(0.2)
                after = await asyncio.to_thread(gate.command, "status")
            exit_status = await asyncio.to_thread(gate.stop)

    assert "is not there: plug the scanner in" in status.stdout
    assert "ttyACM0" in after.stdout
    assert "plug the scanner in" not in after.stdout
    assert [scan.order_code for scan in gate.scans()] == [world.positions[1].order]
    assert exit_status == 0
