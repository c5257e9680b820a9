"""The daemon as a process: plugs pulled, signals sent, parts that fail."""

from __future__ import annotations

import asyncio
import os
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rig import LIST, Process, gate_before_window

from gated.errors import CameraError
from gated.health import Condition, Level
from gated.model import State, Verdict
from gated.simulator.server import TicketServer
from gated.simulator.world import World

GUESTS = 200
KILLS = int(os.environ.get("KILLS", "5"))  # `make long` kills twenty times
GREEN = re.compile(r"exit accepted left (\w{5}) ")


def crowd() -> World:
    """A world in which everybody is inside."""
    world = World.made_up(GUESTS, seed=9)
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
        world.enter(position.id, LIST)
    return world


async def fed(gate: Process, secrets: list[str], *, every_s: float) -> None:
    for secret in secrets:
        gate.feed(secret)
        await asyncio.sleep(every_s)


async def all_settled(gate: Process) -> None:
    for _ in range(600):
        if all(scan.state.settled for scan in gate.scans()):
            return
        await asyncio.sleep(0.1)
    raise AssertionError([scan for scan in gate.scans() if not scan.state.settled])


@pytest.mark.timeout(120)
@pytest.mark.parametrize("trial", range(KILLS))
async def test_killed_at_a_random_moment_no_green_is_forgotten_and_nothing_counts_twice(
    trial: int, tmp_path: Path
) -> None:
    chance = random.Random(trial)
    world = crowd()
    people = [one for one in world.positions.values() if one.addon_to is None]
    async with TicketServer(world) as server:
        gate = Process(server.url, tmp_path)
        await asyncio.to_thread(gate.start)
        feeding = asyncio.create_task(fed(gate, [one.secret for one in people], every_s=0.002))
        await asyncio.sleep(chance.uniform(0.05, 1.5))
        await asyncio.to_thread(gate.kill)
        feeding.cancel()
        greens = GREEN.findall(gate.log())
        recorded = Counter(scan.order_code for scan in gate.scans())
        await asyncio.to_thread(gate.start)
        await all_settled(gate)
        status = await asyncio.to_thread(gate.stop)
        scans = gate.scans()

    exits = {one.order: [c for c in one.checkins if c.type == "exit"] for one in people}
    assert status == 0
    assert set(greens) <= set(recorded)
    assert Counter(scan.order_code for scan in scans) == recorded
    assert dict.fromkeys(recorded, 1) == {c: len(rows) for c, rows in exits.items() if rows}
    assert {scan.state for scan in scans} <= {State.CONFIRMED, State.DUPLICATE}
    told = [one for one in server.requests if "checkout/single" in one.path and one.body]
    keys: dict[int, set[str]] = {}
    for request in told:
        if request.body.get("position_id"):
            key = request.headers["x-idempotency-key"]
            keys.setdefault(request.body["position_id"], set()).add(key)
    assert all(len(those) == 1 for those in keys.values())


async def test_on_sigterm_the_scan_in_hand_is_finished_the_lamps_go_off_and_the_store_closes(
    tmp_path: Path,
) -> None:
    async with TicketServer(crowd()) as server:
        pins = None
        async with gate_before_window(server, tmp_path) as bench:
            pins = bench.pins
            bench.window.hold_up(server.world.positions[1].secret)
            answer = await asyncio.wait_for(bench.answers.get(), 5)
            # A guest who comes as it stops is decided and shown all the same.
            bench.window.hold_up(server.world.positions[2].secret)
            await asyncio.sleep(0.1)
        lamps = [pins.pin(number).state for number in (17, 27, 22, 23, 24)]

    assert answer.decision.verdict is Verdict.ADMIT
    assert not any(lamps)
    assert (
        not (tmp_path / "gated.db-wal").exists() or not (tmp_path / "gated.db-wal").stat().st_size
    )


async def test_a_process_stops_on_sigterm_with_status_0(tmp_path: Path) -> None:
    async with TicketServer(crowd()) as server:
        gate = Process(server.url, tmp_path)
        await asyncio.to_thread(gate.start)
        started = asyncio.get_running_loop().time()
        status = await asyncio.to_thread(gate.stop)
        seconds = asyncio.get_running_loop().time() - started

    assert status == 0, gate.log()
    assert seconds < 10  # the bar is two; this only catches a hang
    assert "Traceback" not in gate.log()


async def test_a_camera_that_vanishes_lights_error_and_ends_the_gate_after_a_few_restarts(
    tmp_path: Path,
) -> None:
    async with TicketServer(crowd()) as server:
        told: dict[str, Any] = {}

        async def vanish() -> None:
            web = {"enabled": True, "port": 0}
            async with gate_before_window(server, tmp_path, web=web) as bench:
                bench.window.broken = True
                while (camera := bench.parts.health.of("camera")) is None or not camera.level:
                    await asyncio.sleep(0.005)
                assert bench.parts.page is not None
                url = f"{bench.parts.page.url}api/state"
                async with aiohttp.ClientSession() as session, session.get(url) as answer:
                    told.update(await answer.json())
                await asyncio.wait({bench.running}, timeout=20)
                assert bench.parts.eyes.reader is not None
                assert bench.parts.eyes.reader.starts == 5

        with pytest.raises(CameraError, match="the window is broken"):
            await vanish()

    camera = [one for one in told["health"] if one["part"] == "camera"]
    assert camera == [{"part": "camera", "level": "error", "words": "the window is broken"}]


async def test_a_panel_that_fails_is_said_until_it_is_mended_and_scanning_goes_on(
    tmp_path: Path,
) -> None:
    world = crowd()
    async with (
        TicketServer(world) as server,
        gate_before_window(server, tmp_path) as bench,
    ):
        # As if somebody shorted the wire: gpiozero itself refuses to write this pin now.
        bench.pins.pin(17).function = "input"
        answer = await bench.scan(world.positions[1].secret)
        panel = bench.parts.health.of("panel")
        assert panel
        assert panel.level is Level.ERROR
        assert "[panel] green does not answer" in panel.words

        bench.pins.pin(17).function = "output"
        await bench.scan(world.positions[2].secret)
        async with asyncio.timeout(10):
            while bench.parts.health.of("panel") != Condition("panel", Level.OK, ""):
                await asyncio.sleep(0.02)

    assert answer.decision.verdict is Verdict.ADMIT


async def test_a_panel_that_does_not_open_is_said_and_scanning_goes_on(tmp_path: Path) -> None:
    world = crowd()
    async with TicketServer(world) as server:
        gate = Process(server.url, tmp_path, panel={"kind": "gpio", "pin_factory": "lgpio"})
        await asyncio.to_thread(gate.start)
        gate.feed(world.positions[1].secret)
        await asyncio.sleep(1)
        status = await asyncio.to_thread(gate.stop)

    assert status == 0
    assert "no lamps" in gate.log()
    assert GREEN.findall(gate.log()) == [world.positions[1].order]


async def test_a_config_with_five_mistakes_gets_five_sentences_and_status_78(
    tmp_path: Path,
) -> None:
    gate = Process("https://tickets.example.org", tmp_path)
    gate.config.write_text(
        '[gate]\nmod = "exit"\nagain_s = "eight"\n[server]\nurl = "tickets.example.org"\n'
        "[pannel]\ngreen = 1\n[camera]\nfps = 0\n",
        encoding="utf-8",
    )
    with pytest.raises(AssertionError, match="did not say"):
        await asyncio.to_thread(gate.start)

    lines = gate.log().splitlines()
    assert gate.wait() == 78
    assert len(lines) == 5
    assert any("[gate] mod: is not a key of gated (did you mean [gate] mode?)" in x for x in lines)
