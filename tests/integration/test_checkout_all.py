"""Everybody checked out at closing time: each who was inside exactly once, and nobody else."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from closing_bench import acts, closing_of, evening, through
from gate_bench import ENTRY, EXIT, FORK, PRETIX, running, until

from gated.errors import ClosingBusy, GatedError
from gated.store import closings

if TYPE_CHECKING:
    from gated.simulator.dialects import Dialect


@pytest.mark.parametrize("dialect", [FORK, PRETIX])
async def test_everybody_inside_is_out_exactly_once_and_nobody_else(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with evening(tmp_path, dialect) as gate:
        closing = closing_of(gate)
        assert [(one.ours, one.servers) for one in await closing.preview()] == [(40, 40)]
        pressed = await closing.press(origin="page, admin from ::1")
        done = await through(gate, closing)

        assert (done["state"], done["done"], done["outcomes"]) == ("done", 40, {"out": 40})
        assert gate.world.inside(1) == set()
        for position in gate.world.positions:
            rows = [row for row in gate.rows(position) if row.type == "exit"]
            assert len(rows) == (1 if position <= 40 else 0)
            assert all(row.datetime >= pressed.at for row in rows)
        assert await acts(gate) == [
            ("page, admin from ::1", "lists 1, each"),
            ("daemon", "done: of 40 inside: 40 checked out"),
        ]
        assert [(one.ours, one.servers) for one in await closing.preview()] == [(0, 0)]


async def test_who_leaves_or_comes_back_meanwhile_is_let_be(tmp_path: Path) -> None:
    async with evening(tmp_path, inside=30) as gate:
        closing = closing_of(gate)
        await closing.press(origin="command")
        left, back = 29, 30
        assert (await gate.scan(EXIT, left)).decision.verdict.admits
        await gate.scan(EXIT, back)
        assert (await gate.scan(ENTRY, back)).decision.verdict.admits
        done = await through(gate, closing)
        await gate.push_all()

        assert done["outcomes"] == {"out": 28, "left": 1, "came back": 1}
        assert gate.types(left) == ["entry", "exit"]
        assert gate.types(back) == ["entry", "exit", "entry"]
        assert gate.world.inside(1) == {back}


async def test_who_came_back_through_another_gate_after_the_press_stays_inside(
    tmp_path: Path,
) -> None:
    async with evening(tmp_path, inside=30) as gate:
        closing = closing_of(gate)
        await closing.press(origin="command")
        gate.world.leave(30, 1)
        gate.world.enter(30, 1)
        await through(gate, closing)

        assert gate.world.inside(1) == {30}


async def test_who_walks_out_after_the_press_sees_green_and_is_out_once(tmp_path: Path) -> None:
    async with evening(tmp_path, inside=30) as gate:
        closing = closing_of(gate)
        await closing.press(origin="command")
        await gate.store.write(
            lambda db: closings.step(db, closings.latest(db), at_most=10)  # type: ignore[arg-type]
        )
        owed_already, told_already = 1, 5
        first = await gate.scan(EXIT, owed_already)
        await through(gate, closing)
        second = await gate.scan(EXIT, told_already)
        again = await gate.scan(EXIT, told_already)
        await gate.push_all()

        assert first.decision.verdict.admits
        assert second.decision.verdict.admits
        assert again.decision.reason == "already_left"
        assert gate.world.inside(1) == set()
        for position in (owed_already, told_already):
            assert gate.types(position).count("exit") == 1
        # A closing of yesterday has nothing to say about the exit of a stay of today.
        gate.world.enter(told_already, 1)
        await gate.pull.once()
        await gate.scan(EXIT, told_already)
        await gate.push_all()
        assert gate.types(told_already) == ["entry", "exit", "entry", "exit"]


async def test_an_entry_dated_ahead_by_a_wrong_clock_is_ended_all_the_same(
    tmp_path: Path,
) -> None:
    async with evening(tmp_path, inside=5) as gate:
        gate.world.enter(6, 1, at=gate.clock.wall() + timedelta(hours=1))
        await gate.pull.once()
        closing = closing_of(gate)
        await closing.press(origin="schedule")
        done = await through(gate, closing)

        assert done["outcomes"] == {"out": 6}
        assert gate.world.inside(1) == set()


async def test_it_goes_on_after_an_outage_and_holds_up_no_guest(tmp_path: Path) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        await closing.press(origin="command")
        await gate.server.unplug()
        async with gate.pushing(), running(closing.run()):
            await asyncio.sleep(0.1)
            assert (await gate.scan(ENTRY, 41)).decision.verdict.admits
            await gate.server.plug()

            async def is_done() -> bool:
                progress = await closing.progress()
                return progress is not None and progress["state"] == "done"

            await until(is_done)
        await gate.push_all()
        assert gate.world.inside(1) == {41}
        assert all(gate.types(one).count("exit") == 1 for one in range(1, 41))


async def test_only_one_at_a_time_and_only_lists_of_this_gate(tmp_path: Path) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        with pytest.raises(GatedError, match="list 99 is not among"):
            await closing.press([99], origin="command")
        with pytest.raises(ClosingBusy, match="nothing to resume"):
            await closing.resume(origin="command")
        await closing.press(origin="command")
        with pytest.raises(ClosingBusy, match="already"):
            await closing.press(origin="command")


async def test_stopping_leaves_the_rest_inside_and_resuming_takes_them_up(tmp_path: Path) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        await closing.press(origin="command")
        await closing.stop(origin="page, admin from ::1")
        stopped = await closing.progress()
        assert stopped is not None
        assert (stopped["state"], stopped["words"]) == ("stopped", "of 40 inside: 40 let be")
        assert len(gate.world.inside(1)) == 40

        await closing.resume(origin="command")
        done = await through(gate, closing)
        assert done["outcomes"] == {"out": 40}
        assert gate.world.inside(1) == set()


async def test_closing_time_is_kept_once_and_not_long_after(tmp_path: Path) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        now, guard = gate.clock.wall(), timedelta(minutes=30)
        assert await closing.press_at(now - timedelta(hours=1), guard=guard) is None
        assert await closing.press_at(now + timedelta(hours=1), guard=guard) is None
        assert len(gate.world.inside(1)) == 40

        due = now - timedelta(minutes=1)
        assert await closing.press_at(due, guard=guard) is not None
        assert (await through(gate, closing))["origin"] == "schedule"
        gate.world.enter(1, 1)
        await gate.pull.once()
        assert await closing.press_at(due, guard=guard) is None
        assert gate.world.inside(1) == {1}
