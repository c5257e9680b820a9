"""A list's entry rules, from the server's JSON to the lamp."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rig import LIST, gate_before_window

from gated.model import Reason, Verdict
from gated.simulator.server import TicketServer
from gated.simulator.world import World

VIP_ONLY = {"inList": [{"var": "product"}, {"objectList": [{"lookup": ["product", "2", "VIP"]}]}]}
ONCE_A_DAY = {"<": [{"var": "entries_today"}, 1]}
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
        ({"isBefore": [{"var": "now"}, {"buildTime": ["date_to"]}]}, []),
        (
            {"inList": [{"var": "gate"}, {"objectList": [{"lookup": ["gate", "3", "North"]}]}]},
            ["not all can be evaluated here (All: gate)"],
        ),
    ],
)
async def test_only_what_cannot_be_evaluated_is_named(
    tmp_path: Path, rules: dict[str, Any], said: list[str]
) -> None:
    assert (await judged(tmp_path, rules, 2))[2] == said
