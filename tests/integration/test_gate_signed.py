"""Tickets on no list yet, while the server cannot be asked: believed by their signature."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rig import LIST, Bench, gate_before_window

from gated.model import Reason, ScanType, State, Verdict
from gated.simulator.dialects import Dialect
from gated.simulator.records import PositionRecord
from gated.simulator.server import TicketServer
from gated.simulator.signing import sign_tickets, signed_code
from gated.simulator.world import World

ENTRY, EXIT = ScanType.ENTRY, ScanType.EXIT
LOOK = (Verdict.ATTENTION, Reason.SIGNED)
DIALECTS = pytest.mark.parametrize("dialect", [Dialect.FORK, Dialect.PRETIX])


@asynccontextmanager
async def away(
    folder: Path, dialect: Dialect = Dialect.PRETIX, world: World | None = None, **changes: Any
) -> AsyncIterator[tuple[Bench, TicketServer]]:
    """A gate that has pulled signed tickets, and then lost the server."""
    world = world or World.made_up(20)
    sign_tickets(world)
    async with (
        TicketServer(world, dialect=dialect) as server,
        gate_before_window(server, folder, gate={"mode": "entry"}, **changes) as bench,
    ):
        await server.unplug()
        yield bench, server


def sold(server: TicketServer, **columns: Any) -> PositionRecord:
    """Somebody buys a ticket that the gate has not heard of."""
    position = server.world.add_order(**columns)
    server.world.rename(position.id, signed_code(position))
    return position


async def scanned(bench: Bench, text: str, kind: ScanType = ENTRY) -> tuple[Verdict, Reason]:
    await bench.parts.desk.set_mode(kind, origin="page")
    decision = (await bench.scan(text)).decision
    return decision.verdict, decision.reason


def types(server: TicketServer, position: PositionRecord) -> list[str]:
    return [row.type for row in server.world.checkins_of(position.id)]


@DIALECTS
async def test_a_ticket_sold_while_the_gate_was_offline_comes_in_and_is_told(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with away(tmp_path, dialect) as (bench, server):
        ticket = sold(server)
        assert await scanned(bench, ticket.secret) == LOOK
        assert (await bench.parts.overview.state())["counts"]["inside"] == 1
        assert await scanned(bench, ticket.secret) == (Verdict.REFUSE, Reason.ALREADY_REDEEMED)
        assert await scanned(bench, ticket.secret, EXIT) == (Verdict.ADMIT, Reason.LEFT)
        assert await scanned(bench, ticket.secret, EXIT) == (Verdict.REFUSE, Reason.ALREADY_LEFT)
        assert await scanned(bench, ticket.secret) == LOOK
        await server.plug()
        scans = [scan for scan in await bench.settled() if scan.verdict.admits]
        assert types(server, ticket) == ["entry", "exit", "entry"]
        # The list has it now, and what happened here is part of its history.
        assert {(scan.position_id, scan.order_code) for scan in scans} == {
            (ticket.id, ticket.order)
        }
        assert await scanned(bench, ticket.secret) == (Verdict.REFUSE, Reason.ALREADY_REDEEMED)
        assert await scanned(bench, ticket.secret, EXIT) == (Verdict.ADMIT, Reason.LEFT)


async def test_a_list_that_brings_the_ticket_before_it_is_told_knows_that_it_is_in(
    tmp_path: Path,
) -> None:
    async with away(tmp_path) as (bench, server):
        ticket = sold(server)
        assert await scanned(bench, ticket.secret) == LOOK
        server.world.tokens["demo-token"].security_profile = "pretixscan"
        await server.plug()
        await bench.parts.sync.pull.once()
        assert await scanned(bench, ticket.secret) == (Verdict.REFUSE, Reason.ALREADY_REDEEMED)
        await bench.settled()
        assert types(server, ticket) == ["entry"]


@DIALECTS
async def test_a_token_that_may_not_list_tickets_tells_them_by_their_code(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with away(tmp_path, dialect, server={"complete_s": 86400.0}) as (bench, server):
        tickets = [sold(server) for _ in range(6)]
        assert any("/" in ticket.secret for ticket in tickets)
        for ticket in tickets:
            assert await scanned(bench, ticket.secret) == LOOK
            assert await scanned(bench, ticket.secret, EXIT) == (Verdict.ADMIT, Reason.LEFT)
        server.world.tokens["demo-token"].security_profile = "pretixscan_online_kiosk"
        await server.plug()
        scans = await bench.settled()
        assert {scan.state for scan in scans} == {State.CONFIRMED}
        assert [types(server, ticket) for ticket in tickets] == [["entry", "exit"]] * 6


@pytest.mark.parametrize(
    ("policy", "entry", "exit_"),
    [
        ("admit", (Verdict.ADMIT, Reason.ENTERED), (Verdict.ATTENTION, Reason.NOT_CHECKED_IN)),
        ("attention", LOOK, (Verdict.ATTENTION, Reason.NOT_CHECKED_IN)),
        ("refuse", (Verdict.REFUSE, Reason.INVALID), (Verdict.REFUSE, Reason.INVALID)),
    ],
)
async def test_the_policy_says_what_a_signature_is_worth(
    tmp_path: Path, policy: str, entry: Any, exit_: Any
) -> None:
    async with away(tmp_path, policy={"signed_tickets": policy}) as (bench, server):
        assert await scanned(bench, sold(server).secret) == entry
        assert await scanned(bench, sold(server).secret, EXIT) == exit_


async def test_what_the_code_says_and_the_server_said_of_it_still_counts(tmp_path: Path) -> None:
    world = World.made_up(20)
    world.lists[LIST].all_products, world.lists[LIST].limit_products = False, [1]
    async with away(tmp_path, world=world) as (bench, server):
        now = bench.hands.wall()
        late = sold(server, valid_until=now - timedelta(hours=1))
        other = sold(server, item=2)
        forged = sold(server).secret
        forged = forged[:10] + ("A" if forged[10] != "A" else "B") + forged[11:]
        assert await scanned(bench, late.secret) == (Verdict.REFUSE, Reason.INVALID_TIME)
        assert await scanned(bench, other.secret) == (Verdict.REFUSE, Reason.PRODUCT)
        assert await scanned(bench, forged) == (Verdict.REFUSE, Reason.INVALID)
        assert await scanned(bench, "1") == (Verdict.REFUSE, Reason.INVALID)


async def test_a_code_that_was_taken_back_is_refused_on_the_way_in_and_let_out(
    tmp_path: Path,
) -> None:
    world = World.made_up(20)
    async with away(tmp_path, world=world) as (bench, server):
        ticket = sold(server)
        await server.plug()
        old = server.world.change_secret(ticket.id, "another")
        can = bench.parts.sync.pull.capabilities
        assert can
        await bench.parts.sync.changes.secrets(can)
        await server.unplug()
        assert await scanned(bench, old) == (Verdict.REFUSE, Reason.REVOKED)
        assert await scanned(bench, old, EXIT) == (Verdict.ATTENTION, Reason.NOT_CHECKED_IN)


async def test_a_code_taken_back_after_its_holder_came_in_is_told_as_a_fact(tmp_path: Path) -> None:
    async with away(tmp_path) as (bench, server):
        ticket = sold(server)
        assert await scanned(bench, ticket.secret) == LOOK
        server.world.change_secret(ticket.id, "another")
        await server.plug()
        (scan,) = await bench.settled()
        assert (scan.state, scan.server_reason) == (State.CONFIRMED, "revoked")
        assert types(server, ticket) == ["entry"]


async def test_where_the_server_can_be_asked_its_word_goes_before_the_signature(
    tmp_path: Path,
) -> None:
    async with away(tmp_path, server={"confirm_timeout_ms": 5000}) as (bench, server):
        known, gone = sold(server), sold(server)
        server.world.cancel_position(gone.id)
        await server.plug()
        async with asyncio.timeout(20):
            while not bench.parts.sync.client.reachable:
                await asyncio.sleep(0.02)
        # What was still on its way to the unplugged server has failed by now.
        await bench.parts.sync.client.version()
        assert await scanned(bench, known.secret) == (Verdict.ADMIT, Reason.ENTERED)
        assert (await scanned(bench, gone.secret))[0] is Verdict.REFUSE
