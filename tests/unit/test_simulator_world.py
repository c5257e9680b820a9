from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from gated.simulator.records import CANCELED, EXPIRED, PAID, PENDING
from gated.simulator.world import World

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World.made_up(guests=60, now=NOW)


def test_the_same_seed_makes_the_same_guests_and_another_seed_others() -> None:
    one, two = (World.made_up(guests=60, seed=3, now=NOW) for _ in range(2))
    assert one.orders == two.orders
    assert one.positions == two.positions
    assert World.made_up(guests=60, seed=4, now=NOW).orders.keys() != one.orders.keys()


def test_made_up_guests_come_in_every_state_but_mostly_paid(world: World) -> None:
    states = Counter(order.status for order in world.orders.values())
    assert set(states) == {PAID, PENDING, CANCELED, EXPIRED}
    assert states[PAID] > 50
    assert [p.id for p in world.positions.values() if p.canceled] == [7]
    assert [p.addon_to for p in world.positions.values() if p.item == 3] == [25]
    assert world.positions[12].attendee_name == "Guest 0012"


def test_made_up_secrets_and_codes_look_like_the_real_ones(world: World) -> None:
    for position in world.positions.values():
        assert len(position.secret) == 32
        assert position.secret.isalnum()
        assert position.secret == position.secret.lower()
    assert all(len(code) == 5 and code.isupper() | code.isdigit() for code in world.orders)
    assert len({p.secret for p in world.positions.values()}) == len(world.positions)


def test_inside_goes_by_the_datetimes_and_not_by_the_order_of_arrival(world: World) -> None:
    world.enter(1, 1, at=NOW)
    assert world.inside(1) == {1}
    world.leave(1, 1, at=NOW - timedelta(hours=1))
    assert world.inside(1) == {1}
    world.leave(1, 1, at=NOW)
    assert world.inside(1) == set()
    world.enter(1, 1, at=NOW + timedelta(microseconds=1))
    assert world.inside(1) == {1}
    assert world.inside(2) == set()


def test_check_ins_are_told_apart_by_list(world: World) -> None:
    world.enter(1, 1, at=NOW)
    world.enter(1, 2, at=NOW)
    assert [row.list for row in world.checkins_of(1)] == [1, 2]
    assert [row.id for row in world.checkins_of(1, 2)] == [2]


def test_a_changed_secret_is_found_and_the_old_one_is_revoked(world: World) -> None:
    old = world.change_secret(3)
    assert world.find(old) is None
    assert world.find(world.positions[3].secret) is world.positions[3]
    assert [(row.secret, row.position) for row in world.revoked] == [(old, 3)]


def test_a_renamed_ticket_is_found_and_its_old_code_is_nobodys(world: World) -> None:
    before = world.positions[3].secret
    world.rename(3, "another")
    assert world.find("another") is world.positions[3]
    assert world.find(before) is None
    assert world.revoked == []


def test_whatever_happens_to_a_ticket_modifies_its_order(world: World) -> None:
    steps = 0

    def later() -> datetime:
        return NOW + timedelta(minutes=steps)

    world.clock = later
    code = world.positions[5].order
    for act in (
        lambda: world.enter(5, 1),
        lambda: world.leave(5, 1),
        lambda: world.pay(code),
        lambda: world.block(5),
        lambda: world.change_secret(5),
        lambda: world.cancel_position(5),
        lambda: world.cancel_order(code),
    ):
        steps += 1
        act()
        assert world.orders[code].last_modified == later()
    assert world.orders[code].status == CANCELED


def test_a_blocked_ticket_can_be_let_in_again(world: World) -> None:
    world.block(4)
    world.block(4, blocked=False)
    assert not world.positions[4].blocked
    assert [row.blocked for row in world.blocked.values()] == [False]


def test_a_sold_ticket_gets_the_next_id_and_an_add_on_shares_its_order(world: World) -> None:
    highest = max(world.positions)
    ticket = world.add_order(item=2, name="Guest 9001")
    addon = world.add_order(item=3, addon_to=ticket.id)
    assert (ticket.id, addon.id) == (highest + 1, highest + 2)
    assert addon.order == ticket.order
    assert (ticket.positionid, addon.positionid) == (1, 2)
    assert ticket.price == "90.00"
