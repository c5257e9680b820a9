"""The torch on its pin: lit for somebody, or always; dark once the gate has stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rig import gate_before_window

from gated.simulator.server import TicketServer
from gated.simulator.world import World


async def test_the_torch_lights_when_somebody_comes(tmp_path: Path) -> None:
    world = World.made_up(5)
    torch = {"torch": 12}
    async with (
        TicketServer(world) as server,
        gate_before_window(server, tmp_path, panel=torch) as bench,
    ):
        before = bench.pins.pin(12).state
        await bench.scan(world.positions[1].secret)
        async with asyncio.timeout(10):
            while not bench.pins.pin(12).state:
                await asyncio.sleep(0.01)

    assert not before
    assert not bench.pins.pin(12).state


async def test_a_torch_for_always_is_lit_from_the_start(tmp_path: Path) -> None:
    torch = {"torch": 12, "torch_mode": "always"}
    async with (
        TicketServer(World.made_up(5)) as server,
        gate_before_window(server, tmp_path, panel=torch) as bench,
    ):
        lit = bench.pins.pin(12).state

    assert lit
    assert not bench.pins.pin(12).state
