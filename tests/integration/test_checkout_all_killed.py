"""A closing evening with the plug pulled three times in the middle.

The suite does it with a few; `make evening` with 5,000 inside (EVENING_GUESTS).
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from rig import LIST, Process

from gated.simulator.dialects import Dialect
from gated.simulator.server import TicketServer
from gated.simulator.world import World

GUESTS = int(os.environ.get("EVENING_GUESTS", "60"))
DIALECTS = [Dialect.FORK, Dialect.PRETIX] if "EVENING_GUESTS" in os.environ else [Dialect.FORK]
OUTSIDE = 30


def full_house() -> World:
    """Everybody but a few is inside, and the few have their tickets with them."""
    world = World.made_up(GUESTS + OUTSIDE, seed=4)
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
    for number in list(world.positions)[OUTSIDE:]:
        world.enter(number, LIST)
    return world


def gone(world: World, inside: set[int]) -> int:
    return sum(any(row.type == "exit" for row in world.checkins_of(one, LIST)) for one in inside)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_killed_three_times_everybody_inside_is_out_exactly_once(
    tmp_path: Path, dialect: Dialect
) -> None:
    world = full_house()
    inside = world.inside(LIST)
    async with TicketServer(world, dialect=dialect) as server:
        with Process(server.url, tmp_path) as gate:
            await asyncio.to_thread(gate.start)
            pressing = asyncio.create_task(
                asyncio.to_thread(gate.command, "checkout-all", "--yes", timeout_s=900)
            )
            for third in (1, 2, 3):
                while gone(world, inside) < third * len(inside) / 4:
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(gate.kill)
                await asyncio.to_thread(gate.start, wait_for="list pulled")
            # Somebody comes back, and somebody new comes in, after the press.
            comes_back, newcomer = min(inside), min(world.positions)
            await asyncio.to_thread(gate.command, "mode", "entry")
            for one in (comes_back, newcomer):
                gate.feed(world.positions[one].secret)
            while "done: of" not in gate.log():
                await asyncio.sleep(0.05)
            while any(not scan.state.settled for scan in gate.scans()):
                await asyncio.sleep(0.05)
            await pressing
            report = await asyncio.to_thread(gate.command, "checkout-all", "--report", "jsonl")
            assert await asyncio.to_thread(gate.stop) == 0

    assert world.inside(LIST) == {comes_back, newcomer}
    for one in world.positions:
        exits = [row for row in world.checkins_of(one, LIST) if row.type == "exit"]
        assert len(exits) == (1 if one in inside else 0), one
    told = [json.loads(line) for line in report.stdout.splitlines()]
    assert {one["position_id"] for one in told} == inside
    assert {one["outcome"] for one in told} == {"out"}
