"""Aiming a running gate's camera: over its page and its control socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import cv2
import numpy as np
from rig import Process, gate_before_window, picture

from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.web.guard import Role

SECRET = "k7m2p9x4c6v8b3n5q7w2e4r6t8y3u5i7"


async def test_the_page_judges_the_picture_and_shows_what_was_found(tmp_path: Path) -> None:
    web = {"enabled": True, "port": 0}
    async with (
        TicketServer(World.made_up(5)) as server,
        gate_before_window(server, tmp_path, web=web) as bench,
    ):
        page = bench.parts.page
        assert page is not None
        staff = {f"gated-{page.port}": page.sessions.begin(Role.STAFF, "127.0.0.1")}
        async with aiohttp.ClientSession(page.url) as anybody:
            async with anybody.get("/api/aim") as answer:
                refused = answer.status
            async with anybody.get("/api/aim/picture") as answer:
                refused_picture = answer.status
        async with aiohttp.ClientSession(page.url, cookies=staff) as session:
            async with session.get("/api/aim") as answer:
                early = answer.status, (await answer.json())["error"]
            async with session.get("/api/aim/picture") as answer:
                early_picture = answer.status
            await bench.scan(SECRET)
            camera = bench.parts.eyes.reader
            async with asyncio.timeout(10):
                while camera is None or camera.picture is None:
                    await asyncio.sleep(0.01)
            async with session.get("/api/aim") as answer:
                found = await answer.json()
            async with session.get("/api/aim/picture") as answer:
                drawn = await answer.read()

    assert refused in {401, 403}
    assert refused_picture in {401, 403}
    assert early == (503, "The camera has no picture yet: try again in a moment.")
    assert early_picture == 404
    assert (found["read"], found["seen"], found["good"]) == (1, 0, True)
    assert found["size"] == 100
    assert SECRET not in json.dumps(found)
    colours = cv2.imdecode(np.frombuffer(drawn, np.uint8), cv2.IMREAD_COLOR)
    assert colours is not None
    assert colours.shape[:2] == picture(SECRET).shape
    # A frame in a colour lies around the code.
    assert np.ptp(colours.astype(int), axis=2).max() > 60


async def test_gated_aim_looks_through_the_running_gate(tmp_path: Path) -> None:
    async with TicketServer(World.made_up(5)) as server:
        gate = Process(server.url, tmp_path, camera={"hold_ms": 60_000})
        with gate:
            await asyncio.to_thread(gate.start)
            gate.feed(SECRET)
            while "exit refused" not in gate.log():
                await asyncio.sleep(0.05)
            told = await asyncio.to_thread(gate.command, "aim", "--once")
            counted = await asyncio.to_thread(gate.command, "aim", "--once", "--json")

    scores, sentence = told.stdout.splitlines()
    assert scores.startswith("focus ")
    assert "pixels a module)  1 read, 0 seen but not read" in scores
    assert sentence == "Good: tickets that are held like this are read."
    assert json.loads(counted.stdout)["read"] == 1
    assert SECRET not in told.stdout + counted.stdout


async def test_a_gate_without_a_camera_has_nothing_to_aim(tmp_path: Path) -> None:
    async with TicketServer(World.made_up(5)) as server:
        scanner = [{"device": str(tmp_path / "ttyACM0")}]
        gate = Process(server.url, tmp_path, camera={"source": "none"}, scanner=scanner)
        with gate:
            await asyncio.to_thread(gate.start)
            told = await asyncio.to_thread(gate.command, "aim")

    assert told.returncode == 1
    assert told.stderr == "gated: this gate has no camera to aim\n"
