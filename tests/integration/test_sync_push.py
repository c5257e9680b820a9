"""Up: every scan is told once, whatever the network and the server do, and none is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from gate_bench import (
    ENTRY,
    EXIT,
    FORK,
    PRETIX,
    QUICK,
    Bench,
    Via,
    bench,
    sell,
    small_world,
    until_true,
)

from gated.config import Policy
from gated.health import Level
from gated.model import Scan, State
from gated.server.dialects import Capabilities
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.received import ReceivedRequest
from gated.simulator.records import Kind, TokenRights
from gated.sync import push

REDEEM, CHECKOUT = "/redeem/", "/checkout/single/"

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


def told(gate: Bench) -> list[ReceivedRequest]:
    """The attempts to tell the server something."""
    return [
        request
        for request in gate.server.requests.matching(method="POST")
        if request.path.endswith((REDEEM, CHECKOUT)) and request.body
    ]


def mark(request: ReceivedRequest) -> str:
    """What makes a retry count once."""
    return request.headers.get("x-idempotency-key") or str(request.body["nonce"])


async def an_exit(gate: Bench, position: int = 1) -> Scan:
    """Somebody who came in elsewhere leaves here."""
    gate.world.enter(position, 1)
    await gate.ready()
    shown = await gate.scan(EXIT, position)
    assert shown.decision.reason == "left"
    return shown.scans[0]


async def an_entry(gate: Bench, position: int = 1) -> Scan:
    await gate.ready()
    return (await gate.scan(ENTRY, position)).scans[0]


kinds = pytest.mark.parametrize(
    ("make", "word", "before"), [(an_entry, "entry", 0), (an_exit, "exit", 1)]
)
Make = Callable[[Bench], Awaitable[Scan]]


@ways
async def test_an_entry_and_its_exit_are_each_told_once(
    tmp_path: Path, dialect: Dialect, via: Via
) -> None:
    async with bench(tmp_path, dialect, exit_via=via) as gate:
        await gate.ready()
        await gate.scan(ENTRY, 1)
        await gate.scan(EXIT, 1)
        async with gate.pushing():
            await until_true(lambda: len(gate.settled) == 2)
        scans = await gate.scans()
        assert [scan.state for scan in scans] == [State.CONFIRMED] * 2
        assert gate.types(1) == ["entry", "exit"]
        assert [row.datetime for row in gate.rows(1)] == [scan.dated for scan in scans]
        paths = [request.path.rpartition("/conf")[2] for request in told(gate)]
        by_checkout = dialect is FORK and via != "redeem"
        assert paths[0].endswith(REDEEM)
        assert paths[1].endswith(CHECKOUT if by_checkout else REDEEM)
        assert [request.status for request in told(gate)] == [201, 200 if by_checkout else 201]
        assert [outcome.state for _, outcome in gate.settled] == [State.CONFIRMED] * 2
        assert gate.level("upload") is Level.OK


async def a_crowd_in_hand(gate: Bench, guests: int) -> None:
    """Guests came while the server was away; it is back, and takes its time.

    Taken in hand are two of them, then four, then eight.
    """
    await gate.ready()
    for number in range(1, guests + 1):
        await gate.scan(ENTRY, number)
    gate.server.faults.add(Fault.LATENCY, latency_s=0.2, path=REDEEM)


async def test_many_attempts_are_on_the_disk_before_the_first_of_them_is_made(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, world=small_world(20)) as gate:
        await a_crowd_in_hand(gate, 20)
        async with gate.pushing():
            await gate.server.requests.arrived(REDEEM, count=7)
            scans = await gate.scans()
        assert [scan.attempts for scan in scans] == [1] * 14 + [0] * 6
        assert {scan.sent_at == scan.dated for scan in scans[:14]} == {True}


async def test_what_the_time_or_the_server_did_not_suffice_for_was_not_attempted(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, world=small_world(20)) as gate:
        await a_crowd_in_hand(gate, 20)
        async with gate.pushing():
            await gate.server.requests.arrived(REDEEM, count=7)
            gate.server.faults.add(Fault.RESET_BEFORE_COMMIT)
            await until_true(lambda: gate.level("upload") is Level.WARNING)
            counts = [scan.attempts for scan in await gate.scans()]
            assert counts[10:] == [0] * 10
            gate.server.faults.clear()
            await gate.until_settled()
        scans = await gate.scans()
        assert {scan.state for scan in scans} == {State.CONFIRMED}
        assert all(gate.types(number) == ["entry"] for number in range(1, 21))


async def test_scans_that_are_not_reached_in_time_are_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "_HAND_S", 0.0)
    async with bench(tmp_path, world=small_world(9)) as gate:
        await gate.ready()
        for number in range(1, 10):
            await gate.scan(ENTRY, number)
        scans = await gate.push_all()
        assert [(scan.state, scan.attempts) for scan in scans] == [(State.CONFIRMED, 1)] * 9
        assert len(told(gate)) == 9


async def test_scans_in_hand_are_left_as_they_were_when_the_gate_stops(tmp_path: Path) -> None:
    async with bench(tmp_path, world=small_world(20)) as gate:
        await a_crowd_in_hand(gate, 20)
        async with gate.pushing():
            await gate.server.requests.arrived(REDEEM, count=7)
        scans = await gate.scans()
        assert [scan.attempts for scan in scans] == [1] * 8 + [0] * 12
        assert [scan.state for scan in scans] == [State.CONFIRMED] * 6 + [State.WAITING] * 14


@ways
@kinds
@pytest.mark.parametrize(
    "fault", [Fault.RESET_AFTER_COMMIT, Fault.TRUNCATED_BODY, Fault.RESET_BEFORE_COMMIT]
)
async def test_a_lost_answer_is_asked_for_again_with_the_same_mark(
    tmp_path: Path, dialect: Dialect, via: Via, make: Make, word: str, before: int, fault: Fault
) -> None:
    async with bench(tmp_path, dialect, exit_via=via) as gate:
        await make(gate)
        gate.server.faults.add(fault, method="POST", times=3)
        (scan,) = await gate.push_all()
        assert gate.types(1)[before:] == [word]
        assert scan.state is State.CONFIRMED
        assert (scan.attempts, len(told(gate))) == (4, 4)
        assert len({mark(request) for request in told(gate)}) == 1
        assert len({request.body["datetime"] for request in told(gate)}) == 1


@ways
@kinds
async def test_an_answer_that_comes_too_late_was_counted_all_the_same(
    tmp_path: Path, dialect: Dialect, via: Via, make: Make, word: str, before: int
) -> None:
    async with bench(tmp_path, dialect, exit_via=via, timeout_s=0.1) as gate:
        await make(gate)
        gate.server.faults.add(Fault.LATENCY, method="POST", times=1, latency_s=0.25)
        (scan,) = await gate.push_all()
        await gate.server.settled()
        assert gate.types(1)[before:] == [word]
        assert scan.state in {State.CONFIRMED, State.DUPLICATE}


@ways
@kinds
@pytest.mark.parametrize("fault", [Fault.HTML_500, Fault.DATABASE_LOCKED])
async def test_a_failure_before_the_commit_is_tried_again_with_a_fresh_key(
    tmp_path: Path, dialect: Dialect, via: Via, make: Make, word: str, before: int, fault: Fault
) -> None:
    async with bench(tmp_path, dialect, exit_via=via) as gate:
        await make(gate)
        gate.server.faults.add(fault, method="POST", times=2)
        (scan,) = await gate.push_all()
        assert gate.types(1)[before:] == [word]
        assert scan.state is State.CONFIRMED
        keyed = [request for request in told(gate) if request.path.endswith(CHECKOUT)]
        assert len({mark(request) for request in keyed}) == len(keyed)
        looked = gate.server.requests.matching("/positions/", method="GET")
        assert [request.query["search"] for request in looked] == [scan.order_code] * 2


@ways
@kinds
async def test_a_failure_after_the_commit_is_read_back_and_not_told_again(
    tmp_path: Path, dialect: Dialect, via: Via, make: Make, word: str, before: int
) -> None:
    async with bench(tmp_path, dialect, exit_via=via) as gate:
        await make(gate)
        gate.server.faults.add(Fault.HTML_500_AFTER_COMMIT, method="POST", times=1)
        (scan,) = await gate.push_all()
        assert gate.types(1)[before:] == [word]
        assert (scan.state, len(told(gate))) == (State.DUPLICATE, 1)


async def test_a_failure_of_a_big_order_is_read_back_to_its_last_ticket(tmp_path: Path) -> None:
    world = small_world(1)
    for _ in range(70):
        last = sell(world, addon_to=1)
    async with bench(tmp_path, world=world) as gate:
        await gate.ready()
        await gate.scan(ENTRY, last.id)
        gate.server.faults.add(Fault.HTML_500_AFTER_COMMIT, method="POST", times=1)
        (scan,) = await gate.push_all()
        assert (scan.state, gate.types(last.id)) == (State.DUPLICATE, ["entry"])


async def test_an_endpoint_that_went_away_is_not_replaced_before_reading_back(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, FORK) as gate:
        await an_exit(gate)
        lost = gate.server.faults.add(Fault.RESET_AFTER_COMMIT, path=CHECKOUT)
        async with gate.pushing():
            await until_true(lambda: lost.hits > 0)
        gate.pull.capabilities = Capabilities("3.18.0.dev0")
        (scan,) = await gate.push_all()
        assert gate.types(1) == ["entry", "exit"]
        assert scan.state is State.DUPLICATE


async def test_nothing_is_told_of_exits_while_the_way_is_not_known(tmp_path: Path) -> None:
    async with bench(tmp_path, FORK) as gate:
        gate.world.enter(1, 1)
        await gate.pull.once()
        await gate.scan(EXIT, 1)
        async with gate.pushing():
            await until_true(lambda: gate.level("upload") is Level.WARNING)
            assert gate.words("upload") == "waiting: not yet known what the server can do"
            assert told(gate) == []
            await gate.pull.probe()
            await gate.until_settled()
        assert gate.types(1) == ["entry", "exit"]


@both
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"active": False}, "paused: the server says 401: Token inactive or deleted."),
        ({"all_events": False}, "paused: the server says 403: You do not have permission"),
        (
            {"can_checkin_orders": False, "can_change_orders": False},
            "paused: the server says 403: You do not have permission",
        ),
    ],
    ids=["token", "event", "right"],
)
async def test_without_the_right_nothing_is_lost_and_it_goes_on_when_it_is_back(
    tmp_path: Path, dialect: Dialect, change: dict[str, bool], words: str
) -> None:
    world = small_world()
    world.tokens["team"] = TokenRights(Kind.TEAM)
    async with bench(tmp_path, dialect, world=world, token="Token team") as gate:
        await gate.ready()
        for position in (1, 2, 3):
            await gate.scan(ENTRY, position)
        for name in change:
            setattr(world.tokens["team"], name, False)
        async with gate.pushing():
            await until_true(lambda: len(told(gate)) >= 6)
            assert gate.level("upload") is Level.ERROR
            assert gate.words("upload").startswith(words)
            assert await gate.waiting() == 3
            assert world.checkins == {}
            for name in change:
                setattr(world.tokens["team"], name, True)
            await gate.until_settled()
            await until_true(lambda: gate.level("upload") is Level.OK)
        assert [gate.types(position) for position in (1, 2, 3)] == [["entry"]] * 3


def poison(gate: Bench, position: int) -> None:
    """Let the server fail on the redemption of one ticket, for ever."""
    gate.server.faults.add(Fault.HTML_500, path=f"/positions/{position}/redeem/")


async def until_shelved(gate: Bench) -> None:
    """Others come meanwhile, and the server takes them."""
    for position in range(2, len(gate.world.positions) + 1):
        await gate.scan(ENTRY, position)
        await until_true(partial(is_told, gate, position))
        if gate.level("shelf") is not None:
            return
    raise AssertionError("nothing was shelved")


def is_told(gate: Bench, position: int) -> bool:
    return any(scan.position_id == position for scan, _ in gate.settled)


async def test_a_poisoned_row_never_holds_up_the_rest_and_ends_on_the_shelf(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, world=small_world(40)) as gate:
        await gate.ready()
        poison(gate, 1)
        await gate.scan(ENTRY, 1)
        async with gate.pushing():
            await until_shelved(gate)
            await gate.until_settled()
        assert gate.words("shelf").startswith("a person is needed for 1 scan")
        bad, *others = await gate.scans()
        assert (bad.state, gate.types(1)) == (State.SHELVED, [])
        assert bad.attempts >= QUICK.strikes
        assert len(others) >= QUICK.strikes
        assert {scan.state for scan in others} == {State.CONFIRMED}


async def test_a_row_on_the_shelf_lets_the_later_ones_of_its_ticket_go(tmp_path: Path) -> None:
    async with bench(tmp_path, world=small_world(40), exit_via="checkout") as gate:
        await gate.ready()
        poison(gate, 1)
        await gate.scan(ENTRY, 1)
        await gate.scan(EXIT, 1)
        async with gate.pushing():
            await until_shelved(gate)
            await gate.until_settled()
        assert gate.types(1) == ["exit"]


async def test_a_server_that_fails_on_everything_shelves_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as gate:
        await gate.ready()
        for position in (1, 2, 3):
            await gate.scan(ENTRY, position)
        broken = gate.server.faults.add(Fault.HTML_500, method="POST")
        async with gate.pushing():
            await until_true(lambda: broken.hits > 6 * QUICK.strikes)
            assert await gate.waiting() == 3
            gate.server.faults.clear()
            await gate.until_settled()
        assert [scan.state for scan in await gate.scans()] == [State.CONFIRMED] * 3
        assert [gate.types(position) for position in (1, 2, 3)] == [["entry"]] * 3


@both
async def test_a_portal_in_the_way_loses_nothing(tmp_path: Path, dialect: Dialect) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.ready()
        for position in (1, 2, 3):
            await gate.scan(ENTRY, position)
        portal = gate.server.faults.add(Fault.CAPTIVE_PORTAL)
        async with gate.pushing():
            await until_true(lambda: portal.hits > 20)
            assert await gate.waiting() == 3
            gate.server.faults.clear()
            await gate.until_settled()
        assert [gate.types(position) for position in (1, 2, 3)] == [["entry"]] * 3


@ways
async def test_a_ticket_canceled_meanwhile_ends_with_the_servers_word(
    tmp_path: Path, dialect: Dialect, via: Via
) -> None:
    async with bench(tmp_path, dialect, exit_via=via) as gate:
        await gate.ready()
        await gate.scan(ENTRY, 1)
        gate.world.enter(2, 1)
        await gate.pull.once()
        await gate.scan(EXIT, 2)
        for position in (1, 2):
            gate.world.cancel_position(position)
        scans = await gate.push_all()
        assert [scan.state for scan in scans] == [State.REFUSED] * 2
        assert [scan.server_reason for scan in scans] == ["invalid"] * 2
        assert all(scan.server_message for scan in scans)
        assert (gate.types(1), gate.types(2)) == ([], ["entry"])


@both
async def test_an_entry_that_another_gate_was_first_with_is_told_as_a_fact(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.ready()
        gate.world.enter(1, 1)
        await gate.scan(ENTRY, 1)
        (scan,) = await gate.push_all()
        assert (scan.state, scan.server_reason) == (State.CONFIRMED, "already_redeemed")
        assert "recorded all the same" in scan.server_message
        assert [request.body["force"] for request in told(gate)] == [False, True]
        assert gate.types(1) == ["entry", "entry"]


@both
@pytest.mark.parametrize("fault", [Fault.RESET_AFTER_COMMIT, Fault.HTML_500_AFTER_COMMIT])
async def test_a_fact_whose_answer_was_lost_is_told_once(
    tmp_path: Path, dialect: Dialect, fault: Fault
) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.ready()
        gate.world.enter(1, 1)
        await gate.scan(ENTRY, 1)

        def second_post_fails() -> None:
            if [request.status for request in told(gate)] == [400]:
                gate.server.faults.add(fault, method="POST", times=1)

        gate.client.on_answer = second_post_fails
        (scan,) = await gate.push_all()
        assert gate.types(1) == ["entry", "entry"]
        is_lost = fault is Fault.RESET_AFTER_COMMIT
        assert scan.state is (State.CONFIRMED if is_lost else State.DUPLICATE)
        forced = [request.body["force"] for request in told(gate)]
        assert forced == [False, True, True][: 3 if is_lost else 2]


@ways
async def test_the_exit_of_somebody_who_never_came_in_is_told_as_a_fact(
    tmp_path: Path, dialect: Dialect, via: Via
) -> None:
    policy = Policy(exit_not_inside="attention")
    async with bench(tmp_path, dialect, exit_via=via, policy=policy) as gate:
        await gate.ready()
        shown = await gate.scan(EXIT, 1)
        assert (shown.decision.verdict, shown.decision.reason) == ("attention", "not_checked_in")
        (scan,) = await gate.push_all()
        by_checkout = dialect is FORK and via != "redeem"
        assert scan.state is State.CONFIRMED
        assert scan.server_reason == ("not_checked_in" if by_checkout else "")
        assert [request.body["force"] for request in told(gate)] == (
            [False, True] if by_checkout else [False]
        )
        assert gate.types(1) == ["exit"]


@ways
@pytest.mark.parametrize("fault", [None, Fault.RESET_AFTER_COMMIT, Fault.HTML_500])
async def test_a_guest_whose_order_was_canceled_meanwhile_is_out_for_the_server_too(
    tmp_path: Path, dialect: Dialect, via: Via, fault: Fault | None
) -> None:
    async with bench(tmp_path, dialect, exit_via=via) as gate:
        gate.world.enter(1, 1)
        gate.world.cancel_order(gate.world.positions[1].order)
        await gate.ready()
        shown = await gate.scan(EXIT, 1)
        assert (shown.decision.verdict, shown.decision.reason) == ("attention", "canceled")
        if fault:
            gate.server.faults.add(fault, method="POST", path=CHECKOUT, times=1)
            gate.server.faults.add(fault, method="POST", path=REDEEM, times=1)
        (scan,) = await gate.push_all()
        assert scan.state in {State.CONFIRMED, State.DUPLICATE}
        assert gate.types(1) == ["entry", "exit"]
        assert gate.world.inside(1) == set()


@both
async def test_an_unpaid_guest_whom_the_list_admits_is_told_as_such(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect) as gate:
        gate.world.orders[gate.world.positions[1].order].status = "n"
        gate.world.lists[1].include_pending = True
        await gate.ready()
        await gate.scan(ENTRY, 1)
        (scan,) = await gate.push_all()
        assert scan.state is State.CONFIRMED
        assert [request.body["ignore_unpaid"] for request in told(gate)] == [True]


@both
async def test_refusals_are_reported_where_the_server_keeps_them(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect) as gate:
        gate.world.enter(1, 1)
        await gate.ready()
        for code in (1, "a code of nobody"):
            await gate.scan(ENTRY, code)
        scans = await gate.push_all()
        kept = [row for row in gate.world.checkins.values() if not row.successful]
        reported = dialect is PRETIX
        assert [scan.state for scan in scans] == [State.CONFIRMED if reported else State.LOCAL] * 2
        assert [(row.error_reason, row.raw_barcode) for row in kept] == (
            [("already_redeemed", gate.secret(1)), ("invalid", "a code of nobody")]
            if reported
            else []
        )
        assert gate.types(1) == ["entry"]
        texts = await gate.store.read(
            lambda db: [row[0] for row in db.execute("SELECT secret_text FROM scans")]
        )
        assert texts == [None, None]


async def test_a_report_whose_answer_was_lost_is_kept_once(tmp_path: Path) -> None:
    async with bench(tmp_path, PRETIX) as gate:
        await gate.ready()
        await gate.scan(ENTRY, "a code of nobody")
        gate.server.faults.add(Fault.RESET_AFTER_COMMIT, method="POST", times=2)
        (scan,) = await gate.push_all()
        assert (scan.state, len(gate.world.checkins)) == (State.CONFIRMED, 1)


@ways
async def test_a_day_without_network_is_told_once_and_in_order(
    tmp_path: Path, dialect: Dialect, via: Via
) -> None:
    async with bench(tmp_path, dialect, world=small_world(12), exit_via=via) as gate:
        await gate.ready()
        async with gate.pushing():
            await gate.server.unplug()
            for kind in (ENTRY, EXIT, ENTRY):
                for position in range(1, 13):
                    assert (await gate.scan(kind, position)).decision.verdict == "admit"
            await until_true(lambda: gate.level("upload") is Level.WARNING)
            assert await gate.waiting() == 36
            await gate.server.plug()
            await gate.until_settled()
        scans = await gate.scans()
        assert {scan.state for scan in scans} == {State.CONFIRMED}
        assert [gate.types(position) for position in range(1, 13)] == [
            ["entry", "exit", "entry"]
        ] * 12
        assert gate.world.inside(1) == await gate.inside() == set(range(1, 13))


@ways
async def test_a_storm_of_every_fault_loses_nothing_and_counts_nothing_twice(
    tmp_path: Path, dialect: Dialect, via: Via
) -> None:
    patience = replace(QUICK, strikes=1000, quiet_strikes=1000)
    async with bench(
        tmp_path, dialect, world=small_world(10), exit_via=via, patience=patience
    ) as gate:
        await gate.ready()
        for fault in (
            Fault.RESET_BEFORE_COMMIT,
            Fault.RESET_AFTER_COMMIT,
            Fault.TRUNCATED_BODY,
            Fault.HTML_500,
            Fault.HTML_500_AFTER_COMMIT,
            Fault.DATABASE_LOCKED,
            Fault.WORKER_KILLED,
            Fault.UNAVAILABLE,
            Fault.CAPTIVE_PORTAL,
        ):
            gate.server.faults.add(fault, probability=0.08, times=15)
        async with gate.pushing():
            for kind in (ENTRY, EXIT, ENTRY):
                for position in range(1, 11):
                    await gate.scan(kind, position)
            await gate.until_settled()
        states = {scan.state for scan in await gate.scans()}
        assert states <= {State.CONFIRMED, State.DUPLICATE}
        assert [gate.types(position) for position in range(1, 11)] == [
            ["entry", "exit", "entry"]
        ] * 10
        assert sum(active.hits for active in gate.server.faults._active) > 20


async def test_after_a_restart_what_waits_is_told_with_the_same_mark(tmp_path: Path) -> None:
    async with bench(tmp_path, FORK) as gate:
        await an_exit(gate)
        lost = gate.server.faults.add(Fault.RESET_AFTER_COMMIT, path=CHECKOUT)
        async with gate.pushing():
            await until_true(lambda: lost.hits > 0)
        (first, *_) = told(gate)
        world, keys = gate.world, gate.server.keys
    async with bench(tmp_path, FORK, world=world) as gate:
        gate.server.keys = keys
        await gate.pull.remember()
        (scan,) = await gate.push_all()
        assert [mark(request) for request in told(gate)] == [mark(first)]
        assert (scan.state, gate.types(1)) == (State.CONFIRMED, ["entry", "exit"])
