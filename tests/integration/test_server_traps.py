"""The traps of the servers (numbered as in the notes on what they really answer), each sprung."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from aiohttp import web
from gate_bench import (
    ENTRY,
    EXIT,
    FORK,
    PRETIX,
    Bench,
    Via,
    answering,
    bench,
    small_world,
    until_true,
)

from gated.config import Policy
from gated.errors import BadReply, NotAuthorized
from gated.health import Level
from gated.model import State
from gated.server import wire
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.idempotency import IdempotencyKeys
from gated.simulator.received import ReceivedRequest
from gated.simulator.records import Kind, TokenRights
from gated.simulator.world import World

PATIENT = 5000
REDEEM, CHECKOUT, RPC = "/redeem/", "/checkout/single/", "/checkin/redeem/"

both = pytest.mark.parametrize("dialect", [FORK, PRETIX])
ways = pytest.mark.parametrize(
    ("dialect", "via"),
    [
        (FORK, "auto"),
        (FORK, "checkout"),
        (FORK, "redeem"),
        (PRETIX, "auto"),
        (PRETIX, "redeem"),
    ],
)


def shift(world: World) -> None:
    """One less and one more, so that guest 50 comes again on the second page."""
    world.cancel_position(120)
    world.add_order(name="Guest 0000")


def told(gate: Bench) -> list[ReceivedRequest]:
    """The attempts to tell the server something."""
    return [
        request
        for request in gate.server.requests.matching(method="POST")
        if request.path.endswith((REDEEM, CHECKOUT)) and request.body
    ]


def mark(request: ReceivedRequest) -> str:
    return request.headers.get("x-idempotency-key") or str(request.body["nonce"])


def questions(gate: Bench) -> list[ReceivedRequest]:
    return [request for request in gate.server.requests if "secret" in request.query]


async def an_exit(gate: Bench, position: int = 1) -> None:
    """Somebody who came in elsewhere leaves here."""
    gate.world.enter(position, 1)
    await gate.ready()
    assert (await gate.scan(EXIT, position)).decision.reason == "left"


async def a_day(gate: Bench) -> None:
    """Everything a gate does, with weather."""
    await gate.pull.probe()
    await gate.pull.once()
    for position, fault in enumerate((Fault.HTML_500, Fault.RESET_AFTER_COMMIT), start=1):
        gate.server.faults.add(fault, path=f"/positions/{position}/redeem/", times=1)
    gate.server.faults.add(Fault.DATABASE_LOCKED, path=CHECKOUT, times=1)
    for kind in (ENTRY, EXIT, ENTRY):
        for position in range(1, 6):
            await gate.scan(kind, position)
    await gate.scan(EXIT, 6)
    await gate.scan(ENTRY, "a code of nobody")
    await gate.push_all()
    await gate.pull.once()


async def test_trap_01_a_denied_ticket_that_the_fork_answers_with_201_is_denied(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, FORK) as gate:
        gate.world.orders[gate.world.positions[1].order].status = "c"
        body = {"lists": [1], "secret": gate.secret(1), "type": "entry", "nonce": "n"}
        answer = await gate.client.post("/api/v1/organizers/demo/checkin/redeem/", body)
        # The server let a canceled ticket in, and called it created.
        assert (answer.status, gate.types(1)) == (201, ["entry"])
        assert wire.redeemed(answer.body) is not None
        gate.server.requests.clear()
        await a_day(gate)
        assert gate.server.requests.matching(RPC) == []


@both
async def test_trap_02_a_number_is_asked_for_as_a_code_and_never_named_in_a_path(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, confirm_timeout_ms=PATIENT) as gate:
        await gate.ready()
        for kind in (ENTRY, EXIT):
            shown = await gate.scan(kind, "5")
            assert (shown.decision.verdict, shown.decision.reason) == ("refuse", "invalid")
        await gate.push_all()
        assert [request.query["secret"] for request in questions(gate)] == ["5", "5"]
        assert [request.path for request in gate.server.requests if "/5" in request.path] == []
        assert gate.types(5) == []


@ways
async def test_trap_03_a_slow_clock_does_not_leave_a_guest_inside(
    tmp_path: Path, dialect: Dialect, via: Via
) -> None:
    async with bench(tmp_path, dialect, exit_via=via) as gate:
        await gate.ready()
        gate.world.enter(1, 1)
        await gate.pull.once()
        gate.lag(3600)
        assert (await gate.scan(EXIT, 1)).decision.reason == "left"
        await gate.push_all()
        assert gate.types(1) == ["entry", "exit"]
        assert gate.world.inside(1) == set()


async def test_trap_04_not_checked_in_on_a_retry_is_not_believed_before_a_look(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, FORK) as gate:
        await an_exit(gate)
        lost = gate.server.faults.add(Fault.RESET_AFTER_COMMIT, path=CHECKOUT)
        async with gate.pushing():
            await until_true(lambda: lost.hits > 0)
        # The answer is lost and so is the key: the server has forgotten both.
        gate.server.faults.clear()
        gate.server.keys = IdempotencyKeys()
        (scan,) = await gate.push_all()
        refused = told(gate)[-1]
        assert (refused.status, refused.body["force"]) == (400, False)
        assert (scan.state, gate.types(1)) == (State.DUPLICATE, ["entry", "exit"])


@both
async def test_trap_05_nobody_is_checked_out_by_a_request_that_names_no_list(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect) as gate:
        gate.world.enter(7, 2)
        await a_day(gate)
        for request in gate.server.requests.matching("/checkout/bulk/"):
            assert request.body["checkin_lists"]
        assert gate.types(7, 2) == ["entry"]


@pytest.mark.parametrize("via", ["auto", "checkout"])
async def test_trap_06_a_key_that_is_locked_for_ever_is_left_behind(
    tmp_path: Path, via: Via
) -> None:
    async with bench(tmp_path, FORK, exit_via=via) as gate:
        await an_exit(gate)
        gate.server.faults.add(Fault.WORKER_KILLED, method="POST", times=1)
        (scan,) = await gate.push_all()
        first, *locked, last = told(gate)
        assert (first.status, last.status) == (None, 200)
        assert {request.status for request in locked} == {409}
        assert len(locked) > 1
        assert {mark(request) for request in locked} == {mark(first)} != {mark(last)}
        assert gate.types(1) == ["entry", "exit"]
        assert scan.state is State.CONFIRMED


@pytest.mark.parametrize("fault", [Fault.HTML_500, Fault.DATABASE_LOCKED])
async def test_trap_06_a_failure_that_the_fork_replays_for_a_day_is_left_behind(
    tmp_path: Path, fault: Fault
) -> None:
    async with bench(tmp_path, FORK) as gate:
        await an_exit(gate)
        gate.server.faults.add(fault, path=CHECKOUT, times=1)
        (scan,) = await gate.push_all()
        first, second = told(gate)
        assert (first.status, second.status) == (500, 200)
        assert (scan.state, gate.types(1)) == (State.CONFIRMED, ["entry", "exit"])
        # The key of the first try would have given its failure again.
        again = await gate.client.request(
            "POST", first.path, body=first.body, headers={"X-Idempotency-Key": mark(first)}
        )
        assert again.status == 500


@both
async def test_trap_07_one_passage_is_one_nonce_from_before_the_first_attempt_on(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, exit_via="redeem") as gate:
        await an_exit(gate)
        (written,) = await gate.scans()
        lost = gate.server.faults.add(Fault.RESET_AFTER_COMMIT, path=REDEEM)
        async with gate.pushing():
            await until_true(lambda: lost.hits > 0)
        world = gate.world
    async with bench(tmp_path, dialect, exit_via="redeem", world=world) as gate:
        await gate.pull.remember()
        # Redeem would take a second exit, and a third: here it is not even told.
        assert (await gate.scan(EXIT, 1)).decision.reason == "already_left"
        await gate.push_all()
        exits = [r for r in told(gate) if r.path.endswith("/1/redeem/")]
        assert {request.body["nonce"] for request in exits} == {written.nonce}
        assert gate.types(1) == ["entry", "exit"]


@both
@pytest.mark.parametrize("change", [{"revoked": True}, {"all_events": False}], ids=["401", "403"])
async def test_trap_08_a_token_that_is_turned_away_pauses_the_queue_and_drops_nothing(
    tmp_path: Path, dialect: Dialect, change: dict[str, bool]
) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.ready()
        await gate.scan(ENTRY, 1)
        rights = gate.world.tokens["demo-token"]
        for name, value in change.items():
            setattr(rights, name, value)
        async with gate.pushing():
            await until_true(lambda: gate.level("upload") is Level.ERROR)
            assert await gate.waiting() == 1
            for name, value in change.items():
                setattr(rights, name, not value)
            await gate.until_settled()
        assert gate.types(1) == ["entry"]


@both
async def test_trap_08_the_three_meanings_of_404_are_told_apart(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.ready()
        await gate.scan(ENTRY, 1)
        gate.world.cancel_position(1)
        (scan,) = await gate.push_all()
        assert (scan.state, scan.server_reason) == (State.REFUSED, "invalid")
        scans = {}
        for name, url in (("list", gate.server.url), ("page", gate.server.url + "/elsewhere")):
            await gate.scan(ENTRY, 2 if name == "list" else 3)
            gate.client.url = url
            known = gate.world.lists.pop(1)
            scan = (await gate.scans())[-1]
            with pytest.raises(BadReply) as caught:
                await gate.client.redeem(scan, force=False, pending=False)
            scans[name] = str(caught.value)
            gate.world.lists[1] = known
        assert "does not know this check-in list" in scans["list"]
        assert "with text/html, not JSON: check [server] url" in scans["page"]
        assert await gate.waiting() == 2


@both
async def test_trap_09_what_the_server_fails_on_for_ever_blocks_nothing(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect) as gate:
        for position in (1, 2, 3):
            gate.world.enter(position, 1)
        await gate.ready()
        gate.server.faults.add(Fault.HTML_500, path="/positions/4/redeem/")
        await gate.scan(ENTRY, 4)
        for position in (1, 2, 3):
            await gate.scan(EXIT, position)
        bad, *others = await gate.push_all()
        assert bad.state is State.SHELVED
        assert {scan.state for scan in others} == {State.CONFIRMED}


@both
async def test_trap_09_nothing_is_sent_that_the_fork_crashes_on(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, policy=Policy(exit_not_inside="attention")) as gate:
        await a_day(gate)
        for request in told(gate):
            body = request.body
            assert isinstance(body, dict)
            if request.path.endswith(CHECKOUT):
                assert type(body["position_id"]) is int
                assert type(body["checkin_list_id"]) is int
            else:
                assert body["type"] in {"entry", "exit"}
            assert body["datetime"]


@both
async def test_trap_10_pages_are_counted_and_no_link_is_followed(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, world=small_world(110)) as gate:
        await gate.pull.once()
        pages = gate.server.requests.matching("/positions/")
        assert [request.query["page"] for request in pages] == ["1", "2", "3"]
        assert all(request.path.startswith("/api/v1/") for request in gate.server.requests)
        assert {request.status for request in gate.server.requests} == {200}


async def test_trap_10_a_post_that_is_redirected_is_not_sent_again_as_a_get(
    tmp_path: Path,
) -> None:
    def moved(request: web.BaseRequest) -> web.Response:
        return web.Response(status=301, headers={"Location": f"/tickets{request.path}"})

    async with (
        bench(tmp_path) as gate,
        answering(moved) as (url, asked),
    ):
        await an_exit(gate)
        (scan,) = await gate.scans()
        gate.client.url = url
        with pytest.raises(BadReply, match="the server redirects"):
            await gate.client.checkout(scan, force=False, key=scan.key)
        assert len(asked) == 1


@both
async def test_trap_11_a_ticket_that_comes_twice_has_the_list_read_again(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, world=small_world(120)) as gate:
        gate.after_page(1, lambda: shift(gate.world))
        assert (await gate.pull.once()).tickets == 120
        assert len(gate.server.requests.matching("/positions/")) == 6


@both
async def test_trap_11_a_ticket_is_removed_only_after_a_complete_pass(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, world=small_world(120)) as gate:
        await gate.pull.once()
        for position in (1, 110):
            gate.world.cancel_position(position)
        gate.after_page(2, lambda: gate.server.faults.add(Fault.RESET_BEFORE_COMMIT))
        with pytest.raises(Exception, match="the server does not answer"):
            await gate.pull.once()
        assert await gate.tickets() == 120
        gate.server.faults.clear()
        assert (await gate.pull.once()).vanished == 2


@both
async def test_trap_12_the_check_ins_in_a_redeems_answer_are_not_taken_for_the_present(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.ready()
        await gate.scan(ENTRY, 1)
        await gate.push_all()
        # The answer showed the ticket without the entry it had just recorded.
        assert (await gate.scan(ENTRY, 1)).decision.reason == "already_redeemed"
        assert (await gate.scan(EXIT, 1)).decision.reason == "left"


@both
async def test_trap_13_a_token_that_sees_no_orders_never_empties_the_list(
    tmp_path: Path, dialect: Dialect
) -> None:
    world = small_world()
    world.tokens["team"] = TokenRights(Kind.TEAM)
    async with bench(tmp_path, dialect, world=world, token="Token team") as gate:
        await gate.pull.once()
        world.tokens["team"].can_view_orders = False
        with pytest.raises(NotAuthorized, match=r"may not see the 8 tickets of list 1: give it"):
            await gate.pull.once()
        assert await gate.tickets() == 8
        last = gate.server.requests[-1]
        assert (last.path[-11:], last.status) == ("/positions/", 200)


@both
async def test_trap_14_who_vanished_from_the_list_is_not_let_in_but_still_let_out(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect) as gate:
        for position in (1, 2, 3, 4):
            gate.world.enter(position, 1)
        await gate.ready()
        gate.world.cancel_position(1)
        gate.world.cancel_order(gate.world.positions[2].order)
        old = gate.world.change_secret(3)
        await gate.pull.once()
        answers = [(await gate.scan(EXIT, code)).decision for code in (1, 2, old)]
        assert [one.verdict for one in answers] == ["attention"] * 3
        assert [one.reason for one in answers] == ["canceled", "canceled", "revoked"]
        assert (await gate.scan(ENTRY, 1)).decision.reason == "canceled"


@ways
async def test_trap_15_force_is_a_json_boolean_whenever_it_is_sent(
    tmp_path: Path, dialect: Dialect, via: Via
) -> None:
    policy = Policy(exit_not_inside="attention")
    async with bench(tmp_path, dialect, exit_via=via, policy=policy) as gate:
        await a_day(gate)
        gate.world.enter(7, 1)
        await gate.scan(ENTRY, 7)
        await gate.push_all()
        forces = [request.body["force"] for request in told(gate)]
        assert {type(force) for force in forces} == {bool}
        assert set(forces) == {True, False}


async def test_trap_16_an_answer_about_another_ticket_is_not_taken_for_this_one(
    tmp_path: Path,
) -> None:
    def ignore_the_filter(_: web.BaseRequest) -> web.Response:
        position = {"id": 1, "order": "A", "secret": "another code", "item": 1}
        body = json.dumps({"count": 1, "next": None, "results": [position]})
        return web.Response(text=body, content_type="application/json")

    async with (
        answering(ignore_the_filter) as (url, _),
        bench(tmp_path, url=url, confirm_timeout_ms=PATIENT) as gate,
    ):
        assert await gate.client.ask(1, "a code of nobody") == ()
        shown = await gate.scan(ENTRY, "a code of nobody")
        assert (shown.decision.reason, shown.asked) == ("invalid", True)


@both
async def test_trap_16_positions_are_filtered_only_by_what_the_server_heeds(
    tmp_path: Path, dialect: Dialect
) -> None:
    heeded = {"page", "ignore_status", "secret", "search"}
    async with bench(tmp_path, dialect, confirm_timeout_ms=PATIENT) as gate:
        await a_day(gate)
        asked = gate.server.requests.matching("/positions/", method="GET")
        assert {name for request in asked for name in request.query} == heeded


@ways
async def test_trap_17_every_moment_is_told_in_utc_with_a_z(
    tmp_path: Path, dialect: Dialect, via: Via
) -> None:
    async with bench(tmp_path, dialect, exit_via=via) as gate:
        await a_day(gate)
        sent = [
            request.body["datetime"]
            for request in gate.server.requests.matching(method="POST")
            if request.body
        ]
        pattern = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
        assert [text for text in sent if not re.fullmatch(pattern, text)] == []
        scans = {scan.nonce: scan for scan in await gate.scans()}
        for position in range(1, 6):
            rows = [row for row in gate.rows(position) if row.nonce]
            assert [row.datetime for row in rows] == [scans[str(row.nonce)].dated for row in rows]


@both
async def test_trap_18_what_the_server_will_not_take_even_as_a_fact_is_settled_with_its_reason(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.ready()
        await gate.scan(ENTRY, 1)
        gate.world.lists[1].all_products = False
        (scan,) = await gate.push_all()
        taken = dialect is PRETIX
        assert scan.state is (State.CONFIRMED if taken else State.REFUSED)
        assert (scan.server_reason, gate.types(1)) == ("product", ["entry"] if taken else [])
        # The guest walked in all the same.
        assert await gate.inside() == {1}
