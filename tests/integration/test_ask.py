"""Ask before red: one look at the server for one ticket, and never a guest who waits for it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from gate_bench import (
    ENTRY,
    EXIT,
    FORK,
    PRETIX,
    Bench,
    bench,
    running,
    sell,
    small_world,
    until,
    until_true,
)

from gated.model import ScanType, Sighting
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.received import ReceivedRequest
from gated.simulator.records import Kind, TokenRights
from gated.sync.ask import Asker

PATIENT = 5000

both = pytest.mark.parametrize("dialect", [FORK, PRETIX])


def questions(gate: Bench) -> list[ReceivedRequest]:
    return [request for request in gate.server.requests if "secret" in request.query]


def sighting(kind: ScanType, code: str) -> Sighting:
    return Sighting(code, "QRCode", kind, time.monotonic())


@both
async def test_a_ticket_sold_a_moment_ago_turns_the_lamp_green(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, confirm_timeout_ms=PATIENT, pins=True) as gate:
        await gate.ready()
        new = sell(gate.world)
        shown = await gate.scan(ENTRY, new.id)
        assert (shown.decision.verdict, shown.asked) == ("admit", True)
        assert (gate.panel.lamps().green, gate.panel.lamps().red) == (True, False)
        (scan,) = await gate.push_all()
        assert (scan.position_id, gate.types(new.id)) == (new.id, ["entry"])


@both
async def test_who_came_in_through_another_gate_may_leave_through_this(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        gate.world.enter(1, 1)
        shown = await gate.scan(EXIT, 1)
        assert (shown.decision.verdict, shown.decision.reason) == ("admit", "left")


@both
async def test_who_left_through_another_gate_may_come_back_through_this(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, confirm_timeout_ms=PATIENT) as gate:
        gate.world.enter(1, 1)
        await gate.ready()
        gate.world.leave(1, 1)
        shown = await gate.scan(ENTRY, 1)
        assert (shown.decision.verdict, shown.decision.reason) == ("admit", "entered")


@both
async def test_who_paid_a_moment_ago_may_come_in(tmp_path: Path, dialect: Dialect) -> None:
    async with bench(tmp_path, dialect, confirm_timeout_ms=PATIENT) as gate:
        order = gate.world.positions[1].order
        gate.world.orders[order].status = "n"
        await gate.ready()
        gate.world.pay(order)
        assert (await gate.scan(ENTRY, 1)).decision.reason == "entered"


@both
async def test_a_red_that_the_server_agrees_with_stays_red(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, confirm_timeout_ms=PATIENT, pins=True) as gate:
        await gate.ready()
        shown = await gate.scan(EXIT, 1)
        assert (shown.decision.verdict, shown.decision.reason) == ("refuse", "not_checked_in")
        assert (gate.panel.lamps().green, gate.panel.lamps().red) == (False, True)
        shown = await gate.scan(ENTRY, "a code of nobody")
        assert (shown.decision.verdict, shown.decision.reason) == ("refuse", "invalid")
        assert len(await gate.scans()) == 2


@both
async def test_the_first_guest_of_the_day_need_not_wait_for_the_list(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, confirm_timeout_ms=PATIENT) as gate:
        await gate.pull.probe()
        assert (await gate.scan(ENTRY, 1)).decision.reason == "entered"


async def test_nobody_is_asked_about_a_green_lamp(tmp_path: Path) -> None:
    async with bench(tmp_path, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        await gate.scan(ENTRY, 1)
        await gate.scan(EXIT, 1)
        assert len(gate.server.requests) == 0


async def test_our_own_entry_counts_though_the_server_does_not_know_it_yet(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        await gate.scan(ENTRY, 1)
        shown = await gate.scan(ENTRY, 1)
        assert (shown.decision.reason, shown.asked) == ("already_redeemed", True)


@both
async def test_a_ticket_that_slipped_between_two_pages_still_comes_in(
    tmp_path: Path, dialect: Dialect
) -> None:
    world = small_world(120)
    async with bench(tmp_path, dialect, world=world, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()

        def swap() -> None:
            world.cancel_position(1)
            sell(world)

        # The count is the same, so nobody can tell that guest 51 moved to a page read before.
        gate.after_page(1, swap)
        assert (await gate.pull.once()).vanished == 1
        gate.server.requests.clear()
        shown = await gate.scan(ENTRY, 51)
        assert (shown.decision.verdict, shown.asked) == ("admit", True)
        assert (await gate.scan(ENTRY, 50)).decision.verdict == "admit"


@both
async def test_a_server_that_is_too_slow_turns_nobody_honest_red(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, confirm_timeout_ms=50, pins=True) as gate:
        await gate.ready()
        gate.world.enter(1, 1)
        gate.server.faults.add(Fault.LATENCY, latency_s=0.5)
        shown = await gate.scan(EXIT, 1)
        assert (shown.decision.verdict, shown.decision.reason) == ("attention", "not_checked_in")
        assert gate.panel.lamps().green
        assert len(questions(gate)) == 1
        # A slow answer is no reason to take the server for gone.
        assert gate.client.reachable


async def test_others_are_answered_while_one_waits_for_the_servers_word(tmp_path: Path) -> None:
    async with bench(tmp_path, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        new = sell(gate.world)
        slow = gate.server.faults.add(Fault.LATENCY, latency_s=1.5)
        sightings: asyncio.Queue[Sighting | None] = asyncio.Queue()
        async with running(gate.gate.run(sightings)):
            sightings.put_nowait(sighting(ENTRY, new.secret))
            await until_true(lambda: slow.hits > 0)
            for position in range(1, 9):
                sightings.put_nowait(sighting(ENTRY, gate.secret(position)))

            async def are_answered() -> bool:
                return len(await gate.scans()) == 9

            await until(are_answered)
        assert [scan.position_id for scan in await gate.scans()] == [*range(1, 9), new.id]


@pytest.mark.parametrize("fault", [Fault.HTML_500, Fault.CAPTIVE_PORTAL, Fault.TRUNCATED_BODY])
async def test_an_answer_that_is_none_turns_nobody_honest_red(tmp_path: Path, fault: Fault) -> None:
    async with bench(tmp_path, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        gate.server.faults.add(fault, times=1)
        shown = await gate.scan(EXIT, 1)
        assert (shown.decision.verdict, shown.asked) == ("attention", True)


async def test_a_server_that_is_known_to_be_away_is_not_asked(tmp_path: Path) -> None:
    async with bench(tmp_path, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        await gate.server.unplug()
        first = await gate.scan(EXIT, 1)
        second = await gate.scan(EXIT, 2)
        assert [first.asked, second.asked] == [True, False]
        assert [first.decision.verdict, second.decision.verdict] == ["attention", "attention"]
        await gate.server.plug()
        await gate.pull.once()
        assert (await gate.scan(EXIT, 3)).asked


async def test_a_gate_that_never_heard_of_its_server_does_not_ask(tmp_path: Path) -> None:
    async with bench(tmp_path, confirm_timeout_ms=PATIENT) as gate:
        shown = await gate.scan(ENTRY, 1)
        assert (shown.decision.reason, shown.asked) == ("invalid", False)
        assert len(gate.server.requests) == 0


async def test_without_a_time_to_wait_nobody_is_asked_and_recent_data_are_believed(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, confirm_timeout_ms=0) as gate:
        await gate.ready()
        shown = await gate.scan(EXIT, 1)
        assert (shown.decision.verdict, shown.asked) == ("refuse", False)


@both
@pytest.mark.parametrize(
    "code",
    [
        "a/b",
        "a+b",
        "a=b",
        "100%25",
        "a&secret=b",
        "a#b",
        "with two spaces",
        "../redeem/",
        "?secret=",
        "ünïcödé→✓",
        '"><script>',
    ],
)
async def test_a_code_of_any_characters_finds_its_ticket(
    tmp_path: Path, dialect: Dialect, code: str
) -> None:
    async with bench(tmp_path, dialect, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        new = sell(gate.world, secret=code)
        shown = await gate.scan(ENTRY, new.id)
        assert (shown.decision.verdict, shown.asked) == ("admit", True)
        (asked,) = gate.server.requests
        assert asked.query["secret"] == code
        assert asked.path.endswith("/checkinlists/1/positions/")


@pytest.mark.parametrize("code", ["half of a pair \ud83d", "nothing \x00 here", "x" * 4000])
async def test_a_code_that_no_ticket_can_have_is_refused_and_the_gate_goes_on(
    tmp_path: Path, code: str
) -> None:
    async with bench(tmp_path, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        shown = await gate.scan(ENTRY, code)
        assert shown.decision.reason == "invalid"
        assert gate.client.reachable
        assert (await gate.scan(ENTRY, 1)).decision.reason == "entered"


@both
async def test_two_lists_are_asked_at_once(tmp_path: Path, dialect: Dialect) -> None:
    async with bench(tmp_path, dialect, lists=(2, 1), confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        gate.world.enter(1, 1)
        shown = await gate.scan(EXIT, 1)
        assert shown.decision.reason == "left"
        assert sorted(request.path[-12:-11] for request in questions(gate)) == ["1", "2"]


async def test_an_empty_answer_to_a_token_that_sees_no_orders_is_not_believed(
    tmp_path: Path,
) -> None:
    world = small_world()
    world.tokens["team"] = TokenRights(Kind.TEAM)
    async with bench(tmp_path, world=world, token="Token team", confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        world.tokens["team"].can_view_orders = False
        # A gate that was started anew and has not yet seen this token list anything.
        gate.pull.can_list = False
        shown = await gate.scan(EXIT, 1)
        assert (shown.decision.verdict, shown.decision.reason) == ("attention", "not_checked_in")
        (asked,) = questions(gate)
        assert asked.status == 200
        believing, doubting = (
            Asker(gate.client, timeout_ms=PATIENT, can_list=can_list)
            for can_list in (lambda: True, lambda: False)
        )
        assert await believing.ask("a code of nobody") == {1: ()}
        assert await doubting.ask("a code of nobody") is None
