"""Everybody checked out at closing time: each who was inside exactly once, and nobody else."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from gate_bench import ENTRY, EXIT, FORK, PRETIX, Bench, bench, running, sell, small_world, until

from gated.errors import ClosingBusy, GatedError
from gated.simulator.faults import Fault
from gated.store import closings, ledger
from gated.sync import checkout_all
from gated.sync.checkout_all import CheckOutAll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gated.simulator.dialects import Dialect


def closing_of(gate: Bench, **changes: Any) -> CheckOutAll:
    made = CheckOutAll(
        gate.client,
        gate.store,
        gate.clock,
        gate.health,
        capabilities=lambda: gate.pull.capabilities,
        read_list=gate.pull.once,
        on_owed=gate.push.wake,
        on_change=lambda: None,
        **{"settle_s": 0.01, "again_s": 0.01, **changes},
    )
    gate.push._on_settled = made.settled
    return made


@asynccontextmanager
async def evening(
    folder: Path, dialect: Dialect = FORK, *, inside: int = 40, outside: int = 10, **more: Any
) -> AsyncIterator[Bench]:
    """A gate that knows its list; so many guests are inside, by entries elsewhere."""
    world = small_world(inside + outside)
    for position in list(world.positions)[:inside]:
        world.enter(position, 1)
    async with bench(folder, dialect, world=world, **more) as gate:
        await gate.ready()
        yield gate


async def through(gate: Bench, closing: CheckOutAll) -> dict[str, Any]:
    """Let it run until it is through."""

    async def is_through() -> bool:
        progress = await closing.progress()
        return progress is not None and progress["state"] != "going"

    async with gate.pushing(), running(closing.run()):
        await until(is_through)
    progress = await closing.progress()
    assert progress is not None
    return progress


async def acts(gate: Bench) -> list[tuple[str, str]]:
    found = await gate.store.read(ledger.acts)
    return [(act.origin, act.detail) for act in found if act.what == "checkout_all"]


async def words_of(gate: Bench) -> dict[int, tuple[str, str]]:
    last = await gate.store.read(closings.latest)
    assert last is not None
    people = await gate.store.read(lambda db: list(closings.people(db, last)))
    return {one.position_id: (one.outcome, one.words) for one in people}


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


# In bulk.


async def test_in_bulk_the_server_is_asked_once_and_every_difference_is_listed(
    tmp_path: Path,
) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        ahead = sell(gate.world).id
        gate.world.enter(ahead, 1, at=gate.clock.wall() + timedelta(hours=1))
        await gate.pull.once()
        unknown = sell(gate.world).id
        gate.world.enter(unknown, 1)
        pressed = await closing.press(bulk=True, origin="command")
        gate.world.leave(1, 1)
        gate.world.leave(2, 1)
        gate.world.enter(2, 1)
        gate.server.requests.clear()
        done = await through(gate, closing)

        sent = [one for one in gate.server.requests if one.path.endswith("/bulk/")]
        assert len(sent) == 1
        assert sent[0].body["checkin_lists"] == [1]
        assert gate.world.inside(1) == {2, ahead}
        assert done["state"] == "failed"
        told = await words_of(gate)
        assert told[1] == ("left", "not among those the server named")
        assert told[2][0] == "out"
        assert told[3] == ("out", "")
        assert told[ahead][0] == "inside"
        assert "dated after the press" in told[ahead][1]
        assert told[unknown] == ("extra", "was not inside at the press by what we knew")
        assert done["outcomes"] == {"left": 1, "out": 39, "inside": 1, "extra": 1}

        await closing.resume(origin="command")
        assert (await through(gate, closing))["state"] == "done"
        assert gate.world.inside(1) == {2}
        assert pressed.way == "bulk"


@pytest.mark.parametrize("fault", [Fault.WORKER_KILLED, Fault.RESET_AFTER_COMMIT, Fault.HTML_500])
async def test_in_bulk_no_answer_is_read_back_and_never_asked_again(
    tmp_path: Path, fault: Fault
) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        await closing.press(bulk=True, origin="command")
        gate.server.requests.clear()
        gate.server.faults.add(fault, path="/bulk/")
        done = await through(gate, closing)
        gate.server.faults.clear()

        assert sum(one.path.endswith("/bulk/") for one in gate.server.requests) == 1
        did_it = fault is Fault.RESET_AFTER_COMMIT
        assert done["outcomes"] == ({"out": 40} if did_it else {"inside": 40})
        assert done["state"] == ("done" if did_it else "failed")
        assert gate.world.inside(1) == (set() if did_it else set(range(1, 41)))
        if not did_it:
            await closing.resume(origin="command")
            assert (await through(gate, closing))["outcomes"] == {"out": 40}
            assert gate.world.inside(1) == set()


async def test_in_bulk_a_restart_reads_back_instead_of_asking_again(tmp_path: Path) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        pressed = await closing.press(bulk=True, origin="command")
        await gate.store.write(lambda db: closings.asked(db, pressed, at=gate.clock.wall()))
        gate.server.requests.clear()
        done = await through(gate, closing_of(gate))

        assert not any(one.path.endswith("/bulk/") for one in gate.server.requests)
        assert done["outcomes"] == {"inside": 40}


async def test_who_walked_out_during_a_bulk_that_never_was_is_told_by_themselves(
    tmp_path: Path,
) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        pressed = await closing.press(bulk=True, origin="command")
        await gate.store.write(lambda db: closings.asked(db, pressed, at=gate.clock.wall()))
        assert (await gate.scan(EXIT, 7)).decision.verdict.admits
        done = await through(gate, closing)
        await gate.push_all()

        assert done["outcomes"] == {"left": 1, "inside": 39}
        assert gate.types(7) == ["entry", "exit"]


async def test_bulk_is_refused_where_it_cannot_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        await gate.scan(EXIT, 1)
        with pytest.raises(GatedError, match="1 scans are still to be told"):
            await closing.press(bulk=True, origin="command")
        await gate.push_all()
        monkeypatch.setattr(checkout_all, "MOST_IN_BULK", 38)
        with pytest.raises(GatedError, match="39 are inside"):
            await closing.press(bulk=True, origin="command")
        await gate.server.unplug()
        with pytest.raises(GatedError, match="cannot be asked"):
            await closing.press(bulk=True, origin="command")
    async with evening(tmp_path / "pretix", PRETIX) as gate:
        with pytest.raises(GatedError, match="no checkout/bulk"):
            await closing_of(gate).press(bulk=True, origin="command")


async def test_no_list_at_all_is_never_sent(tmp_path: Path) -> None:
    async with evening(tmp_path, inside=1) as gate:
        with pytest.raises(ValueError, match="every list"):
            await gate.client.check_out_all([], at=gate.clock.wall(), key="k", timeout_s=1)
