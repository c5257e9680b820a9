"""What changes elsewhere between two complete passes, from a real server over HTTP."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rig import LIST, Bench, gate_before_window

from gated.errors import ServerUnreachable
from gated.model import Reason, Verdict
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.received import ReceivedRequest
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import facts, tickets
from gated.store.rows import moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

both = pytest.mark.parametrize("dialect", list(Dialect))


@dataclass
class Following:
    server: TicketServer
    world: World
    bench: Bench

    async def look(self) -> int:
        """One look at the feed; the world's clock has moved on since the last change."""
        taken = await self.bench.parts.sync.changes.once()
        assert taken is not None
        return taken

    async def exit_of(self, position_id: int) -> tuple[Verdict, Reason]:
        answer = await self.bench.scan(self.world.positions[position_id].secret)
        return answer.decision.verdict, answer.decision.reason


@asynccontextmanager
async def following(
    folder: Path, dialect: Dialect = Dialect.FORK, *, guests: int = 60, mode: str = "exit"
) -> AsyncIterator[Following]:
    """A gate that follows by hand and never asks: what it knows, it knows from the feed."""
    world = World.made_up(guests, seed=5)
    async with (
        TicketServer(world, dialect=dialect) as server,
        gate_before_window(
            server, folder, gate={"mode": mode}, server={"confirm_timeout_ms": 0}
        ) as bench,
    ):
        while await bench.parts.store.read(lambda db: facts.get(db, "orders_cursor")) is None:
            await asyncio.sleep(0.01)
        # Its own first look is over: what changes from here on is for the test to find.
        while not any(_is_look(one) for one in server.requests.matching("/orders/", method="GET")):
            await asyncio.sleep(0.01)
        async with bench.parts.sync.changes.looking:
            pass
        yield Following(server, world, bench)


def _is_look(request: ReceivedRequest) -> bool:
    """Not the question of the time, which asks for changes that are yet to come."""
    return not request.query.get("modified_since", "").startswith("2100")


@both
async def test_an_entry_made_elsewhere_is_known_after_one_look(
    dialect: Dialect, tmp_path: Path
) -> None:
    async with following(tmp_path, dialect) as gate:
        gate.world.enter(1, LIST)
        await gate.look()

        assert await gate.exit_of(1) == (Verdict.ADMIT, Reason.LEFT)
        assert await gate.exit_of(2) == (Verdict.REFUSE, Reason.NOT_CHECKED_IN)


@both
async def test_a_sale_a_payment_and_a_cancellation_are_known_after_one_look(
    dialect: Dialect, tmp_path: Path
) -> None:
    async with following(tmp_path, dialect, mode="entry") as gate:
        sold = gate.world.add_order()
        gate.world.pay(gate.world.positions[35].order)
        gate.world.cancel_order(gate.world.positions[2].order)
        gate.world.cancel_position(3)
        await gate.look()

        assert await gate.exit_of(sold.id) == (Verdict.ADMIT, Reason.ENTERED)
        assert await gate.exit_of(35) == (Verdict.ADMIT, Reason.ENTERED)
        assert await gate.exit_of(2) == (Verdict.REFUSE, Reason.CANCELED)
        assert await gate.exit_of(3) == (Verdict.REFUSE, Reason.CANCELED)


@both
async def test_a_changed_secret_lets_nobody_in_on_the_old_one_but_still_out(
    dialect: Dialect, tmp_path: Path
) -> None:
    async with following(tmp_path, dialect) as gate:
        gate.world.enter(1, LIST)
        old = gate.world.change_secret(1)
        await gate.look()
        answer = await gate.bench.scan(old)

        assert (answer.decision.verdict, answer.decision.reason) == (
            Verdict.ATTENTION,
            Reason.REVOKED,
        )
        assert answer.scans[0].position_id == 1


async def test_check_ins_of_other_lists_are_filed_under_their_own(tmp_path: Path) -> None:
    async with following(tmp_path) as gate:
        gate.world.enter(1, 2)
        await gate.look()

        assert await gate.exit_of(1) == (Verdict.REFUSE, Reason.NOT_CHECKED_IN)


async def test_our_own_scan_is_not_undone_by_a_look_that_began_before_it_was_told(
    tmp_path: Path,
) -> None:
    async with following(tmp_path) as gate:
        gate.world.enter(1, LIST)
        await gate.look()
        await gate.server.unplug()
        assert await gate.exit_of(1) == (Verdict.ADMIT, Reason.LEFT)
        await gate.server.plug()
        await gate.look()

        assert await gate.exit_of(1) == (Verdict.REFUSE, Reason.ALREADY_LEFT)


async def test_the_cursor_is_the_time_of_the_first_page(tmp_path: Path) -> None:
    async with following(tmp_path, guests=180) as gate:
        for number in range(1, 130):
            gate.world.enter(number, LIST)
        gate.server.requests.clear()
        before = gate.world.clock()
        assert await gate.look() >= 129
        asked = gate.server.requests.matching("/orders/", method="GET")
        cursor = await gate.bench.parts.store.read(lambda db: facts.get(db, "orders_cursor"))

    assert len(asked) >= 3
    assert cursor is not None
    assert cursor[:19] <= (before + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%S")


async def test_a_look_that_breaks_off_goes_on_where_it_was(tmp_path: Path) -> None:
    async with following(tmp_path, guests=180) as gate:
        for number in range(1, 130):
            gate.world.enter(number, LIST)
        before = await gate.bench.parts.store.read(lambda db: facts.get(db, "orders_cursor"))
        client = gate.bench.parts.sync.client

        def fail_from_the_second_page_on() -> None:
            client.on_answer = None
            gate.server.faults.add(Fault.UNAVAILABLE, path="/orders/")

        client.on_answer = fail_from_the_second_page_on
        with pytest.raises(ServerUnreachable):
            await gate.bench.parts.sync.changes.once()
        gate.server.faults.clear()
        halfway = await gate.bench.parts.store.read(lambda db: facts.get(db, "orders_cursor"))
        await gate.look()
        assert before is not None
        assert halfway is not None
        assert halfway >= before

        assert await gate.exit_of(128) == (Verdict.ADMIT, Reason.LEFT)
        assert await gate.exit_of(1) == (Verdict.ADMIT, Reason.LEFT)


async def test_a_change_during_a_complete_pass_is_not_lost(tmp_path: Path) -> None:
    async with following(tmp_path) as gate:
        parts = gate.bench.parts

        def enter_after_first_page() -> None:
            if gate.server.requests.matching("/positions/", method="GET"):
                parts.sync.client.on_answer = None
                gate.world.enter(1, LIST)

        gate.server.requests.clear()
        parts.sync.client.on_answer = enter_after_first_page
        await parts.sync.pull.once()
        await gate.look()

        assert await gate.exit_of(1) == (Verdict.ADMIT, Reason.LEFT)


async def test_the_list_is_as_old_as_the_question_for_it(tmp_path: Path) -> None:
    async with following(tmp_path) as gate:
        parts, hands = gate.bench.parts, gate.bench.hands

        def wait_for_an_hour() -> None:
            if gate.server.requests.matching("/positions/", method="GET"):
                parts.sync.client.on_answer = None
                hands.advance(3600)

        async def age() -> timedelta:
            told = moment(await parts.store.read(lambda db: facts.get(db, "pulled_at")))
            assert told is not None
            return hands.clock.wall() - told

        gate.server.requests.clear()
        parts.sync.client.on_answer = wait_for_an_hour
        # The look that follows a pass waits until its age was read.
        async with parts.sync.changes.looking:
            await parts.sync.pull.once()
            after_pass = await age()
        await gate.look()
        hands.advance(60)
        parts.sync.client.on_answer = lambda: hands.advance(3600)
        await gate.look()
        parts.sync.client.on_answer = None
        after_look = await age()

    assert timedelta(minutes=59) < after_pass < timedelta(minutes=61)
    assert timedelta(minutes=59) < after_look < timedelta(minutes=61)


async def test_a_revoked_code_of_no_ticket_is_called_revoked(tmp_path: Path) -> None:
    async with following(tmp_path, Dialect.PRETIX, mode="entry") as gate:
        gate.world.enter(1, LIST)
        old = gate.world.change_secret(50)
        can = gate.bench.parts.sync.pull.capabilities
        assert can is not None
        await gate.bench.parts.sync.changes.secrets(can)
        await gate.bench.parts.store.write(
            lambda db: db.execute("DELETE FROM tickets WHERE position_id = 50")
        )
        answer = await gate.bench.scan(old)

        assert answer.decision.reason is Reason.REVOKED


async def test_a_token_without_the_right_to_orders_is_said_and_passes_are_made_instead(
    tmp_path: Path,
) -> None:
    world = World.made_up(20)
    async with TicketServer(world) as server:
        world.tokens["demo-token"].security_profile = "pretixscan_online_kiosk"
        async with gate_before_window(server, tmp_path, pulled=False) as bench:
            while bench.parts.sync.pull.capabilities is None:
                await asyncio.sleep(0.01)
            state = await bench.parts.overview.state()

    assert bench.parts.sync.pull.capabilities.changes is False
    assert "changes" in {one["name"] for one in state["server"]["missing"]}


async def test_an_unchanged_look_writes_nothing(tmp_path: Path) -> None:
    async with following(tmp_path) as gate:
        gate.bench.hands.advance(5)
        await gate.look()
        version = await gate.bench.parts.store.read(
            lambda db: db.execute("PRAGMA data_version").fetchone()[0]
        )
        await gate.look()
        after = await gate.bench.parts.store.read(
            lambda db: db.execute("PRAGMA data_version").fetchone()[0]
        )
        count = await gate.bench.parts.store.read(tickets.count)

    assert version == after
    assert count > 0
