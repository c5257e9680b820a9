"""A real pretix that loses its answers, dies and comes back: counted once, nothing lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from flaky_wire import flaky_wire
from pretix_gate import gate_at_pretix
from pretix_server import Pretix
from pretix_worlds import CROWD

from gated.model import Reason, State, Verdict

pytest_plugins = ("pretix_fixtures",)
pytestmark = [pytest.mark.pretix, pytest.mark.timeout(180, func_only=True)]


async def test_lost_answers_leave_one_row_for_each_scan(pretix: Pretix, tmp_path: Path) -> None:
    guests = [pretix.fresh("paid") for _ in range(2)]
    left: Counter[str] = Counter()

    def loses(first_line: str, status: int) -> bool:
        """The first two answers to each position."""
        if "/redeem/" not in first_line or status != 201:
            return False
        left[first_line] += 1
        return left[first_line] <= 2

    async with (
        flaky_wire(pretix.port, loses=loses) as wire,
        gate_at_pretix(pretix, tmp_path, url=wire.url, confirm_timeout_ms=0) as gate,
    ):
        for guest in guests:
            await gate.scan(guest.secret)
        await gate.settled()
        left.clear()
        await gate.mode("exit")
        for guest in guests:
            await gate.scan(guest.secret)
        scans = await gate.settled()

    assert len(wire.lost) == 8
    assert [scan.state for scan in scans] == [State.CONFIRMED] * 4
    assert min(scan.attempts for scan in scans) == 3
    for guest in guests:
        rows = await pretix.checkins("conf", "all", guest)
        assert [row["type"] for row in rows] == ["entry", "exit"]


async def test_a_lost_answer_is_believed_though_the_order_was_canceled_before_the_retry(
    pretix: Pretix, tmp_path: Path
) -> None:
    guest = pretix.fresh("paid")
    lost = asyncio.Event()
    is_back = False

    def loses(first_line: str, status: int) -> bool:
        if "/redeem/" in first_line and status == 201:
            lost.set()
        return lost.is_set() and not is_back

    async with (
        flaky_wire(pretix.port, loses=loses) as wire,
        gate_at_pretix(pretix, tmp_path, url=wire.url, confirm_timeout_ms=0) as gate,
    ):
        await gate.scan(guest.secret)
        await lost.wait()
        path = f"events/conf/orders/{guest.order}/mark_canceled/"
        assert (await pretix.call("POST", path, {"send_email": False})).status == 200
        is_back = True
        (scan,) = await gate.settled()

    # The nonce is no guard here: pretix looks at the order first and says `canceled`.
    assert (scan.state, scan.via) == (State.DUPLICATE, "redeem")
    rows = await pretix.checkins("conf", "all", guest)
    assert [row["type"] for row in rows] == ["entry"]


async def test_a_lost_answer_to_a_report_leaves_one_row(pretix: Pretix, tmp_path: Path) -> None:
    guest = pretix.fresh("unpaid")
    is_probed = False
    lost: list[str] = []

    def loses(first_line: str, status: int) -> bool:
        if is_probed and "/failed_checkins/" in first_line and status == 201 and len(lost) < 2:
            lost.append(first_line)
            return True
        return False

    async with (
        flaky_wire(pretix.port, loses=loses) as wire,
        gate_at_pretix(pretix, tmp_path, url=wire.url, confirm_timeout_ms=0) as gate,
    ):
        # The gate asked there before, with nothing in hand, whether reports are taken.
        is_probed = True
        await gate.scan(guest.secret)
        (scan,) = await gate.settled()

    assert scan.state is State.CONFIRMED
    assert scan.attempts >= 3
    rows = await pretix.every("events/conf/checkins/?successful=false")
    assert len([row for row in rows if row["position"] == guest.id]) == 1


async def test_a_server_that_dies_in_the_middle_has_every_scan_once_when_it_is_back(
    pretix: Pretix, tmp_path: Path
) -> None:
    guests = [pretix.fresh("paid") for _ in range(12)]
    async with gate_at_pretix(pretix, tmp_path, confirm_timeout_ms=0) as gate:
        for number, guest in enumerate(guests):
            if number == 6:
                pretix.kill()
            shown = await gate.scan(guest.secret)
            assert shown.decision.verdict is Verdict.ADMIT
        await asyncio.to_thread(pretix.start)
        scans = await gate.settled()

    assert {scan.state for scan in scans} <= {State.CONFIRMED, State.DUPLICATE}
    assert len(scans) == len(guests)
    for guest in guests:
        assert len(await pretix.checkins("conf", "all", guest)) == 1


@pytest.mark.timeout(120 + CROWD, func_only=True)
async def test_a_crowd_settles_and_pretix_counts_as_many_as_the_ledger(
    pretix: Pretix, tmp_path: Path
) -> None:
    """CROWD scans: most come in, every tenth shows the ticket twice, every fourth leaves."""
    guests = [pretix.fresh("crowd") for _ in range(CROWD * 10 // 14)]
    leaving = guests[::4]
    async with gate_at_pretix(
        pretix,
        tmp_path,
        event="crowd",
        lists=("crowd",),
        token="pretixscan",
        confirm_timeout_ms=0,
    ) as gate:
        for number, guest in enumerate(guests):
            await gate.scan(guest.secret)
            if number % 10 == 0:
                again = await gate.scan(guest.secret)
                assert again.decision.reason is Reason.ALREADY_REDEEMED
        await gate.mode("exit")
        for guest in leaving:
            assert (await gate.scan(guest.secret)).decision.reason is Reason.LEFT
        scans = await gate.settled(within_s=60 + CROWD)

    passed = [scan for scan in scans if scan.verdict.admits]
    assert {scan.state for scan in scans} <= {State.CONFIRMED, State.DUPLICATE}
    status = (
        await pretix.call("GET", f"events/crowd/checkinlists/{pretix.lists['crowd']}/status/")
    ).body
    assert status["checkin_count"] == len(guests)
    assert status["inside_count"] == len(guests) - len(leaving)
    rows = await pretix.every("events/crowd/checkins/?successful=true")
    there = Counter((row["position"], row["type"], moment(row["datetime"])) for row in rows)
    ours = Counter((scan.position_id, str(scan.type), scan.sent_at) for scan in passed)
    assert there == ours
    refused = await pretix.every("events/crowd/checkins/?successful=false")
    assert len(refused) == len(scans) - len(passed)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
