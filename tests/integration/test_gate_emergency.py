"""An emergency at the gate: fire panel, cut wire, page and command; what is recorded and told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from rig import LIST, Bench, gate_before_window, settings

from gated import config
from gated.errors import GatedError
from gated.health import Level
from gated.model import Reason, State, Verdict
from gated.panel.pins import mock_pins
from gated.parts import Extras
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import facts, ledger
from gated.waiting import open_waiting
from gated.web.control import call

RELAY, SENSOR, ALARM = 5, 6, 12
NO_HOME = {"organizer": "", "event": "", "checkin_lists": [], "token_file": ""}


@pytest.fixture
async def server() -> AsyncIterator[TicketServer]:
    world = World.made_up(20, seed=5)
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
    async with TicketServer(world) as running:
        yield running


@asynccontextmanager
async def gate(
    server: TicketServer, folder: Path, pins: Any = None, **panel: Any
) -> AsyncIterator[Bench]:
    wired: dict[str, Any] = {
        "pin_factory": "mock",
        "passage": {"relay": RELAY, "sensor": SENSOR, "timeout_s": 1.0},
        **panel,
    }
    mode = {"mode": "entry"}
    async with gate_before_window(server, folder, pins=pins, gate=mode, panel=wired) as bench:
        yield bench


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def said(bench: Bench) -> tuple[str, str]:
    """The status lamp's pattern, and the words of the page."""
    state = await bench.parts.overview.state()
    return state["panel"]["status"], state["gate"]["emergency"]["words"]


async def acts(bench: Bench) -> list[tuple[str, str]]:
    found = await bench.parts.store.read(ledger.acts)
    return [(act.origin, act.detail) for act in found if act.what == "emergency"]


async def test_nobody_is_refused_the_known_are_told_and_the_others_kept_here(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    world.enter(2, LIST)
    async with gate(server, tmp_path) as bench:
        async for _ in call(tmp_path / "control.sock", "emergency", {"on": True}):
            pass
        relay = bench.pins.pin(RELAY)
        assert relay.state == 1
        known = await bench.scan(world.positions[1].secret)
        twice = await bench.scan(world.positions[2].secret)
        stranger = await bench.scan("a code that nobody knows")
        lamp = bench.parts.front.panel.lamps()
        await asyncio.sleep(1.5)  # longer than anybody would have had to pass
        still_open = relay.state
        scans = await bench.settled()
        during = await said(bench)
        await bench.parts.steering.emergency.set(on=False, origin="page")
        closed = relay.state
        refused = await bench.scan(world.positions[2].secret)
        counts = await bench.parts.store.read(lambda db: ledger.counts(db, [LIST]))
        after = await said(bench)
        recorded = await acts(bench)

    decisions = [one.decision for one in (known, twice, stranger)]
    assert [one.verdict for one in decisions] == [Verdict.ADMIT] * 3
    assert [one.reason for one in decisions] == [
        Reason.ENTERED,
        Reason.FREE_FLOW,
        Reason.FREE_FLOW,
    ]
    assert stranger.signal.name == "free_flow"
    assert lamp.green
    assert [scan.state for scan in scans] == [State.CONFIRMED, State.LOCAL, State.LOCAL]
    assert world.inside(LIST) == {1, 2}
    assert [row.type for row in world.checkins_of(2, LIST)] == ["entry"]
    assert still_open == 1
    assert closed == 0
    assert during[0] == "emergency"
    assert during[1].startswith("free flow (by hand) since ")
    assert after[1] == ""
    # As before it: not in once more, and what was let through freely did not count.
    assert refused.decision.reason is Reason.ALREADY_REDEEMED
    assert counts.entries == 1
    assert recorded == [("command", "on"), ("page", "off")]


async def test_in_check_out_who_is_not_inside_leaves_and_the_server_is_told_nothing_by_force(
    server: TicketServer, tmp_path: Path
) -> None:
    world = server.world
    world.enter(1, LIST)
    async with gate(server, tmp_path) as bench:
        await bench.parts.desk.set_mode(bench.parts.desk.mode.other, origin="page")
        await bench.parts.steering.emergency.set(on=True, origin="page")
        inside = await bench.scan(world.positions[1].secret)
        outside = await bench.scan(world.positions[2].secret)
        scans = await bench.settled()
        await bench.parts.steering.emergency.set(on=False, origin="page")
        outside_after = await bench.scan(world.positions[2].secret)

    # They were let out freely, which says nothing about where they had been.
    assert outside_after.decision.reason is Reason.NOT_CHECKED_IN
    assert (inside.decision.reason, outside.decision.reason) == (Reason.LEFT, Reason.FREE_FLOW)
    assert [scan.state for scan in scans] == [State.CONFIRMED, State.LOCAL]
    assert world.checkins_of(2, LIST) == []


async def test_the_fire_panel_opens_the_way_and_a_cut_wire_is_an_alarm(
    server: TicketServer, tmp_path: Path
) -> None:
    async with gate(server, tmp_path, emergency={"input": ALARM, "debounce_ms": 20}) as bench:
        relay, alarm = bench.pins.pin(RELAY), bench.pins.pin(ALARM)
        # Nothing holds the pin down: that is a wire that was cut, or a fire.
        await until(lambda: relay.state == 1)
        assert (await said(bench))[1].startswith("free flow (alarm) since ")
        await bench.parts.steering.emergency.set(on=True, origin="page")
        with pytest.raises(GatedError, match="the fire panel still gives the alarm"):
            await bench.parts.steering.emergency.set(on=False, origin="page")
        assert relay.state == 1
        alarm.drive_low()
        await until(lambda: relay.state == 0)
        assert await said(bench) == ("ready", "")
        for _ in range(5):  # chatter shorter than the debounce is no alarm
            alarm.drive_high()
            alarm.drive_low()
        await asyncio.sleep(0.1)
        assert relay.state == 0
        alarm.drive_high()
        await until(lambda: relay.state == 1)
        # Opened first, written down then.
        while len(recorded := await acts(bench)) < 5:
            await asyncio.sleep(0.01)

    assert recorded == [
        ("alarm", "on"),
        ("page", "on"),
        ("page", "off"),
        ("alarm", "off"),
        ("alarm", "on"),
    ]


async def test_an_alarm_is_one_also_while_somebody_tries_the_button(
    server: TicketServer, tmp_path: Path
) -> None:
    async with gate(server, tmp_path, emergency={"input": ALARM, "debounce_ms": 20}) as bench:
        relay, alarm = bench.pins.pin(RELAY), bench.pins.pin(ALARM)
        alarm.drive_low()
        await until(lambda: relay.state == 0)
        pressed = asyncio.create_task(bench.parts.steering.tryouts.next_input(5))
        await asyncio.sleep(0)
        alarm.drive_high()
        await until(lambda: relay.state == 1 or pressed.done())
        was_taken, opened = pressed.done(), relay.state
        pressed.cancel()

    assert (was_taken, opened) == (False, 1)


async def test_the_fire_panel_opens_the_way_of_a_gate_that_nobody_enrolled_yet(
    server: TicketServer, tmp_path: Path
) -> None:
    wired = {
        "pin_factory": "mock",
        "passage": {"relay": RELAY},
        "emergency": {"input": ALARM, "debounce_ms": 20},
    }
    local = {"timezone": "Asia/Kathmandu"}
    document = settings(
        server.url, tmp_path, gate=local, panel=wired, server={"url": "", **NO_HOME}
    )
    pins = mock_pins()
    async with AsyncExitStack() as stack:
        waiting = await open_waiting(
            stack,
            config.parse(document),
            Extras(pin_factory=pins),
            stop=asyncio.Event(),
        )
        tasks = [asyncio.ensure_future(work()) for work in waiting.background.values()]
        relay, alarm = pins.pin(RELAY), pins.pin(ALARM)
        alarm.drive_low()
        await until(lambda: relay.state == 0)
        alarm.drive_high()
        await until(lambda: relay.state == 1)
        words = (await waiting.overview.state())["gate"]["emergency"]["words"]
        now = datetime.now(ZoneInfo("Asia/Kathmandu"))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    began = datetime.fromisoformat(words.removeprefix("free flow (alarm) since "))
    assert timedelta() <= now.replace(tzinfo=None) - began < timedelta(minutes=10)


async def test_trying_the_relay_never_closes_the_way_in_an_emergency(
    server: TicketServer, tmp_path: Path
) -> None:
    async with gate(server, tmp_path) as bench:
        panel, relay = bench.parts.front.panel, bench.pins.pin(RELAY)
        seconds = panel.try_part("relay")
        await bench.parts.steering.emergency.set(on=True, origin="page")
        relay.clear_states()
        await asyncio.sleep(seconds)
        assert relay.state == 1
        assert [one.state for one in relay.states] == [True]
        with pytest.raises(GatedError, match="the way is open now"):
            panel.try_part("relay")


async def test_the_emergency_is_there_again_after_a_restart_until_somebody_ends_it(
    server: TicketServer, tmp_path: Path
) -> None:
    async with gate(server, tmp_path) as bench:
        await bench.parts.steering.emergency.set(on=True, origin="page")
    async with gate(server, tmp_path) as bench:
        opened = bench.pins.pin(RELAY).state
        stranger = await bench.scan("a code that nobody knows")
        during = await said(bench)
        await bench.parts.steering.emergency.set(on=False, origin="page")
    async with gate(server, tmp_path) as bench:
        closed = bench.pins.pin(RELAY).state
        after = await said(bench)
        recorded = await acts(bench)

    assert (opened, closed) == (1, 0)
    assert stranger.decision.reason is Reason.FREE_FLOW
    assert (during[0], after[0]) == ("emergency", "ready")
    assert recorded == [("page", "on"), ("page", "off")]


@pytest.mark.parametrize("fail", ["secure", "open"])
async def test_over_a_restart_in_an_emergency_the_way_is_not_shut_for_a_moment(
    server: TicketServer, tmp_path: Path, fail: str
) -> None:
    pins = mock_pins()
    wired = {"relay": RELAY, "fail": fail}
    opens = fail == "secure"  # and else the way is open while nothing pulls
    async with gate(server, tmp_path, pins=pins, passage=wired) as bench:
        await bench.parts.steering.emergency.set(on=True, origin="page")
        relay = pins.pin(RELAY)
        relay.clear_states()
    async with gate(server, tmp_path, pins=pins, passage=wired) as bench:
        assert bench.parts.front.panel.lamps().relay
        assert [one.state for one in relay.states] == [opens]
        await bench.parts.steering.emergency.set(on=False, origin="page")
        assert relay.state is not opens
    # And without one it is let go of as ever.
    assert relay.state == 0


async def test_an_alarm_from_before_a_restart_is_over_when_the_contact_is_closed_again(
    server: TicketServer, tmp_path: Path
) -> None:
    wired = {"input": ALARM, "debounce_ms": 20}
    async with gate(server, tmp_path, emergency=wired) as bench:
        await until(lambda: bench.parts.steering.emergency.is_on)
    # The input was taken out of the config: nothing could ever end the alarm.
    async with gate(server, tmp_path) as bench:
        assert not bench.parts.steering.emergency.is_on


async def test_a_full_disk_keeps_nobody_inside(server: TicketServer, tmp_path: Path) -> None:
    async with gate(server, tmp_path) as bench:
        full = (
            "CREATE TRIGGER full BEFORE INSERT ON acts"
            " BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        await bench.parts.store.write(lambda db: db.execute(full).fetchall())
        with pytest.raises(GatedError, match="disk is full"):
            await bench.parts.steering.emergency.set(on=True, origin="page")
        assert bench.pins.pin(RELAY).state == 1
        assert (await said(bench))[0] == "emergency"
        ill = bench.parts.health.of("store")

        # Said once more when there is room again, it is kept.
        await bench.parts.store.write(lambda db: db.execute("DROP TRIGGER full").fetchall())
        await bench.parts.steering.emergency.set(on=True, origin="page")
        kept = await bench.parts.store.read(lambda db: facts.get(db, "emergency"))
        well = bench.parts.health.of("store")
    assert [one and one.level for one in (ill, well)] == [Level.ERROR, Level.OK]
    assert "by hand" in (kept or "")
