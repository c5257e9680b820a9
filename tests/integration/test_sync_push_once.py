"""Up, told once: keys, nonces and looking back; and rows that the server fails on for ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gate_bench import ENTRY, EXIT, FORK, PRETIX, QUICK, Bench, Via, bench, small_world, until_true

from gated.config import Policy
from gated.health import Level
from gated.model import State
from gated.server.dialects import Capabilities
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.received import ReceivedRequest
from gated.simulator.records import Kind, TokenRights
from gated.simulator.server import TicketServer

REDEEM, CHECKOUT = "/redeem/", "/checkout/single/"

ways = pytest.mark.parametrize(
    ("dialect", "via"),
    [(FORK, "auto"), (FORK, "redeem"), (PRETIX, "auto")],
)


def told(server: TicketServer) -> list[ReceivedRequest]:
    return [
        request
        for request in server.requests.matching(method="POST")
        if request.path.endswith((REDEEM, CHECKOUT)) and request.body
    ]


def keys(server: TicketServer) -> list[str]:
    return [request.headers["x-idempotency-key"] for request in told(server)]


def then_fail(gate: Bench, *faults: Fault) -> None:
    """Strike the first checkout with the first fault, the second with the second, and so on."""
    waiting = list(faults)

    def next_fault() -> None:
        if waiting and len(told(gate.server)) == len(faults) - len(waiting):
            gate.server.faults.add(waiting.pop(0), method="POST", path=CHECKOUT, times=1)

    next_fault()
    gate.client.on_answer = next_fault


async def an_exit(gate: Bench, position: int = 1) -> None:
    gate.world.enter(position, 1)
    await gate.ready()
    await gate.scan(EXIT, position)


async def test_an_answer_lost_after_a_failure_keeps_the_key_of_that_try(tmp_path: Path) -> None:
    async with bench(tmp_path, FORK) as gate:
        await an_exit(gate)
        then_fail(gate, Fault.HTML_500, Fault.RESET_AFTER_COMMIT)
        (scan,) = await gate.push_all()
        first, second, third = keys(gate.server)
        assert first != second == third
        assert (scan.state, gate.types(1)) == (State.CONFIRMED, ["entry", "exit"])


async def test_a_forced_exit_in_hand_at_the_server_is_not_told_beside_it(tmp_path: Path) -> None:
    policy = Policy(exit_not_inside="attention")
    async with bench(tmp_path, FORK, policy=policy, timeout_s=0.15) as gate:
        await gate.ready()
        await gate.scan(EXIT, 1)

        def slow_second() -> None:
            if [request.status for request in told(gate.server)] == [400]:
                gate.server.faults.add(Fault.LATENCY, method="POST", times=1, latency_s=0.4)

        gate.client.on_answer = slow_second
        (scan,) = await gate.push_all()
        await gate.server.settled()
        assert (scan.state, gate.types(1)) == (State.CONFIRMED, ["exit"])
        assert 409 in {request.status for request in told(gate.server)}
        assert len(set(keys(gate.server))) == 2


async def test_no_key_is_ever_used_for_two_requests_that_differ(tmp_path: Path) -> None:
    policy = Policy(exit_not_inside="attention")
    patience = replace(QUICK, strikes=1000, quiet_strikes=1000)
    world = small_world(6)
    async with bench(tmp_path, FORK, world=world, policy=policy, patience=patience) as gate:
        await gate.ready()
        for fault in (Fault.RESET_AFTER_COMMIT, Fault.HTML_500, Fault.RESET_BEFORE_COMMIT):
            gate.server.faults.add(fault, method="POST", path=CHECKOUT, probability=0.3, times=6)
        for position in range(1, 7):
            await gate.scan(EXIT, position)
        await gate.push_all()
        bodies: dict[str, object] = {}
        for request in told(gate.server):
            key = request.headers["x-idempotency-key"]
            assert bodies.setdefault(key, request.body) == request.body
        assert [gate.types(position) for position in range(1, 7)] == [["exit"]] * 6


async def test_a_locked_key_is_given_up_only_after_a_look(tmp_path: Path) -> None:
    async with bench(tmp_path, FORK) as gate:
        await an_exit(gate)
        gate.server.faults.add(Fault.WORKER_KILLED, method="POST", times=1)
        await gate.push_all()
        order = [
            "look" if request.method == "GET" else str(request.status)
            for request in gate.server.requests
            if request.path.endswith((CHECKOUT, "/positions/"))
        ]
        assert order[-3:] == ["409", "look", "200"]
        assert "look" not in order[:-2]


async def test_a_scan_on_no_list_any_more_is_looked_for_in_its_order(tmp_path: Path) -> None:
    async with bench(tmp_path, FORK) as gate:
        await an_exit(gate)
        gate.server.faults.add(Fault.HTML_500_AFTER_COMMIT, method="POST", times=1)

        def leaves_the_list() -> None:
            if told(gate.server):
                gate.world.cancel_position(1)
                gate.client.on_answer = None

        gate.client.on_answer = leaves_the_list
        (scan,) = await gate.push_all()
        assert (scan.state, gate.types(1)) == (State.DUPLICATE, ["entry", "exit"])


@ways
@pytest.mark.parametrize("recorded", [True, False])
async def test_after_re_enrolment_what_may_have_counted_is_looked_for_first(
    tmp_path: Path, dialect: Dialect, via: Via, recorded: bool
) -> None:
    world = small_world(3)
    fault = Fault.RESET_AFTER_COMMIT if recorded else Fault.RESET_BEFORE_COMMIT
    async with bench(tmp_path, dialect, world=world, exit_via=via) as gate:
        world.enter(1, 1)
        await gate.ready()
        await gate.scan(EXIT, 1)
        await gate.scan(ENTRY, 2)
        lost = gate.server.faults.add(fault, method="POST")
        async with gate.pushing():
            await until_true(lambda: len(told(gate.server)) >= 2)
        assert lost.hits >= 2
        world.tokens["demo-token"].revoked = True
        async with gate.pushing():
            await until_true(lambda: gate.level("upload") is Level.ERROR)
        assert await gate.waiting() == 2
    world.tokens["other"] = TokenRights(Kind.DEVICE, "full", device_id=99)
    async with bench(tmp_path, dialect, world=world, exit_via=via, token="other") as gate:
        await gate.pull.probe()
        gate.server.requests.clear()
        # Somebody comes in between, so that the server no longer sees the nonce on top.
        world.enter(2, 1)
        scans = await gate.push_all()
        assert gate.types(1) == ["entry", "exit"]
        assert [row.nonce for row in gate.rows(2)].count(scans[1].nonce) == 1
        states = {scan.state for scan in scans}
        assert states == {State.DUPLICATE if recorded else State.CONFIRMED}
        assert len(gate.server.requests.matching("/positions/", method="GET")) >= 2


async def test_a_rolled_token_keeps_every_row_until_the_new_one_is_there(tmp_path: Path) -> None:
    world = small_world(5)
    async with bench(tmp_path, FORK, world=world) as gate:
        await gate.ready()
        for position in range(1, 6):
            await gate.scan(ENTRY, position)
        world.tokens["new"] = world.tokens.pop("demo-token")
        async with gate.pushing():
            await until_true(lambda: gate.level("upload") is Level.ERROR)
        assert gate.words("upload") == "paused: the server says 401: Invalid token."
        assert await gate.waiting() == 5
    async with bench(tmp_path, FORK, world=world, token="new") as gate:
        await gate.pull.probe()
        assert {scan.state for scan in await gate.push_all()} == {State.CONFIRMED}
        assert [gate.types(position) for position in range(1, 6)] == [["entry"]] * 5


@pytest.mark.parametrize("fault", [Fault.HTML_500, Fault.RESET_BEFORE_COMMIT, Fault.UNAVAILABLE])
async def test_on_a_quiet_gate_too_a_row_the_server_always_fails_on_ends_on_the_shelf(
    tmp_path: Path, fault: Fault
) -> None:
    async with bench(tmp_path) as gate:
        await gate.ready()
        gate.server.faults.add(fault, path="/positions/1/redeem/")
        await gate.scan(ENTRY, 1)
        async with gate.pushing():
            await until_true(lambda: gate.level("shelf") is Level.WARNING)
        (scan,) = await gate.scans()
        assert (scan.state, scan.server_reason) == (State.SHELVED, "failed")
        await gate.scan(ENTRY, 2)
        await gate.push_all()
        assert gate.types(2) == ["entry"]
        await until_true(lambda: gate.level("upload") is Level.OK)


async def test_a_server_that_is_away_shelves_nothing_however_often_it_is_tried(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as gate:
        await gate.ready()
        await gate.scan(ENTRY, 1)
        lost = gate.server.faults.add(Fault.RESET_BEFORE_COMMIT)
        async with gate.pushing():
            await until_true(lambda: lost.hits > 40)
            assert await gate.waiting() == 1
            gate.server.faults.clear()
            await gate.until_settled()
        assert gate.types(1) == ["entry"]


async def test_a_row_over_which_the_server_hangs_holds_up_nobody_else(tmp_path: Path) -> None:
    async with bench(tmp_path, timeout_s=0.2, world=small_world(6)) as gate:
        await gate.ready()
        gate.server.faults.add(Fault.LATENCY, path="/positions/1/redeem/", latency_s=30)
        for position in range(1, 7):
            await gate.scan(ENTRY, position)
        async with gate.pushing():
            await until_true(lambda: len(gate.settled) >= 5)
        assert [gate.types(position) for position in range(1, 7)] == [[], *[["entry"]] * 5]


@pytest.mark.parametrize("path", ["/positions/1/redeem/", ""])
async def test_a_server_that_asks_to_be_left_alone_is(tmp_path: Path, path: str) -> None:
    async with bench(tmp_path) as gate:
        await gate.ready()
        for position in (1, 2):
            await gate.scan(ENTRY, position)
        busy = gate.server.faults.add(Fault.TOO_MANY_REQUESTS, method="POST", path=path)
        async with gate.pushing():
            await until_true(lambda: busy.hits > 4)
            assert gate.words("upload") == "waiting: the server says later (429)"
            await until_true(lambda: bool(path) is (gate.types(2) == ["entry"]))
            gate.server.faults.clear()
            await gate.until_settled()
        assert [gate.types(position) for position in (1, 2)] == [["entry"]] * 2
        assert {scan.state for scan in await gate.scans()} == {State.CONFIRMED}


async def test_two_poisoned_rows_do_not_keep_each_other_from_the_shelf(tmp_path: Path) -> None:
    async with bench(tmp_path) as gate:
        await gate.ready()
        for position in (1, 2):
            gate.server.faults.add(Fault.HTML_500, path=f"/positions/{position}/redeem/")
            await gate.scan(ENTRY, position)
        scans = await gate.push_all()
        assert {scan.state for scan in scans} == {State.SHELVED}


async def test_the_shelf_is_still_said_after_a_restart(tmp_path: Path) -> None:
    async with bench(tmp_path) as gate:
        await gate.ready()
        gate.server.faults.add(Fault.HTML_500, path="/positions/1/redeem/")
        await gate.scan(ENTRY, 1)
        await gate.push_all()
        world = gate.world
    async with bench(tmp_path, world=world) as gate, gate.pushing():
        await until_true(lambda: gate.level("shelf") is Level.WARNING)


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_COMMIT, Fault.HTML_500])
async def test_what_the_server_minded_is_known_though_the_fact_was_told_later(
    tmp_path: Path, fault: Fault
) -> None:
    async with bench(tmp_path, FORK) as gate:
        await gate.ready()
        gate.world.enter(1, 1)
        await gate.scan(ENTRY, 1)

        def then_fails() -> None:
            if [request.status for request in told(gate.server)] == [400]:
                gate.server.faults.add(fault, method="POST", times=2)

        gate.client.on_answer = then_fails
        (scan,) = await gate.push_all()
        assert [request.body["force"] for request in told(gate.server)] == [False, True, True, True]
        assert (scan.state, scan.server_reason) == (State.CONFIRMED, "already_redeemed")
        assert gate.types(1) == ["entry", "entry"]


async def test_while_the_way_is_not_known_nothing_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path, FORK) as gate:
        await gate.pull.once()
        await gate.scan(ENTRY, 1)
        async with gate.pushing():
            await until_true(lambda: gate.level("upload") is Level.WARNING)
            assert told(gate.server) == []
            gate.pull.capabilities = Capabilities("3.18.0.dev0")
            gate.push.back()
            await gate.until_settled()
        assert gate.types(1) == ["entry"]


async def test_a_server_that_takes_nothing_is_not_asked_about_every_scan(tmp_path: Path) -> None:
    patience = replace(QUICK, longest_s=600, first_s=600, rest_s=0.2, longest_rest_s=0.2)
    async with bench(tmp_path, world=small_world(60), patience=patience) as gate:
        await gate.ready()
        for position in range(1, 61):
            await gate.scan(ENTRY, position)
        gate.server.faults.add(Fault.HTML_500, method="POST")
        async with gate.pushing():
            await until_true(lambda: gate.words("upload").startswith("waiting"))
            assert "the server fails on everything" in gate.words("upload")
            assert len({request.path for request in told(gate.server)}) < 20
            gate.server.faults.clear()
            gate.push.back()
            await gate.until_settled()
        assert {scan.state for scan in await gate.scans()} == {State.CONFIRMED}
