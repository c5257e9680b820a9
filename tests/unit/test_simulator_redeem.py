from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gated.simulator.dialects import Dialect
from gated.simulator.exchange import Site
from gated.simulator.paging import Walks
from gated.simulator.records import ListRecord
from gated.simulator.redeem import Attempt, redeem
from gated.simulator.world import World

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
FORK, PRETIX = Dialect.FORK, Dialect.PRETIX


@pytest.fixture
def world() -> World:
    world = World.made_up(guests=60, now=NOW)
    world.lists[3] = ListRecord(3, "Once only", allow_entry_after_exit=False)
    world.lists[4] = ListRecord(4, "Pending too", include_pending=True)
    return world


def outcome(world: World, dialect: Dialect, number: int, on: int = 1, **more: Any) -> str:
    attempt = Attempt(type=more.pop("type", "entry"), at=more.pop("at", NOW), **more)
    site = Site(world, dialect, Walks())
    denial = redeem(site, world.lists[on], world.positions[number], attempt)
    return denial.reason if denial else "ok"


REGULAR, PENDING, CANCELED, EXPIRED = 2, 5, 6, 9


@pytest.mark.parametrize(
    ("number", "on", "more", "fork", "pretix"),
    [
        (REGULAR, 1, {}, "ok", "ok"),
        (REGULAR, 2, {}, "product", "product"),
        (REGULAR, 2, {"force": True}, "product", "ok"),
        (REGULAR, 2, {"type": "exit"}, "product", "product"),
        (REGULAR, 1, {"type": "exit"}, "ok", "ok"),
        (PENDING, 1, {}, "unpaid", "unpaid"),
        (PENDING, 1, {"ignore_unpaid": True}, "unpaid", "unpaid"),
        (PENDING, 4, {}, "unpaid", "unpaid"),
        (PENDING, 4, {"ignore_unpaid": True}, "ok", "ok"),
        (PENDING, 1, {"force": True}, "ok", "ok"),
        (CANCELED, 1, {}, "unpaid", "unpaid"),
        (CANCELED, 1, {"canceled_supported": True}, "canceled", "canceled"),
        (CANCELED, 1, {"canceled_supported": True, "force": True}, "canceled", "ok"),
        (EXPIRED, 1, {"canceled_supported": True}, "canceled", "canceled"),
    ],
)
def test_the_status_and_product_of_a_ticket_decide(
    world: World, number: int, on: int, more: dict[str, Any], fork: str, pretix: str
) -> None:
    assert outcome(world, FORK, number, on, **more) == fork
    world.checkins.clear()
    world.positions[number].checkins.clear()
    assert outcome(world, PRETIX, number, on, **more) == pretix


@pytest.mark.parametrize("dialect", Dialect)
def test_a_nonce_is_counted_once_even_after_the_exit(world: World, dialect: Dialect) -> None:
    assert outcome(world, dialect, 1, nonce="a") == "ok"
    assert outcome(world, dialect, 1, nonce="a") == "ok"
    assert outcome(world, dialect, 1, nonce="b") == "already_redeemed"
    assert outcome(world, dialect, 1, nonce="c", type="exit", at=NOW + timedelta(1)) == "ok"
    assert outcome(world, dialect, 1, nonce="a") == "ok"
    assert outcome(world, dialect, 1, nonce="c", type="exit") == "ok"
    assert [row.nonce for row in world.checkins_of(1)] == ["a", "c"]


@pytest.mark.parametrize("dialect", Dialect)
def test_exits_are_recorded_every_time_and_of_anybody(world: World, dialect: Dialect) -> None:
    for _ in range(3):
        assert outcome(world, dialect, 1, type="exit") == "ok"
    assert len(world.checkins_of(1)) == 3


@pytest.mark.parametrize("dialect", Dialect)
def test_an_exit_dated_before_the_entry_does_not_let_in_again(
    world: World, dialect: Dialect
) -> None:
    outcome(world, dialect, 1)
    outcome(world, dialect, 1, type="exit", at=NOW - timedelta(hours=1))
    assert outcome(world, dialect, 1, at=NOW + timedelta(hours=1)) == "already_redeemed"


def test_a_lone_exit_bars_the_entry_to_a_list_without_re_entry_on_the_fork_only(
    world: World,
) -> None:
    outcome(world, FORK, 1, 3, type="exit")
    assert outcome(world, FORK, 1, 3) == "already_redeemed"
    assert outcome(world, PRETIX, 1, 3) == "ok"


@pytest.mark.parametrize("dialect", Dialect)
def test_a_list_without_re_entry_admits_once(world: World, dialect: Dialect) -> None:
    assert outcome(world, dialect, 1, 3) == "ok"
    outcome(world, dialect, 1, 3, type="exit", at=NOW + timedelta(hours=1))
    assert outcome(world, dialect, 1, 3) == "already_redeemed"
    assert outcome(world, dialect, 1, 3, force=True) == "ok"


def test_only_pretix_knows_validity_in_time_and_never_at_the_exit(world: World) -> None:
    world.positions[2].valid_from = NOW + timedelta(days=1)
    world.positions[3].valid_until = NOW - timedelta(days=1)
    for number in (2, 3):
        assert outcome(world, PRETIX, number) == "invalid_time"
        assert outcome(world, PRETIX, number, type="exit") == "ok"
        assert outcome(world, PRETIX, number, force=True) == "ok"
        world.positions[number].checkins.clear()
        assert outcome(world, FORK, number) == "ok"


@pytest.mark.parametrize("kind", ["entry", "exit"])
def test_pretix_refuses_even_the_exit_of_a_ticket_that_is_blocked_unapproved_unpaid_or_canceled(
    world: World, kind: str
) -> None:
    world.block(1)
    order = world.order_of(world.positions[2])
    order.status, order.require_approval = "n", True
    expected = {1: "blocked", 2: "unapproved", PENDING: "unpaid", CANCELED: "canceled"}
    for number, reason in expected.items():
        asked: dict[str, Any] = {"type": kind, "canceled_supported": True}
        assert outcome(world, PRETIX, number, **asked) == reason
        assert outcome(world, PRETIX, number, **asked, force=True) == "ok"


def test_another_date_of_the_series_is_refused_like_another_product(world: World) -> None:
    world.lists[3].subevent = 7
    assert outcome(world, PRETIX, 1, 3) == "product"
    assert outcome(world, PRETIX, 1, 3, force=True) == "ok"
    world.positions[2].subevent = 7
    assert outcome(world, PRETIX, 2, 3) == "ok"


@pytest.mark.parametrize("dialect", Dialect)
def test_entry_rules_are_asked_for_entries_of_lists_that_have_some(
    world: World, dialect: Dialect
) -> None:
    world.rules_check = lambda on, position, at: False
    assert outcome(world, dialect, 1) == "ok"
    world.lists[4].rules = {"and": []}
    assert outcome(world, dialect, 1, 4) == "rules"
    assert outcome(world, dialect, 1, 4, type="exit") == "ok"
    assert outcome(world, dialect, 1, 4, force=True) == "ok"
