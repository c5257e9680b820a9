"""A gate with a turnstile: what the server hears of guests who pass, and of those who do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rig import LIST, Bench, gate_before_window

from gated.model import BY_PASSAGE, Reason, Scan, ScanType, State, Verdict
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import granted, ledger

RELAY, SENSOR = 5, 6
TURNSTILE = {"relay": RELAY, "sensor": SENSOR, "timeout_s": 1.0}


@pytest.fixture(params=[Dialect.FORK, Dialect.PRETIX], ids=["fork", "pretix"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[TicketServer]:
    world = World.made_up(20, seed=5)
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
    world.lists[LIST].allow_multiple_entries = False
    world.lists[LIST].allow_entry_after_exit = False
    async with TicketServer(world, dialect=request.param) as running:
        yield running


@asynccontextmanager
async def gate(server: TicketServer, folder: Path, **passage: Any) -> AsyncIterator[Bench]:
    panel = {"pin_factory": "mock", "passage": {**TURNSTILE, **passage}}
    async with gate_before_window(server, folder, gate={"mode": "entry"}, panel=panel) as bench:
        yield bench


async def walk(bench: Bench) -> None:
    sensor = bench.pins.pin(SENSOR)
    sensor.drive_low()
    await asyncio.sleep(0.06)
    sensor.drive_high()
    await asyncio.sleep(0.06)  # the gap behind a guest, or two are one


async def ledger_when(bench: Bench, *states: str) -> list[Scan]:
    """The ledger as soon as its rows are in these states."""
    scans: list[Scan] = []
    for _ in range(1000):
        scans = await bench.parts.store.read(lambda db: list(ledger.every(db)))
        if [str(one.state) for one in scans] == list(states):
            return scans
        await asyncio.sleep(0.02)
    raise AssertionError(scans)


async def test_the_server_hears_of_an_entry_when_the_guest_has_passed(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    async with gate(server, tmp_path, timeout_s=30.0) as bench:
        await bench.scan(world.positions[1].secret)
        assert bench.pins.pin(RELAY).state == 1
        await asyncio.sleep(0.5)
        told_before = world.inside(LIST)
        await walk(bench)
        scans = await bench.settled()

    assert told_before == set()
    assert world.inside(LIST) == {1}
    assert [scan.passage for scan in scans] == ["passed"]


async def test_an_entry_nobody_used_is_never_told_and_the_ticket_enters_where_once_is_all(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    async with gate(server, tmp_path) as bench:
        await server.unplug()
        await bench.scan(world.positions[1].secret)
        await ledger_when(bench, "annulled")
        await server.plug()
        # The same guest at once: not "shown again", for nobody passed.
        bench.window.hold_up(world.positions[1].secret)
        again = await asyncio.wait_for(bench.answers.get(), 10)
        await walk(bench)
        scans = await bench.settled()

    assert again.decision.reason is Reason.ENTERED
    assert [str(scan.state) for scan in scans] == ["annulled", "confirmed"]
    assert [row.type for row in world.checkins_of(1, LIST)] == ["entry"]


async def test_told_already_and_annulled_by_staff_it_is_taken_back_and_the_ticket_enters_again(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    async with gate(server, tmp_path, timeout_s=60.0) as bench:
        first = await bench.scan(world.positions[1].secret)
        await walk(bench)
        await bench.settled()
        refused = await bench.scan(world.positions[1].secret)
        await bench.parts.desk.annul(first.scans[0].nonce, origin="page")
        await bench.settled()
        inside = world.inside(LIST)
        again = await bench.scan(world.positions[1].secret)
        await walk(bench)
        scans = await bench.settled()
        counts = await bench.parts.store.read(lambda db: ledger.counts(db, [LIST]))
        acts = await bench.parts.store.read(ledger.acts)

    assert refused.decision.reason is Reason.ALREADY_REDEEMED
    assert inside == set()
    assert again.decision == first.decision
    assert world.inside(LIST) == {1}
    assert [act.what for act in acts] == ["mode", "annul"]
    assert (counts.entries, counts.exits, counts.inside) == (1, 0, 1)
    told = [row.type for row in world.checkins_of(1, LIST)]
    mine = [scan for scan in scans if scan.verdict is not Verdict.REFUSE]
    if server.dialect is Dialect.PRETIX:
        assert told == ["entry"]
        assert mine[0].server_message == "nobody passed; annulled at the server"
    else:
        assert told == ["entry", "exit", "entry"]
        assert mine[0].server_message == "nobody passed; made up for by an exit"
        assert [(scan.type, scan.eye) for scan in mine][1] == (ScanType.EXIT, BY_PASSAGE)
    assert mine[0].state is State.ANNULLED
    assert mine[-1].state is State.CONFIRMED


async def test_annulled_without_the_server_it_counts_no_more_at_once_and_is_taken_back_later(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    async with gate(server, tmp_path, timeout_s=60.0) as bench:
        first = await bench.scan(world.positions[1].secret)
        await walk(bench)
        await bench.settled()
        await server.unplug()
        # Too late for pretix to take it back: an exit makes up for it there, too.
        bench.hands.advance(1200)
        await bench.parts.desk.annul(first.scans[0].nonce, origin="command")
        inside_here = await bench.parts.store.read(lambda db: ledger.inside(db, [LIST]))
        again = await bench.scan(world.positions[1].secret)
        await walk(bench)
        await server.plug()
        await bench.settled()

    assert inside_here == set()
    assert again.decision.reason is Reason.ENTERED
    # In the order of events, whatever the order in which the server heard of them.
    told = sorted(world.checkins_of(1, LIST), key=lambda row: row.datetime)
    assert [row.type for row in told] == ["entry", "exit", "entry"]
    assert world.inside(LIST) == {1}


async def test_annulled_before_the_server_heard_of_it_there_is_nothing_to_make_up_for(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    async with gate(server, tmp_path, timeout_s=60.0) as bench:
        lost = server.faults.add(Fault.RESET_BEFORE_COMMIT, path="/redeem/")
        first = await bench.scan(world.positions[1].secret)
        await walk(bench)
        # Begun, so that the server may have heard of it; it has not.
        while not (await bench.parts.store.read(lambda db: list(ledger.every(db))))[0].attempts:
            await asyncio.sleep(0.02)
        await bench.parts.desk.annul(first.scans[0].nonce, origin="page")
        server.faults.remove(lost)
        scans = await bench.settled()

    assert [(scan.type, scan.state) for scan in scans] == [(ScanType.ENTRY, State.ANNULLED)]
    assert scans[0].server_message == "nobody passed; it was never told"
    assert world.checkins_of(1, LIST) == []


async def test_what_makes_up_for_an_entry_is_owed_once_however_often_it_is_begun(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    async with gate(server, tmp_path, timeout_s=60.0) as bench:
        await bench.scan(world.positions[1].secret)
        await walk(bench)
        (entry,) = await bench.settled()
        # As by a gate that was killed before it wrote down that it had.
        owe = partial(granted.compensate, scan=entry, at=bench.hands.wall())
        await bench.parts.store.write(owe)
        await bench.parts.store.write(owe)
        bench.parts.sync.push.wake()
        scans = await bench.settled()

    assert [scan.type for scan in scans] == [ScanType.ENTRY, ScanType.EXIT]
    assert [row.type for row in world.checkins_of(1, LIST)] == ["entry", "exit"]


async def test_a_sensor_that_is_dead_holds_up_no_guest_and_loses_none(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    guests = range(1, 7)
    async with gate(server, tmp_path) as bench:
        for number in guests:
            answer = await bench.scan(world.positions[number].secret)
            assert answer.decision.verdict is Verdict.ADMIT
            if number < 3:
                await ledger_when(bench, *["annulled"] * number)
        for _ in range(500):
            if world.inside(LIST) == set(guests):
                break
            await asyncio.sleep(0.02)
        state = await bench.parts.overview.state()

    assert world.inside(LIST) == set(guests)
    assert any(one["part"] == "passage" and "dead" in one["words"] for one in state["health"])
