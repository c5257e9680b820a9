"""A box without a clock of its own: what it is told, what it decides, what it tells the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rig import Bench, Hands, gate_before_window

from gated.health import Level
from gated.model import Reason, ScanType, Trust, Verdict
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.server import TicketServer
from gated.simulator.world import World

YEARS = timedelta(days=20_000)
LITTLE = timedelta(seconds=2)


@asynccontextmanager
async def started_again(
    server: TicketServer, folder: Path, hands: Hands, **changes: dict[str, Any]
) -> AsyncIterator[Bench]:
    """A gate that has pulled before, started without network."""
    async with gate_before_window(server, folder, gate={"mode": "entry"}):
        pass
    await server.unplug()
    async with gate_before_window(
        server, folder, pulled=False, hands=hands, gate={"mode": "entry"}, **changes
    ) as bench:
        yield bench


async def trusted(bench: Bench, trust: Trust) -> None:
    """Wait until the gate's clock is that well known."""
    async with asyncio.timeout(20):
        while bench.hands.clock.trust is not trust:
            await asyncio.sleep(0.02)


def off(server: TicketServer, position: int, happened: datetime) -> timedelta:
    """How far the server's record of the entry is from when it happened."""
    (row,) = server.world.checkins_of(position)
    return abs(row.datetime - happened)


async def test_entries_stamped_in_1970_are_told_with_the_time_they_happened(tmp_path: Path) -> None:
    hands = Hands(off=-YEARS, synchronised=False, boot_id="second")
    async with (
        TicketServer(World.made_up(20)) as server,
        started_again(server, tmp_path, hands) as bench,
    ):
        secrets = [server.world.positions[number].secret for number in (1, 2)]
        happened = []
        for secret in secrets:
            shown = await bench.scan(secret)
            happened.append(hands.wall())
            assert shown.decision.verdict is Verdict.ADMIT
            assert shown.scans[0].at.year < 1980
        assert (await bench.parts.overview.state())["clock"]["trust"] == "unknown"
        hands.advance(3600)
        await server.plug()
        scans = await bench.settled()
        assert [scan.clock for scan in scans] == [Trust.CORRECTED, Trust.CORRECTED]
        for position, at in zip((1, 2), happened, strict=True):
            assert off(server, position, at) <= LITTLE
        await trusted(bench, Trust.LEARNT)
        state = await bench.parts.overview.state()
    assert state["clock"]["words"].endswith(" s slow")
    assert abs(state["clock"]["off_s"] + YEARS.total_seconds()) <= 30


async def test_a_clock_that_is_synchronised_in_the_middle_dates_what_came_before(
    tmp_path: Path,
) -> None:
    hands = Hands(off=YEARS, synchronised=False, boot_id="second")
    async with (
        TicketServer(World.made_up(20)) as server,
        started_again(server, tmp_path, hands) as bench,
    ):
        await bench.scan(server.world.positions[1].secret)
        happened = hands.wall()
        hands.off, hands.synchronised = timedelta(), True
        await trusted(bench, Trust.SYNCHRONISED)
        assert (await bench.scan(server.world.positions[2].secret)).scans[
            0
        ].clock is hands.clock.trust
        server.faults.add(Fault.WRONG_DATE)
        await server.plug()
        first, second = await bench.settled()
        assert (first.clock, second.clock) == (Trust.CORRECTED, Trust.SYNCHRONISED)
        assert off(server, 1, happened) <= LITTLE


async def test_a_server_with_a_wrong_date_cannot_shift_a_synchronised_gate(tmp_path: Path) -> None:
    async with TicketServer(World.made_up(20)) as server:
        server.faults.add(Fault.WRONG_DATE)
        async with gate_before_window(server, tmp_path, gate={"mode": "entry"}) as bench:
            await bench.scan(server.world.positions[1].secret)
            happened = bench.hands.wall()
            await bench.settled()
            assert bench.hands.clock.trust is Trust.SYNCHRONISED
            assert off(server, 1, happened) <= LITTLE


@pytest.mark.parametrize("synchronised", [True, False])
async def test_a_clock_that_jumps_by_years_between_scans_breaks_nothing(
    tmp_path: Path, synchronised: bool
) -> None:
    hands = Hands(synchronised=synchronised)
    async with (
        TicketServer(World.made_up(20)) as server,
        gate_before_window(server, tmp_path, hands=hands, gate={"mode": "entry"}) as bench,
    ):
        secret = server.world.positions[1].secret
        happened = []
        for kind, jump in (
            (ScanType.ENTRY, YEARS),
            (ScanType.EXIT, -2 * YEARS),
            (ScanType.ENTRY, YEARS),
            (ScanType.EXIT, YEARS),
        ):
            await bench.parts.desk.set_mode(kind, origin="page")
            hands.off += jump
            await bench.parts.sync.timekeeper.look()
            shown = await bench.scan(secret)
            assert shown.decision.verdict is Verdict.ADMIT, shown
            happened.append(hands.wall())
        scans = await bench.settled()
        assert [scan.state for scan in scans] == ["confirmed"] * 4
        rows = server.world.checkins_of(1)
        assert [row.type for row in rows] == ["entry", "exit", "entry", "exit"]
        assert all(abs(row.datetime - at) <= LITTLE for row, at in zip(rows, happened, strict=True))
        assert (await bench.parts.overview.state())["list"]["age_s"] < 3600


async def test_what_was_learnt_of_a_boot_survives_a_restart_without_network(tmp_path: Path) -> None:
    hands = Hands(off=-YEARS, synchronised=False)
    async with TicketServer(World.made_up(20)) as server:
        async with gate_before_window(server, tmp_path, hands=hands) as bench:
            await trusted(bench, Trust.LEARNT)
            await bench.parts.sync.timekeeper.look()
        await server.unplug()
        again = Hands(off=YEARS, synchronised=False)
        async with gate_before_window(
            server, tmp_path, pulled=False, hands=again, gate={"mode": "entry"}
        ) as bench:
            shown = await bench.scan(server.world.positions[1].secret)
            assert shown.scans[0].clock is Trust.LEARNT
            assert abs(shown.scans[0].at - again.wall()) <= LITTLE


async def test_while_the_time_is_unknown_a_ticket_out_of_its_dates_is_flagged_not_refused(
    tmp_path: Path,
) -> None:
    world = World.made_up(20)
    world.positions[1].valid_from = world.clock() - timedelta(hours=1)
    world.positions[2].valid_until = world.clock() - timedelta(hours=1)
    hands = Hands(off=-YEARS, synchronised=False, boot_id="second")
    async with (
        TicketServer(world, dialect=Dialect.PRETIX) as server,
        started_again(server, tmp_path, hands) as bench,
    ):
        early, late = [
            (await bench.scan(world.positions[number].secret)).decision for number in (1, 2)
        ]
        warned = bench.parts.health.of("clock")
        await server.plug()
        await trusted(bench, Trust.LEARNT)
        await bench.settled()
    assert (early.verdict, early.reason) == (Verdict.ATTENTION, Reason.INVALID_TIME)
    assert (late.verdict, late.reason) == (Verdict.ADMIT, Reason.ENTERED)
    assert warned
    assert warned.level is Level.WARNING
