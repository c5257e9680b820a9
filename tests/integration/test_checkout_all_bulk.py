"""Everybody checked out by the server: asked once a list, and every difference listed.

The suite does it with a few hundred and a worker that lives half a second; `make evening` with
5,000 (EVENING_GUESTS) and the fork's own thirty.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from closing_bench import closing_of, evening, through, words_of
from gate_bench import ENTRY, EXIT, PRETIX, Bench, running, sell

from gated.errors import GatedError
from gated.simulator.faults import Fault
from gated.store import bulk
from gated.sync.push import Patience

if TYPE_CHECKING:
    from gated.simulator.received import ReceivedRequest
    from gated.sync.checkout_all import CheckOutAll

GUESTS = int(os.environ.get("EVENING_GUESTS", "300"))
IS_LONG = "EVENING_GUESTS" in os.environ
LIMIT_S = 30.0 if IS_LONG else 0.5
PERSON_S = 0.0066 if IS_LONG else 1.1 * LIMIT_S / GUESTS
"""So that everybody at once takes a tenth longer than a worker lives, as measured with 5,000."""


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
        assert told[2] == ("came back", "")
        assert told[3] == ("out", "")
        assert told[ahead][0] == "inside"
        assert "dated after the press" in told[ahead][1]
        assert told[unknown] == ("extra", "was not inside at the press by what we knew")
        assert done["outcomes"] == {
            "left": 1,
            "came back": 1,
            "out": 38,
            "inside": 1,
            "extra": 1,
        }

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
        await gate.store.write(lambda db: bulk.asking(db, pressed, 1, at=gate.clock.wall()))
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
        await gate.store.write(lambda db: bulk.asking(db, pressed, 1, at=gate.clock.wall()))
        assert (await gate.scan(EXIT, 7)).decision.verdict.admits
        done = await through(gate, closing)
        await gate.push_all()

        assert done["outcomes"] == {"left": 1, "inside": 39}
        assert gate.types(7) == ["entry", "exit"]


async def test_bulk_is_refused_where_it_cannot_be_trusted(tmp_path: Path) -> None:
    async with evening(tmp_path) as gate:
        closing = closing_of(gate)
        await gate.scan(EXIT, 1)
        with pytest.raises(GatedError, match="1 scans are still to be told"):
            await closing.press(bulk=True, origin="command")
        await gate.push_all()
        assert await closing.no_bulk() == ""
        few = closing_of(gate, most=38)
        with pytest.raises(GatedError, match="39 are inside on list 1, and more than 38"):
            await few.press(bulk=True, origin="command")
        assert (await few.no_bulk()).startswith("39 are inside")
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


async def test_after_a_restart_no_further_list_is_asked_for_while_one_has_no_answer(
    tmp_path: Path,
) -> None:
    async with evening(tmp_path, inside=9, lists=(1, 2, 3)) as gate:
        pressed = await closing_of(gate).press(bulk=True, origin="command")
        await gate.store.write(lambda db: bulk.asking(db, pressed, 1, at=gate.clock.wall()))
        await gate.store.write(lambda db: bulk.answered(db, pressed, 1, named=[1, 4, 7]))
        await gate.store.write(lambda db: bulk.asking(db, pressed, 2, at=gate.clock.wall()))
        for position in (1, 4):
            gate.world.leave(position, 1, at=pressed.at)
        await through(gate, closing_of(gate))

        assert not gate.server.requests.matching("/bulk/")
        told = await words_of(gate)
        assert told[1] == ("out", "")
        assert told[7] == ("inside", "the server named it, but does not list its exit")
        assert told[2] == ("inside", "the server gave no answer; read back afterwards")
        assert told[3] == ("inside", "the server was not asked for this list")


async def test_a_no_of_the_server_is_told_and_nothing_was_done(tmp_path: Path) -> None:
    async with evening(tmp_path, inside=6, lists=(1, 2, 3)) as gate:
        closing = closing_of(gate)
        await closing.press(bulk=True, origin="command")
        gate.server.requests.clear()
        # The organiser deletes the list, and thinks better of it.
        second = gate.world.lists.pop(2)

        def restore(request: ReceivedRequest) -> None:
            if request.status == 400:
                gate.world.lists[2] = second

        gate.server.on_answer = restore
        done = await through(gate, closing)

        asked = gate.server.requests.matching("/bulk/")
        assert [one.body["checkin_lists"] for one in asked] == [[1], [2]]
        assert (done["state"], done["outcomes"]) == ("failed", {"out": 2, "inside": 4})
        assert "Invalid checkin list IDs: 2" in done["words"]
        told = await words_of(gate)
        assert "Invalid checkin list IDs: 2" in told[2][1]
        assert told[3] == ("inside", "the server was not asked for this list")


# People who come and go while the server is at it, and a worker that is killed.


def slow_evening(folder: Path, lists: tuple[int, ...] = (1,)) -> AbstractAsyncContextManager[Bench]:
    """A house full of guests, and a gate as patient as the server's workers are long-lived."""
    unit = LIMIT_S / 30
    patience = Patience(
        first_s=unit,
        longest_s=60 * unit,
        rest_s=5 * unit,
        longest_rest_s=60 * unit,
        locked_s=LIMIT_S,
    )
    return evening(folder, inside=GUESTS, outside=10, lists=lists, patience=patience, timeout_s=30)


async def come_and_go(gate: Bench) -> tuple[int, int]:
    """As soon as the server is at it: 1 and 4 leave here, 2 and 5 elsewhere; 4 and 5 come back.

    Two come in for the first time, one here and one elsewhere, who are told.
    """
    await gate.server.requests.arrived("/bulk/")
    here, elsewhere = GUESTS + 1, GUESTS + 2
    for kind, position in ((EXIT, 1), (EXIT, 4), (ENTRY, 4), (ENTRY, here)):
        assert (await gate.scan(kind, position)).decision.verdict.admits
    lists = gate.client.lists
    for position in (2, 5):
        gate.world.leave(position, lists[1 % len(lists)])
    gate.world.enter(5, lists[1 % len(lists)])
    gate.world.enter(elsewhere, 1)
    return here, elsewhere


async def closed(gate: Bench, closing: CheckOutAll) -> dict[str, object]:
    """Wait until it is through, and everything is told."""
    while (progress := await closing.progress()) is None or progress["state"] == "going":
        await asyncio.sleep(0.02)
    while await gate.waiting():
        await asyncio.sleep(0.02)
    return progress


def exits(gate: Bench, position: int) -> int:
    return sum(row.type == "exit" for row in gate.world.checkins_of(position))


def all_inside(gate: Bench) -> set[int]:
    return set().union(*(gate.world.inside(one) for one in gate.client.lists))


@pytest.mark.timeout(1800)
async def test_a_worker_killed_over_too_many_leaves_everybody_listed_and_resumable(
    tmp_path: Path,
) -> None:
    async with slow_evening(tmp_path) as gate:
        closing = closing_of(gate, most=2 * GUESTS, settle_s=LIMIT_S)
        gate.server.faults.add(Fault.SLOW_BULK, path="/bulk/", limit_s=LIMIT_S, person_s=PERSON_S)
        async with gate.pushing(), running(closing.run()):
            await closing.press(bulk=True, origin="command")
            newcomers = await come_and_go(gate)
            done = await closed(gate, closing)

            assert done["state"] == "failed"
            assert done["outcomes"] == {"left": 2, "came back": 2, "inside": GUESTS - 4}
            told = await words_of(gate)
            assert set(told) == set(range(1, GUESTS + 1))
            assert told[3] == ("inside", "the server gave no answer; read back afterwards")
            assert all_inside(gate) == {*range(3, GUESTS + 1), *newcomers}

            await closing.resume(origin="command")
            done = await closed(gate, closing)

        assert done["state"] == "done"
        assert done["outcomes"] == {"left": 2, "came back": 2, "out": GUESTS - 4}
        assert [one.status for one in gate.server.requests.matching("/bulk/")] in ([None], [])
        assert all_inside(gate) == {4, 5, *newcomers}
        assert {one for one in gate.world.positions if exits(gate, one) != 1} == {
            *range(GUESTS + 1, GUESTS + 11)
        }
        assert {scan.state for scan in await gate.scans()} == {"confirmed"}


@pytest.mark.timeout(1800)
async def test_list_by_list_it_fits_and_every_difference_is_listed(tmp_path: Path) -> None:
    async with slow_evening(tmp_path, lists=(1, 2, 3)) as gate:
        closing = closing_of(gate, most=GUESTS // 3 + 1)
        gate.server.faults.add(Fault.SLOW_BULK, path="/bulk/", limit_s=LIMIT_S, person_s=PERSON_S)
        async with gate.pushing(), running(closing.run()):
            await closing.press(bulk=True, origin="command")
            here, elsewhere = await come_and_go(gate)
            done = await closed(gate, closing)

        asked = gate.server.requests.matching("/bulk/")
        assert [(one.body["checkin_lists"], one.status) for one in asked] == [
            ([1], 200),
            ([2], 200),
            ([3], 200),
        ]
        assert done["state"] == "done"
        assert done["outcomes"] == {"left": 1, "came back": 2, "out": GUESTS - 3, "came later": 1}
        told = await words_of(gate)
        assert told[1] == ("out", "")
        assert told[4][0] == told[5][0] == "came back"
        assert told[2] == ("left", "not among those the server named")
        assert told[elsewhere] == (
            "came later",
            "the exit is dated before the entry, and ends nothing",
        )
        assert set(told) == {*range(1, GUESTS + 1), elsewhere}
        assert all_inside(gate) == {4, 5, here, elsewhere}
        assert all(exits(gate, one) == 1 for one in range(1, GUESTS + 1) if one != 5)
        assert not [scan for scan in await gate.scans() if scan.state == "shelved"]
