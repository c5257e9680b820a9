"""Every row of the decision table, and a few more, as guests that pretix can be asked about."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from msgspec.structs import replace
from pretix_worlds import event, secret_of
from test_decide import (
    ADDON,
    ADDON_LIST,
    BLOCKED,
    ENTRIES,
    ENTRY,
    EXIT,
    EXITS,
    IN,
    LET_IN,
    NOW,
    OUTDATED,
    REFUSE,
    SECOND_ADDON,
    TICKET,
    Row,
    past,
)

from gated.model import CheckinList, Reason, ScanType, Ticket, Verdict


@dataclass(frozen=True)
class Scene:
    """A row of the decision table as pretix can be asked about it."""

    row: Row
    type: ScanType
    key: str
    event: str
    lists: tuple[str, ...]
    """Keys of the row's lists, in order."""
    orders: list[dict[str, Any]] = field(default_factory=list)

    @property
    def secret(self) -> str:
        """The code that is held up."""
        return secret_of(self.key)


WITHIN = CheckinList(id=1, rules={"isAfter": [{"var": "now"}, {"buildTime": ["date_from"]}]})


def at_gate(name: str) -> CheckinList:
    gates = {"objectList": [{"lookup": ["gate", f"gate:{name}", name]}]}
    return CheckinList(id=1, rules={"inList": [{"var": "gate"}, gates]})


EXTRAS = (
    # What the table of decide does not say, and pretix does.
    Row("the ticket is blocked, its add-on is not", REFUSE, Reason.BLOCKED, found=(BLOCKED,),
        lists=(ADDON_LIST,), addons=(ADDON,)),
    Row("the ticket is outdated, its add-on is not", REFUSE, Reason.INVALID_TIME,
        found=(OUTDATED,), lists=(ADDON_LIST,), addons=(ADDON,)),
    Row("two add-ons, one of them outdated", REFUSE, Reason.AMBIGUOUS, lists=(ADDON_LIST,),
        addons=(ADDON, replace(SECOND_ADDON, valid_until=NOW - timedelta(hours=1)))),
    Row("wrong product, in already", REFUSE, Reason.PRODUCT, history=past(IN),
        lists=(CheckinList(id=1, all_products=False, limit_products=frozenset({2})),)),
    Row("blocked and canceled", REFUSE, Reason.CANCELED,
        found=(replace(BLOCKED, order_status="c"),)),
    Row("blocked and unpaid", REFUSE, Reason.BLOCKED, found=(replace(BLOCKED, order_status="n"),)),
    Row("outdated and unpaid", REFUSE, Reason.INVALID_TIME,
        found=(replace(OUTDATED, order_status="n"),)),
    Row("unpaid and a wrong product", REFUSE, Reason.PRODUCT,
        found=(replace(TICKET, order_status="n"),),
        lists=(CheckinList(id=1, all_products=False, limit_products=frozenset({2})),)),
    Row("expired but valid if pending", REFUSE, Reason.CANCELED,
        found=(replace(TICKET, order_status="e", valid_if_pending=True),)),
    Row("unpaid, valid if pending, awaits approval", REFUSE, Reason.UNAPPROVED,
        found=(replace(TICKET, order_status="n", valid_if_pending=True, require_approval=True),)),
    # Within the event's dates, and within those of date 7 of the series only.
    Row("a rule about the date of the series, within it", *LET_IN, lists=(WITHIN,),
        found=(replace(TICKET, subevent=7),)),
    Row("a rule about the date of the series, before it", REFUSE, Reason.RULES, lists=(WITHIN,),
        found=(replace(TICKET, subevent=8),)),
    Row("a rule about the gate that is this device's", *LET_IN, lists=(at_gate("North"),)),
    Row("a rule about the gate that is another device's", REFUSE, Reason.RULES,
        lists=(at_gate("South"),)),
)  # fmt: skip
DATES = {
    "7": [(NOW + timedelta(hours=hours)).isoformat() for hours in (-1, 1)],
    "8": [(NOW + timedelta(hours=hours)).isoformat() for hours in (5, 8)],
}
EXTRA_EXITS = tuple(
    Row(f"inside, {words}", Verdict.ATTENTION, reason, found=(replace(TICKET, **changes),),
        history=past(IN))
    for words, reason, changes in (
        ("blocked since", Reason.BLOCKED, {"blocked": True}),
        ("canceled since", Reason.CANCELED, {"order_status": "c"}),
        ("expired since", Reason.CANCELED, {"order_status": "e"}),
        ("outdated since", Reason.INVALID_TIME, {"valid_until": NOW - timedelta(minutes=1)}),
        ("position canceled since", Reason.CANCELED, {"vanished": True}),
        ("with a new code since", Reason.REVOKED, {"former_secret": True}),
        ("approval withdrawn", Reason.UNAPPROVED,
         {"order_status": "n", "require_approval": True}),
    )
)  # fmt: skip

ROWS = (
    *((ENTRY, row) for row in (*ENTRIES, *EXTRAS)),
    *((EXIT, row) for row in (*EXITS, *EXTRA_EXITS)),
)


def scenes() -> dict[tuple[ScanType, str], Scene | str]:
    """Every row as a scene, or why pretix cannot have it."""
    found: dict[tuple[ScanType, str], Scene | str] = {}
    for number, (scan_type, row) in enumerate(ROWS):
        assert (scan_type, row.id) not in found, f"two rows are called {row.id}"
        found[scan_type, row.id] = _obstacle(row) or _scene(f"row {number}/0", scan_type, row)
    return found


def decision_table() -> dict[str, Any]:
    """Events `table` and `series`: every row of the decision table, each with its own guest."""
    made = [scene for scene in scenes().values() if isinstance(scene, Scene)]
    lists = {
        _list_key(scene.event, one): _list(scene.event, one)
        for scene in made
        for one in _lists_of(scene.row)
    }
    return {
        "organizer": "demo",
        "events": [event("table", NOW), event("series", NOW, dates=DATES)],
        "lists": list(lists.values()),
        "orders": [order for scene in made for order in scene.orders],
    }


def _obstacle(row: Row) -> str:
    concerned = (*row.found, *row.addons)
    if any(ticket.order_status not in "pnec" for ticket in concerned):
        return "pretix has no such status"
    if len({ticket.position_id for ticket in row.found}) > 1:
        return "pretix gives no code twice, not even that of a canceled ticket"
    if _is_series(row) and any(ticket.subevent is None for ticket in concerned):
        return "in a series every ticket has a date"
    return ""


def _is_series(row: Row) -> bool:
    dates = [one.subevent for one in (*row.found, *row.addons)]
    return any(date is not None for date in (*dates, *(one.subevent for one in row.lists)))


def _lists_of(row: Row) -> tuple[CheckinList, ...]:
    """Those of the row, and plain ones where somebody only has a history."""
    there = {one.id for one in row.lists}
    others = {list_id for list_id, _ in row.history or {}} - there
    return (*row.lists, *(CheckinList(id=list_id) for list_id in sorted(others)))


def _list_key(event: str, one: CheckinList) -> str:
    return f"{event} {json.dumps(_list(event, one, key=''), sort_keys=True)} {one.id}"


def _list(event: str, one: CheckinList, key: str | None = None) -> dict[str, Any]:
    return {
        "key": _list_key(event, one) if key is None else key,
        "event": event,
        "items": [] if one.all_products else [str(item) for item in sorted(one.limit_products)],
        "date": None if one.subevent is None else str(one.subevent),
        "include_pending": one.include_pending,
        "allow_multiple_entries": one.allow_multiple_entries,
        "allow_entry_after_exit": one.allow_entry_after_exit,
        "addon_match": one.addon_match,
        "rules": dict(one.rules),
    }


def _scene(key: str, scan_type: ScanType, row: Row) -> Scene:
    event = "series" if _is_series(row) else "table"
    keys = {one.id: _list_key(event, one) for one in _lists_of(row)}
    scene = Scene(row, scan_type, key, event, tuple(keys[one.id] for one in row.lists))
    history: dict[int, list[dict[str, Any]]] = {}
    for (list_id, position_id), checkins in (row.history or {}).items():
        history.setdefault(position_id, []).extend(
            {"list": keys[list_id], "type": str(one.type), "at": one.at.isoformat()}
            for one in checkins
        )
    orders = _orders(scene, row)
    for position in _positions(orders.values()):
        position["checkins"] = history.pop(position.pop("id"), [])
    assert not any(history), f"{row.id}: a history of nobody"
    scene.orders.extend(orders.values())
    return scene


def _orders(scene: Scene, row: Row) -> dict[int, dict[str, Any]]:
    """An order for each found ticket, with its add-ons; and one for each stranger."""
    # The live ticket first: a former code of the same position belongs to it.
    live_first = sorted(row.found, key=lambda one: one.former_secret)
    orders: dict[int, dict[str, Any]] = {}
    for ticket in live_first:
        if ticket.position_id in orders:
            (position,) = orders[ticket.position_id]["positions"]
            position["revoked"] = [scene.secret]
            continue
        orders[ticket.position_id] = _order(scene, ticket, scene.secret)
    strangers = {ticket.addon_to for ticket in row.addons} | {
        position_id for _, position_id in row.history or {}
    }
    strangers -= {ticket.position_id for ticket in (*row.found, *row.addons)}
    for stranger in sorted(one for one in strangers if one is not None):
        other = replace(TICKET, position_id=stranger)
        orders[stranger] = _order(scene, other, f"{scene.secret}s{stranger}")
    for addon in row.addons:
        assert addon.addon_to is not None
        order = orders[addon.addon_to]
        position = _order(scene, addon, f"{scene.secret}a{addon.position_id}")["positions"][0]
        order["positions"].append({**position, "addon_to": order["positions"][0]["key"]})
        order["attention"] = order["attention"] or addon.require_attention
    return orders


def _order(scene: Scene, ticket: Ticket, secret: str) -> dict[str, Any]:
    later = None
    if ticket.vanished:
        later = "canceled"
    elif ticket.former_secret:
        later = f"{secret}new"
    return {
        "event": scene.event,
        "status": ticket.order_status,
        "valid_if_pending": ticket.valid_if_pending,
        "require_approval": ticket.require_approval,
        "attention": ticket.require_attention,
        "positions": [
            {
                "id": ticket.position_id,
                "key": f"{scene.key}/{ticket.position_id}",
                "secret": secret,
                "item": str(ticket.item),
                "date": None if ticket.subevent is None else str(ticket.subevent),
                "blocked": ticket.blocked,
                "valid_from": ticket.valid_from and ticket.valid_from.isoformat(),
                "valid_until": ticket.valid_until and ticket.valid_until.isoformat(),
                "later": later,
            }
        ],
    }


def _positions(orders: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [position for order in orders for position in order["positions"]]
