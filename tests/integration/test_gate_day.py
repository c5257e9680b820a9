"""A day at the gate: the whole daemon, real pictures, a real server over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from rig import LIST, gate_before_window

from gated.model import Reason, State, Verdict
from gated.simulator.server import TicketServer
from gated.simulator.world import World


@pytest.fixture
async def server() -> object:
    async with TicketServer(World.made_up(60, seed=5)) as running:
        yield running


async def test_a_guest_who_is_inside_leaves_and_the_server_knows(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    world.enter(1, LIST)
    async with gate_before_window(server, tmp_path) as bench:
        answer = await bench.scan(world.positions[1].secret)
        scans = await bench.settled()

    assert (answer.decision.verdict, answer.decision.reason) == (Verdict.ADMIT, Reason.LEFT)
    assert [scan.state for scan in scans] == [State.CONFIRMED]
    assert world.inside(LIST) == set()


async def test_with_the_cable_out_a_guest_sees_green_at_once_and_is_settled_once_afterwards(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    world.enter(1, LIST)
    async with gate_before_window(server, tmp_path) as bench:
        await server.unplug()
        answer = await bench.scan(world.positions[1].secret)
        waiting = await bench.parts.store.read(
            lambda db: db.execute("SELECT state FROM scans").fetchall()
        )
        await server.plug()
        scans = await bench.settled()

    assert answer.decision.verdict is Verdict.ADMIT
    assert [row["state"] for row in waiting] == ["waiting"]
    assert [scan.state for scan in scans] == [State.CONFIRMED]
    assert [row.type for row in world.checkins_of(1, LIST)] == ["entry", "exit"]


async def test_a_day_no_honest_guest_sees_red_and_no_dishonest_one_green(
    server: TicketServer, tmp_path: Path
) -> None:
    """A second device, ten minutes without network, a cancellation, a ticket twice, the button."""
    world = server.world
    secret = {number: world.positions[number].secret for number in world.positions}
    for number in (1, 2, 3, 4):
        world.enter(number, LIST)
    verdicts: dict[str, tuple[Verdict, Reason]] = {}

    async with gate_before_window(server, tmp_path) as bench:

        async def show(what: str, text: str) -> None:
            decision = (await bench.scan(text)).decision
            verdicts[what] = (decision.verdict, decision.reason)

        await show("inside, leaves", secret[1])
        await show("the same ticket again", secret[1])
        world.enter(8, LIST)
        await show("came in at another gate just now", secret[8])
        await show("never came in", secret[11])
        await show("forged", "forged" * 5)

        await bench.parts.desk.set_mode(bench.parts.desk.mode.other, origin="button")
        await show("comes in here", secret[12])
        await show("comes in here a second time", secret[12])
        await show("back after leaving", secret[1])
        await show("pending", secret[35])
        await show("canceled", secret[36])
        new = world.add_order()
        await show("bought at the counter a moment ago", new.secret)
        await bench.parts.desk.set_mode(bench.parts.desk.mode.other, origin="button")
        await bench.settled()

        world.cancel_order(world.positions[2].order)
        await bench.parts.sync.pull.once()
        await show("inside, canceled since", secret[2])

        await server.unplug()
        await show("inside, while offline", secret[3])
        world.enter(13, LIST)  # at another gate, which is online
        bench.hands.advance(600)
        await show("came in elsewhere while we were offline", secret[13])
        await show("came in here, leaves while offline", secret[12])
        await show("forged, while offline", "forged" * 6)
        await show("left here long ago, may be back through another gate", secret[3])
        await show("shown at once once more", secret[3])
        await server.plug()
        scans = await bench.settled()

    assert verdicts == {
        "inside, leaves": (Verdict.ADMIT, Reason.LEFT),
        "the same ticket again": (Verdict.REFUSE, Reason.ALREADY_LEFT),
        "came in at another gate just now": (Verdict.ADMIT, Reason.LEFT),
        "never came in": (Verdict.REFUSE, Reason.NOT_CHECKED_IN),
        "forged": (Verdict.REFUSE, Reason.INVALID),
        "comes in here": (Verdict.ADMIT, Reason.ENTERED),
        "comes in here a second time": (Verdict.REFUSE, Reason.ALREADY_REDEEMED),
        "back after leaving": (Verdict.ADMIT, Reason.ENTERED),
        "pending": (Verdict.REFUSE, Reason.UNPAID),
        "canceled": (Verdict.REFUSE, Reason.CANCELED),
        "bought at the counter a moment ago": (Verdict.ADMIT, Reason.ENTERED),
        "inside, canceled since": (Verdict.ATTENTION, Reason.CANCELED),
        "inside, while offline": (Verdict.ADMIT, Reason.LEFT),
        "came in elsewhere while we were offline": (Verdict.ATTENTION, Reason.NOT_CHECKED_IN),
        "came in here, leaves while offline": (Verdict.ADMIT, Reason.LEFT),
        "forged, while offline": (Verdict.REFUSE, Reason.INVALID),
        "left here long ago, may be back through another gate": (
            Verdict.ATTENTION,
            Reason.ALREADY_LEFT,
        ),
        "shown at once once more": (Verdict.REFUSE, Reason.ALREADY_LEFT),
    }
    settled = {State.CONFIRMED, State.DUPLICATE, State.LOCAL}
    assert {scan.state for scan in scans} <= settled
    assert world.inside(LIST) == {1, 4, new.id}


async def test_the_mode_button_pressed_while_a_ticket_is_held_makes_it_a_new_sighting(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    world.enter(1, LIST)
    text = world.positions[1].secret
    async with gate_before_window(server, tmp_path) as bench:
        first = await bench.scan(text)
        button = bench.pins.pin(25)
        button.drive_low()
        await asyncio.sleep(0.1)
        button.drive_high()
        for _ in range(200):
            if bench.parts.desk.mode == "entry":
                break
            await asyncio.sleep(0.01)
        bench.window.hold_up(text)
        second = await asyncio.wait_for(bench.answers.get(), 5)
        bench.window.hold_up(text)
        await asyncio.sleep(0.2)
        assert bench.answers.empty()
        await bench.settled()

    assert (first.decision.reason, second.decision.reason) == (Reason.LEFT, Reason.ENTERED)
    assert world.inside(LIST) == {1}


async def test_the_mode_survives_a_restart_and_every_change_is_recorded(
    server: TicketServer, tmp_path: Path
) -> None:
    from gated.store import ledger

    last = {"mode": "last"}
    async with gate_before_window(server, tmp_path, gate=last) as bench:
        await bench.parts.desk.press()
    async with gate_before_window(server, tmp_path, gate=last) as bench:
        mode = bench.parts.desk.mode
        acts = await bench.parts.store.read(ledger.acts)

    assert mode == "entry"
    assert [(act.detail, act.origin) for act in acts] == [("exit", "config"), ("entry", "button")]


async def test_shown_again_within_eight_seconds_the_signal_repeats_and_nothing_is_written(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    world.enter(1, LIST)
    async with gate_before_window(server, tmp_path) as bench:
        await bench.scan(world.positions[1].secret)
        green = bench.pins.pin(17)
        while bench.parts.front.panel.lamps().green:
            await asyncio.sleep(0.02)
        before = len(green.states)
        bench.hands.advance(5)
        bench.window.hold_up(world.positions[1].secret)
        await asyncio.sleep(0.3)
        lit_again = len(green.states) > before
        scans = await bench.settled()

    assert lit_again
    assert len(scans) == 1


async def test_five_guests_in_a_row_who_were_never_in_make_the_gate_doubt_its_mode(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    guests = [
        position.secret
        for position in world.positions.values()
        if world.order_of(position).status == "p" and not position.canceled
    ]
    async with gate_before_window(server, tmp_path) as bench:
        for secret in guests[:5]:
            answer = await bench.scan(secret)
            assert answer.decision.reason is Reason.NOT_CHECKED_IN
        state = await bench.parts.overview.state()
        doubt = [one["words"] for one in state["health"] if one["part"] == "mode"]
        pattern = state["panel"]["status"]
        bench.pins.pin(25).drive_low()
        while bench.parts.desk.mode == "exit":
            await asyncio.sleep(0.01)
        answer = await bench.scan(guests[0])
        after = (await bench.parts.overview.state())["panel"]["status"]

    assert "is check-out the wrong mode?" in doubt[0]
    assert (pattern, after) == ("wrong_mode", "ready")
    assert answer.decision.reason is Reason.ENTERED
