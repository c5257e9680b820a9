"""A closing evening with the plug pulled three times in the middle.

The suite does it with a few; `make evening` with 5,000 inside (EVENING_GUESTS), and in bulk too,
where a gate that starts waits for longer than any worker of the server lives.
"""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from rig import LIST, Process

from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
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


@pytest.mark.skipif("EVENING_GUESTS" not in os.environ, reason="minutes: make evening")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("gives_up", [False, True], ids=["it does it", "its worker is killed"])
async def test_in_bulk_killed_three_times_the_server_is_asked_once_and_all_is_listed(
    tmp_path: Path, *, gives_up: bool
) -> None:
    world = full_house()
    inside = world.inside(LIST)
    left, came_back, newcomer = *sorted(inside)[:2], min(world.positions)
    async with TicketServer(world) as server:
        # Quicker, or slower, than the thirty seconds that a worker lives.
        person_s = (33 if gives_up else 20) / len(inside)
        server.faults.add(Fault.SLOW_BULK, path="/bulk/", limit_s=30.0, person_s=person_s)
        with Process(server.url, tmp_path, server={"bulk_most": 2 * len(inside)}) as gate:
            await asyncio.to_thread(gate.start)
            arguments = ("checkout-all", "--yes", "--bulk")
            pressing = asyncio.create_task(
                asyncio.to_thread(gate.command, *arguments, timeout_s=900)
            )
            await server.requests.arrived("/bulk/")
            world.leave(left, LIST)
            world.leave(came_back, LIST)
            world.enter(came_back, LIST)
            world.enter(newcomer, LIST)
            # While the server is at it, while the gate waits for that, and while it reads back.
            for pause_s in (3, 10, 36.5):
                await asyncio.sleep(pause_s)
                await asyncio.to_thread(gate.kill)
                await asyncio.to_thread(gate.start, wait_for="ready, mode")
            while "checking everybody out" not in gate.log():
                await asyncio.sleep(0.05)
            told = await outcomes(gate)
            still_inside = world.inside(LIST)
            await asyncio.to_thread(
                gate.command, "checkout-all", "--resume", "--yes", timeout_s=900
            )
            while any(not scan.state.settled for scan in gate.scans()):
                await asyncio.sleep(0.05)
            told_at_last = await outcomes(gate)
            await pressing
            assert await asyncio.to_thread(gate.stop) == 0

    others = inside - {left, came_back}
    assert len(server.requests.matching("/bulk/")) == 1
    assert still_inside == {came_back, newcomer, *(others if gives_up else ())}
    assert {told[one] for one in others} == {"inside" if gives_up else "out"}
    assert {told_at_last[one] for one in others} == {"out"}
    for words in (told, told_at_last):
        assert (words[left], words[came_back]) == ("left", "came back")
        # The server's exit of who came in after the press is dated to the press, and ends nothing.
        assert words.get(newcomer) == (None if gives_up else "came later")
    assert world.inside(LIST) == {came_back, newcomer}
    for one in world.positions:
        exits = sum(row.type == "exit" for row in world.checkins_of(one, LIST))
        expected = 1 if one in inside else 0
        if one in {came_back, newcomer} and not gives_up:
            expected += 1
        assert exits == expected, one


async def outcomes(gate: Process) -> dict[int, str]:
    """What the report says of everybody."""
    report = await asyncio.to_thread(
        gate.command, "checkout-all", "--report", "jsonl", timeout_s=120
    )
    people = [json.loads(line) for line in report.stdout.splitlines()]
    return {one["position_id"]: one["outcome"] for one in people}
