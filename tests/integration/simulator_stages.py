"""What had happened in the recorded world just before each case of tests/replies/*.json."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator_recording import NOON, Case, orders_in, positions_in, time

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.simulator.world import World

NONCES = {
    "redeem_entry_same_nonce": ("entry", "n-0001"),
    "redeem_entry_old_nonce_after_exit": ("entry", "n-0001"),
    "redeem_exit_same_nonce": ("exit", "x-1"),
    "rpc_entry_same_nonce": ("entry", "r1"),
    "rpc_exit_same_nonce": ("exit", "r3"),
}
"""Case to the nonce that the first check-in of a type already had."""


def prepare(world: World, case: Case) -> None:
    """Put the world into the state in which the case was recorded."""
    for position in positions_in(case.response.get("body")):
        show_position(world, position)
    for order in orders_in(case.response.get("body")):
        known = world.orders[order["code"]]
        known.secret, known.email = order["secret"], order["email"]
        known.last_modified = time(order["last_modified"])
    if case.name in NONCES:
        kind, nonce = NONCES[case.name]
        rows = sorted(world.checkins.values(), key=lambda row: row.datetime)
        next(row for row in rows if row.type == kind).nonce = nonce
    if case.name.startswith("bulk_"):
        prepare_bulk(world, case)
    elif case.name.startswith(("co1_", "profile_")):
        prepare_checkout(world, case)
    elif case.name in PREPARE:
        PREPARE[case.name](world)


def show_position(world: World, shown: dict[str, Any]) -> None:
    position = world.positions[shown["id"]]
    position.blocked = bool(shown.get("blocked"))
    for name in ("valid_from", "valid_until"):
        if shown.get(name):
            setattr(position, name, time(shown[name]))
    for row in reversed(shown.get("checkins", [])):
        world.next_checkin = row["id"]
        world.record(
            position.id,
            row["list"],
            row["type"],
            at=time(row["datetime"]),
            device=row.get("device"),
        )


def prepare_bulk(world: World, case: Case) -> None:
    body = case.response["body"]
    if not isinstance(body, dict) or "results" not in body:
        return
    gone = body["results"]["checked_out_positions"]
    numbers = [row["position_id"] for row in gone if isinstance(row, dict)]
    others = (number for number in range(5, 300) if number not in numbers)
    while len(numbers) < body["results"]["success_count"]:
        numbers.append(next(others))
    for number in numbers:
        world.enter(number, (case.sent.get("checkin_lists") or [1])[0], at=NOON)


def prepare_checkout(world: World, case: Case) -> None:
    if case.name in CHECKOUTS:
        CHECKOUTS[case.name](world, case)
    elif case.response["status"] == 200 and case.sent and not case.sent.get("force"):
        world.enter(int(case.sent["position_id"]), 1, at=NOON)
    if case.response["status"] == 200 and "checkout_id" in case.response["body"]:
        world.next_checkin = case.response["body"]["checkout_id"]


def enter_many(world: World, _case: Case) -> None:
    people = [*range(2, 11), *range(12, 21), *range(22, 30), 31, 315]
    for person in people:
        world.enter(person, 1, at=NOON)
    for person in people[:7]:
        world.leave(person, 1, at=NOON + timedelta(hours=1))


def change_some_orders(world: World, case: Case) -> None:
    later = time(case.request["path"].partition("=")[2]) + timedelta(seconds=1)
    for person in range(2, 7):
        world.order_of(world.positions[person]).last_modified = later


def enter_and_leave(world: World, case: Case) -> None:
    enter_all_list(world, case)
    world.leave(case.sent["position_id"], 1, at=NOON + timedelta(hours=1))


def enter_same_instant(world: World, case: Case) -> None:
    world.enter(case.sent["position_id"], 1, at=time(case.sent["datetime"]))


def enter_and_leave_same_instant(world: World, case: Case) -> None:
    enter_same_instant(world, case)
    world.leave(case.sent["position_id"], 1, at=time(case.sent["datetime"]))


def enter_all_list(world: World, case: Case) -> None:
    world.enter(case.sent["position_id"], 1, at=NOON)


def enter_by_fast_clock(world: World, case: Case) -> None:
    world.enter(case.sent["position_id"], 1, at=case.at() + timedelta(minutes=10))


def enter_third(world: World) -> None:
    world.enter(3, 1, at=NOON)


def block_two(world: World) -> None:
    world.block(71)
    world.block(72)


def forget_device(world: World) -> None:
    del world.tokens["<device:full>"]
    world.devices[1].api_token = ""


def show_first_checkin(world: World) -> None:
    world.enter(3, 1, at=time("2026-11-22T15:24:16.165836Z"))


def revoke_device(world: World) -> None:
    world.tokens["<device:revoke_me>"].revoked = True


def roll_away(world: World) -> None:
    del world.tokens["<device:spare1>"]


CHECKOUTS: dict[str, Callable[[World, Case], object]] = {
    "co1_dt_before_entry_status": enter_many,
    "co1_dt_equal_entry": enter_same_instant,
    "co1_dt_equal_entry_again": enter_and_leave_same_instant,
    "co1_entry_clock_ahead_exit_now": enter_by_fast_clock,
    "co1_entry_clock_ahead_exit_now_retry": enter_by_fast_clock,
    "co1_orders_modified_since_after": change_some_orders,
    "co1_other_list_than_entry": enter_all_list,
    "co1_twice": enter_and_leave,
    "co1_wrong_product_list": enter_all_list,
}

PREPARE: dict[str, Callable[[World], object]] = {
    "blockedsecrets": block_two,
    "checkinlist_status": enter_third,
    "checkinlists_list": enter_third,
    "checkins_endpoint": show_first_checkin,
    "device_after_revoke": revoke_device,
    "device_init_bad_token": forget_device,
    "device_init_missing_fields": forget_device,
    "device_init_ok": forget_device,
    "device_old_token_after_roll": roll_away,
}
