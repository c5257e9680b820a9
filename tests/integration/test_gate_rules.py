"""A list's entry rules, from the server's JSON to the lamp."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rig import LIST, gate_before_window

from gated.model import Reason, Verdict
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.records import DateRecord
from gated.simulator.server import TicketServer
from gated.simulator.world import World

VIP_ONLY = {"inList": [{"var": "product"}, {"objectList": [{"lookup": ["product", "2", "VIP"]}]}]}
ONCE_A_DAY = {"<": [{"var": "entries_today"}, 1]}
BEFORE_ITS_END = {"isBefore": [{"var": "now"}, {"buildTime": ["date_to"]}]}
AT_THE_NORTH_GATE = {
    "inList": [{"var": "gate"}, {"objectList": [{"lookup": ["gate", "3", "North"]}]}]
}
FROM_THE_FUTURE = {"moonPhase": [{"var": "now"}, "full"]}


async def judged(
    folder: Path, rules: dict[str, Any], ticket: int, **changes: Any
) -> tuple[Verdict, Reason, list[str]]:
    world = World.made_up(20)
    world.lists[LIST].rules = rules
    async with (
        TicketServer(world) as server,
        gate_before_window(server, folder, gate={"mode": "entry"}, **changes) as bench,
    ):
        decision = (await bench.scan(world.positions[ticket].secret)).decision
        state = await bench.parts.overview.state()
    said = [one["words"] for one in state["health"] if one["part"] == "rules"]
    return decision.verdict, decision.reason, said


@pytest.mark.parametrize(
    ("rules", "ticket", "verdict", "reason"),
    [
        (VIP_ONLY, 1, Verdict.ADMIT, Reason.ENTERED),
        (VIP_ONLY, 2, Verdict.REFUSE, Reason.RULES),
        (ONCE_A_DAY, 2, Verdict.ADMIT, Reason.ENTERED),
        ({"and": [VIP_ONLY, FROM_THE_FUTURE]}, 2, Verdict.REFUSE, Reason.RULES),
    ],
)
async def test_rules_decide(
    tmp_path: Path, rules: dict[str, Any], ticket: int, verdict: Verdict, reason: Reason
) -> None:
    assert (await judged(tmp_path, rules, ticket))[:2] == (verdict, reason)


@pytest.mark.parametrize(
    ("policy", "verdict", "reason"),
    [
        ("admit", Verdict.ADMIT, Reason.ENTERED),
        ("attention", Verdict.ATTENTION, Reason.RULES),
        ("refuse", Verdict.REFUSE, Reason.RULES),
    ],
)
async def test_a_rule_that_cannot_be_evaluated_follows_the_policy_and_is_named(
    tmp_path: Path, policy: str, verdict: Verdict, reason: Reason
) -> None:
    found = await judged(tmp_path, FROM_THE_FUTURE, 2, policy={"unknown_rules": policy})

    assert found == (
        verdict,
        reason,
        ["not all can be evaluated here (All: moonPhase)"],
    )


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (BEFORE_ITS_END, []),
        # The fork tells no device where it stands.
        (AT_THE_NORTH_GATE, ["not all can be evaluated here (All: gate)"]),
    ],
)
async def test_only_what_cannot_be_evaluated_is_named(
    tmp_path: Path, rules: dict[str, Any], said: list[str]
) -> None:
    assert (await judged(tmp_path, rules, 2))[2] == said


@pytest.mark.parametrize(
    ("date", "verdict", "reason"),
    [(8, Verdict.ADMIT, Reason.ENTERED), (7, Verdict.REFUSE, Reason.RULES)],
)
async def test_a_ticket_of_a_series_goes_by_its_own_date(
    tmp_path: Path, date: int, verdict: Verdict, reason: Reason
) -> None:
    world = World.made_up(20)
    now = world.clock()
    day = timedelta(days=1)
    # More than a page of them, as the 60 weeks of a museum.
    series = [DateRecord(9 + week, f"Week {week}", now + week * day) for week in range(60)]
    series += [
        DateRecord(7, "Yesterday", now - day, now - day / 2),
        DateRecord(8, "Now", now, day + now),
    ]
    world.events[world.event].series = series
    world.lists[LIST].rules = BEFORE_ITS_END
    world.positions[1].subevent = date
    async with (
        TicketServer(world) as server,
        gate_before_window(server, tmp_path, gate={"mode": "entry"}) as bench,
    ):
        decision = (await bench.scan(world.positions[1].secret)).decision
    assert (decision.verdict, decision.reason) == (verdict, reason)


@pytest.mark.parametrize(
    ("gate", "verdict"), [(3, Verdict.ADMIT), (4, Verdict.REFUSE), (None, Verdict.REFUSE)]
)
async def test_a_rule_about_the_gate_knows_where_the_server_put_this_device(
    tmp_path: Path, gate: int | None, verdict: Verdict
) -> None:
    world = World.made_up(20)
    world.lists[LIST].rules = AT_THE_NORTH_GATE
    server = TicketServer(world, dialect=Dialect.PRETIX)
    (device,) = world.devices.values()
    device.gate = gate
    async with (
        server,
        gate_before_window(server, tmp_path, gate={"mode": "entry"}) as bench,
    ):
        decision = (await bench.scan(world.positions[1].secret)).decision
    assert decision.verdict is verdict


async def test_dates_of_a_series_that_the_server_does_not_tell_are_named_and_stop_nothing(
    tmp_path: Path,
) -> None:
    world = World.made_up(20)
    now = world.clock()
    world.events[world.event].series = [DateRecord(8, "Now", now, now + timedelta(days=1))]
    world.lists[LIST].rules = BEFORE_ITS_END
    world.positions[1].subevent = 8
    server = TicketServer(world)
    server.faults.add(Fault.HTML_500, path="/subevents/")
    async with server, gate_before_window(server, tmp_path, gate={"mode": "entry"}) as bench:
        decision = (await bench.scan(world.positions[1].secret)).decision
        state = await bench.parts.overview.state()
    said = [one["words"] for one in state["health"] if one["part"] == "rules"]
    assert (decision.verdict, decision.reason) == (Verdict.ATTENTION, Reason.RULES)
    assert said == ["not all can be evaluated here (All: date_to)"]
