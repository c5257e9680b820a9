"""What is found out about each server, and that the README says the same."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
from aiohttp import web
from gate_bench import ENTRY, EXIT, FORK, PRETIX, Bench, answering, bench, small_world

from gated.errors import ServerError
from gated.health import Level
from gated.server.dialects import FEATURES, Capabilities
from gated.server.shapes import PositionShape, lists_have_rules, position_shape
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.records import Kind, TokenRights

README = Path(__file__).parents[2] / "README.md"
COLUMNS = {
    "eventyay fork, profile `full`": (FORK, "full"),
    "eventyay fork, `pretixscan`": (FORK, "pretixscan"),
    "pretix": (PRETIX, "full"),
}


def readme_table() -> dict[str, dict[str, str]]:
    """The cells of the README's table, by row and column."""
    text = README.read_text(encoding="utf-8")
    table = re.search(r"^\| \| eventyay fork.*?\n\n", text, re.MULTILINE | re.DOTALL)
    assert table is not None
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table[0].splitlines()]
    (_, *columns), _, *rows = [line for line in lines if line]
    return {row: dict(zip(columns, cells, strict=True)) for row, *cells in rows}


async def found(gate: Bench, profile: str = "full") -> Capabilities:
    gate.world.tokens["demo-token"].security_profile = profile
    await gate.pull.probe()
    assert gate.pull.capabilities is not None
    return gate.pull.capabilities


@pytest.mark.parametrize("column", COLUMNS)
async def test_the_readme_says_what_each_server_can_do(tmp_path: Path, column: str) -> None:
    dialect, profile = COLUMNS[column]
    async with bench(tmp_path, dialect) as gate:
        can = await found(gate, profile)
        seen = {
            one.words: {True: "yes", False: "no"}.get(getattr(can, one.name)) for one in FEATURES
        }
        assert seen == {row: cells[column] for row, cells in readme_table().items()}
        assert gate.world.checkins == {}


def test_every_feature_is_a_row_of_the_readme_and_a_field() -> None:
    assert list(readme_table()) == [one.words for one in FEATURES]
    names = {"version", "item_word"} | {one.name for one in FEATURES}
    assert names == set(asdict(Capabilities()))


@pytest.mark.parametrize(
    ("dialect", "profile", "missing"),
    [
        (FORK, "full", {"blocked", "failed_checkins", "validity"}),
        (FORK, "pretixscan", {"checkout", "blocked", "failed_checkins", "validity"}),
        (FORK, "pretixscan_online_kiosk", {"positions", "changes", "checkout", "blocked"}),
        (PRETIX, "full", {"checkout"}),
        (PRETIX, "pretixscan_online_noorders", {"checkout", "changes"}),
    ],
)
async def test_what_is_missing_is_said_in_the_log_with_its_cost(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    dialect: Dialect,
    profile: str,
    missing: set[str],
) -> None:
    async with bench(tmp_path, dialect) as gate:
        can = await found(gate, profile)
        assert missing <= {one.name for one in can.missing}
        for one in can.missing:
            assert f"missing at the server: {one.needs}; {one.cost}" in caplog.messages
        if profile != "pretixscan_online_kiosk":
            assert {one.name for one in can.missing} == missing


@pytest.mark.parametrize("dialect", [FORK, PRETIX])
async def test_a_token_that_may_only_look_is_found_out(tmp_path: Path, dialect: Dialect) -> None:
    world = small_world()
    world.tokens["team"] = TokenRights(Kind.TEAM, can_checkin_orders=False, can_change_orders=False)
    async with bench(tmp_path, dialect, world=world, token="Token team") as gate:
        can = await found(gate)
        assert (can.positions, can.redeem, can.checkout) == (True, False, False)


async def test_an_empty_list_says_nothing_of_its_tickets(tmp_path: Path) -> None:
    async with bench(tmp_path, PRETIX, world=small_world(0)) as gate:
        can = await found(gate)
        assert (can.validity, can.item_word) == (None, "")
        assert "validity" not in {one.name for one in can.missing}


async def test_an_endpoint_that_crashes_does_not_hide_the_others(tmp_path: Path) -> None:
    async with bench(tmp_path, FORK) as gate:
        before = await found(gate)
        gate.server.faults.add(Fault.HTML_500, path="/checkout/single/")
        gate.server.faults.add(Fault.HTML_500, path="/revokedsecrets/")
        assert await found(gate) == before
        gate.pull.capabilities = None
        can = await found(gate)
        assert (can.checkout, can.revoked, can.redeem, can.changes) == (False, False, True, True)


async def test_a_portal_is_not_taken_for_a_server_that_can_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, FORK) as gate:
        before = await found(gate)
        gate.server.faults.add(Fault.CAPTIVE_PORTAL, method="POST")
        with pytest.raises(ServerError):
            await gate.pull.probe()
        assert gate.pull.capabilities == before


def page(*results: dict[str, object]) -> bytes:
    return json.dumps({"count": len(results), "next": None, "results": results}).encode()


def test_the_shape_of_a_page_is_read() -> None:
    assert position_shape(page()) == PositionShape()
    assert position_shape(page({"item": 1})) == PositionShape("item", validity=False)
    current: dict[str, object] = {"product": 1, "blocked": None, "valid_from": None}
    assert position_shape(page(current)) == PositionShape("product", validity=True)
    assert lists_have_rules(page()) is None
    assert lists_have_rules(page({"name": "All"})) is False
    assert lists_have_rules(page({"rules": {}})) is True


@pytest.mark.parametrize("dialect", [FORK, PRETIX])
async def test_exits_through_checkout_on_a_server_without_it_are_said_and_go_through_redeem(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, exit_via="checkout") as gate:
        gate.world.tokens["demo-token"].security_profile = "pretixscan"
        await gate.ready()
        await gate.scan(ENTRY, 1)
        await gate.scan(EXIT, 1)
        await gate.push_all()
        assert gate.types(1) == ["entry", "exit"]
        assert gate.level("exits") is Level.WARNING
        assert gate.words("exits").startswith('[server] exit_via is "checkout", but this server')


async def test_a_profile_that_is_narrowed_at_work_is_noticed_and_exits_go_on(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, FORK) as gate:
        for position in (1, 2):
            gate.world.enter(position, 1)
        await gate.ready()
        await gate.scan(EXIT, 1)
        await gate.push_all()
        gate.world.tokens["demo-token"].security_profile = "pretixscan"
        await gate.scan(EXIT, 2)
        await gate.push_all()
        assert [gate.types(position) for position in (1, 2)] == [["entry", "exit"]] * 2
        assert gate.pull.capabilities is not None
        assert gate.pull.capabilities.checkout is False


async def test_a_server_that_is_none_is_asked_nothing_twice(tmp_path: Path) -> None:
    def nothing(_: web.BaseRequest) -> web.Response:
        return web.Response(status=404, text="<html>", content_type="text/html")

    async with answering(nothing) as (url, asked), bench(tmp_path, url=url) as gate:
        with pytest.raises(ServerError, match=r"check \[server\] url"):
            await gate.pull.probe()
        assert len(asked) == 1
