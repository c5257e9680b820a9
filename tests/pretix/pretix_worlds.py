"""What is put into pretix: a conference with every kind of ticket, and a crowd.

A position's key ends with its number: `paid/3` is the third ticket of the kind `paid`.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any

CROWD = int(os.environ.get("GATED_PRETIX_SCANS", "200"))
EACH = 12

REGULAR, VIP, WORKSHOP, DINNER = "1", "2", "5", "6"
ITEMS = {REGULAR: "Regular", VIP: "VIP", WORKSHOP: "Workshop", DINNER: "Dinner"}

ONCE_A_DAY = {"<": [{"var": "entries_today"}, 2]}
VIP_BY_RULE = {
    "inList": [
        {"var": "product"},
        {"objectList": [{"lookup": ["product", f"item:{VIP}", "VIP"]}]},
    ]
}


def event(slug: str, at: datetime, **more: Any) -> dict[str, Any]:
    day = timedelta(days=1)
    return {
        "slug": slug,
        "date_from": (at - day).isoformat(),
        "date_to": (at + day).isoformat(),
        "items": ITEMS,
        **more,
    }


def _ticket(kind: str, number: int, order: dict[str, Any], position: dict[str, Any]) -> Any:
    key = f"{kind}/{number}"
    named = {"item": REGULAR, "key": key, "secret": secret_of(key), **position}
    return {"event": "conf", **order, "positions": [named]}


def secret_of(key: str) -> str:
    return "code" + "".join(letter for letter in key if letter.isalnum())


def conference(now: datetime) -> dict[str, Any]:
    """Event `conf`: lists and kinds of tickets by name; `crowd` is for many guests at once, `door`
    for a gate that is told nothing else.
    """
    lists: list[dict[str, Any]] = [
        {"key": "all"},
        {"key": "vip", "items": [VIP]},
        {"key": "strict", "allow_entry_after_exit": False},
        {"key": "pending", "include_pending": True},
        {"key": "once a day", "rules": ONCE_A_DAY, "allow_multiple_entries": True},
        {"key": "vip by rule", "rules": VIP_BY_RULE},
        {"key": "workshop", "items": [WORKSHOP], "addon_match": True},
    ]
    hour = timedelta(hours=1)
    kinds: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "paid": ({}, {}),
        "vip": ({}, {"item": VIP}),
        "unpaid": ({"status": "n"}, {}),
        "valid though unpaid": ({"status": "n", "valid_if_pending": True}, {}),
        "unapproved": ({"status": "n", "require_approval": True}, {}),
        "expired": ({"status": "e"}, {}),
        "canceled": ({"status": "c"}, {}),
        "canceled position": ({}, {"canceled": True}),
        "blocked": ({}, {"blocked": True}),
        "revoked": ({}, {"revoked": True}),
        "too early": ({}, {"valid_from": (now + 6 * hour).isoformat()}),
        "too late": ({}, {"valid_until": (now - hour).isoformat()}),
        "attention": ({"attention": True}, {}),
    }
    many = {"paid": 60}
    orders = [
        _ticket(kind, number, order, dict(position))
        for kind, (order, position) in kinds.items()
        for number in range(many.get(kind, EACH))
    ]
    for order in orders:
        (position,) = order["positions"]
        if position.get("revoked"):
            position["revoked"] = ["former" + position["secret"]]
    for number in range(EACH):
        order = _ticket("with workshop", number, {}, {})
        base = f"with workshop/{number}"
        order["positions"].append(
            {
                "key": f"workshop/{number}",
                "secret": secret_of(f"workshop/{number}"),
                "item": WORKSHOP,
                "addon_to": base,
            }
        )
        orders.append(order)
    orders += [{**_ticket("crowd", number, {}, {}), "event": "crowd"} for number in range(CROWD)]
    orders += [{**_ticket("door", number, {}, {}), "event": "door"} for number in range(EACH)]
    return {
        "organizer": "demo",
        "events": [event(slug, now) for slug in ("conf", "crowd", "door")],
        "lists": [{"event": "conf", **one} for one in lists]
        + [{"event": slug, "key": slug} for slug in ("crowd", "door")],
        "orders": orders,
    }


def together(*worlds: dict[str, Any]) -> dict[str, Any]:
    """One world of several."""
    return {
        "organizer": worlds[0]["organizer"],
        **{
            part: [one for world in worlds for one in world[part]]
            for part in ("events", "lists", "orders")
        },
    }
