"""The table of ways, walked against the simulated servers: these requests, this end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gate_bench import ENTRY, EXIT, FORK, PRETIX, Bench, Via, bench

from gated.config import Policy
from gated.model import ScanType
from gated.simulator.dialects import Dialect as Server
from gated.sync.ways import TABLE, Case, Dialect, dialect_of, told

SERVERS: dict[Dialect, tuple[Server, str, Via]] = {
    Dialect.FORK: (FORK, "full", "auto"),
    Dialect.FORK_BY_REDEEM: (FORK, "full", "redeem"),
    Dialect.FORK_SCAN: (FORK, "pretixscan", "auto"),
    Dialect.PRETIX: (PRETIX, "pretixscan", "auto"),
}


def order_status(letter: str) -> Callable[[Bench], None]:
    def change(gate: Bench) -> None:
        gate.world.orders[gate.world.positions[1].order].status = letter

    return change


def bar_by_rules(gate: Bench) -> None:
    gate.world.lists[1].rules = {"isBefore": [{"var": "now"}, {"buildTime": ["date_to"]}]}
    gate.world.rules_check = lambda *_: False


def narrow_list(gate: Bench) -> None:
    gate.world.lists[1].all_products = False


def expire(gate: Bench) -> None:
    position = gate.world.positions[1]
    position.valid_until = gate.world.orders[position.order].datetime


def await_approval(gate: Bench) -> None:
    order_status("n")(gate)
    gate.world.orders[gate.world.positions[1].order].require_approval = True


# What happens at the server between the scan and its upload.
MEANWHILE: dict[Case, Callable[[Bench], object]] = {
    Case.FRESH: lambda _: None,
    Case.ALREADY_IN: lambda gate: gate.world.enter(1, 1),
    Case.NO_ENTRY_KNOWN: lambda _: None,
    Case.ORDER_CANCELED: order_status("c"),
    Case.POSITION_CANCELED: lambda gate: gate.world.cancel_position(1),
    Case.UNPAID: order_status("n"),
    Case.PRODUCT: narrow_list,
    Case.RULES: bar_by_rules,
    Case.BLOCKED: lambda gate: gate.world.block(1),
    Case.INVALID_TIME: expire,
    Case.UNAPPROVED: await_approval,
}
PRETIX_ONLY = {Case.BLOCKED, Case.INVALID_TIME, Case.UNAPPROVED}

CELLS = [
    (kind, case, dialect)
    for kind, case in TABLE
    for dialect in Dialect
    if dialect is Dialect.PRETIX or case not in PRETIX_ONLY
    if case is not Case.REVOKED  # of codes that no list had: test_gate_signed.py
]


def requests(gate: Bench) -> list[tuple[str, bool]]:
    """Endpoint and force of everything that was told."""
    return [
        ("checkout" if request.path.endswith("/checkout/single/") else "redeem", force)
        for request in gate.server.requests.matching(method="POST")
        if request.body and isinstance(force := request.body["force"], bool)
    ]


@pytest.mark.parametrize(
    ("kind", "case", "dialect"), CELLS, ids=[f"{k}-{c.name}-{d.name}" for k, c, d in CELLS]
)
async def test_every_scan_is_told_as_the_table_says_and_ends_as_it_says(
    tmp_path: Path, kind: ScanType, case: Case, dialect: Dialect
) -> None:
    server, profile, via = SERVERS[dialect]
    policy = Policy(exit_not_inside="attention")
    async with bench(tmp_path, server, exit_via=via, policy=policy) as gate:
        gate.world.tokens["demo-token"].security_profile = profile
        if kind is EXIT and case is not Case.NO_ENTRY_KNOWN:
            gate.world.enter(1, 1)
        await gate.ready()
        assert dialect_of(gate.pull.capabilities, via) is dialect
        before = gate.types(1)
        assert (await gate.scan(kind, 1)).decision.verdict.admits
        MEANWHILE[case](gate)
        (scan,) = await gate.push_all()
        cell = told(kind, case, dialect)
        assert requests(gate) == [
            ("checkout" if way.checks_out else "redeem", way.force) for way in cell.ways
        ]
        assert scan.state is cell.state
        if len(cell.ways) > 1 or cell.state != "confirmed":
            assert scan.server_reason == case
            assert scan.server_message
        extra = ["entry"] if case is Case.ALREADY_IN else []
        is_recorded = cell.state == "confirmed"
        assert gate.types(1) == before + extra + ([str(kind)] if is_recorded else [])


def test_the_table_has_a_row_for_everything_that_is_looked_up() -> None:
    assert {case for _, case in TABLE} == set(Case)
    assert {kind for kind, _ in TABLE} == {ENTRY, EXIT}
    assert all(len(cells) == len(Dialect) for cells in TABLE.values())
