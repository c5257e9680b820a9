"""The world in which tests/replies/*.json were recorded, as far as one recorded case shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.simulator.dialects import Dialect
from gated.simulator.exchange import parse_time
from gated.simulator.records import (
    DeviceRecord,
    EventRecord,
    ItemRecord,
    Kind,
    ListRecord,
    OrderRecord,
    PositionRecord,
    TokenRights,
)
from gated.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

REPLIES = Path(__file__).parent.parent / "replies"
STARTS = {
    Dialect.FORK: datetime(2026, 11, 22, 15, 7, 36, 13450, tzinfo=UTC),
    Dialect.PRETIX: datetime(2026, 11, 22, 15, 23, 39, 829949, tzinfo=UTC),
}
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

GUESTS, PENDING, CANCELED, EXPIRED, LONE_CANCELED = 300, 5, 5, 2, 2
VIP, WORKSHOP = 2, 3
DEVICES = {
    Dialect.FORK: {
        1: "full",
        2: "pretixscan",
        3: "pretixscan_online_kiosk",
        5: "pretixpos",
        6: "spare1",
        9: "full2",
        10: "revoke_me",
    },
    Dialect.PRETIX: {
        1: "full",
        2: "pretixscan",
        3: "pretixscan_online_kiosk",
        4: "pretixscan_online_noorders",
        6: "pretixpos",
        7: "spare1",
        10: "full2",
        11: "revoke_me",
    },
}
REVOKED = {
    61: "eft3tdadcf9ts5rwq44bxay3vmezhnjf",
    62: "wpabh7pv39brbwhhhbf8v6fma765rkqw",
    63: "qkp7zsa46hcffnpfa7kpundmu6pmpxc9",
    64: "nhqbjyam4ehzecgju54eurr544hfnng2",
}


@dataclass(frozen=True)
class Case:
    """One recorded case: what was asked and what was answered."""

    dialect: Dialect
    name: str
    content: dict[str, Any]

    @property
    def request(self) -> dict[str, Any]:
        return dict(self.content.get("request", {}))

    @property
    def response(self) -> dict[str, Any]:
        return dict(self.content.get("response", {}))

    @property
    def sent(self) -> dict[str, Any]:
        body = self.request.get("body")
        return body if isinstance(body, dict) else {}

    def at(self) -> datetime:
        """When the server answered, as closely as the case tells."""
        generated = self.response.get("headers", {}).get("x-page-generated")
        body = self.response.get("body")
        own = body.get("datetime") if isinstance(body, dict) else None
        told = generated or ("" if "datetime" in self.sent else own)
        if told:
            return time(told)
        return datetime(2026, 11, 22, 15, 30, tzinfo=UTC)


@cache
def cases(dialect: Dialect) -> dict[str, Case]:
    """Read all recorded cases of a server."""
    content = json.loads((REPLIES / f"{dialect.value}.json").read_text())
    return {name: Case(dialect, name, case) for name, case in content["cases"].items()}


def time(text: str) -> datetime:
    at = parse_time(text)
    assert at is not None
    return at


def recorded_world(dialect: Dialect) -> World:
    """Build the event as it was before the first recorded case."""
    start = STARTS[dialect]
    world = World(clock=lambda: start)
    world.events["other"] = EventRecord("other", "Other", start + timedelta(days=30), start)
    world.items = {
        1: ItemRecord(1, "Regular", "20.00"),
        VIP: ItemRecord(VIP, "VIP", "90.00"),
        WORKSHOP: ItemRecord(WORKSHOP, "Workshop", "5.00", admission=False),
    }
    world.lists = {
        1: ListRecord(1, "All"),
        2: ListRecord(2, "VIP only", all_products=False, limit_products=[VIP]),
        3: ListRecord(3, "Pending+multi", include_pending=True, allow_multiple_entries=True),
        4: ListRecord(4, "No re-entry", allow_entry_after_exit=False),
        5: ListRecord(5, "Of the other event", event="other"),
    }
    _sell_tickets(world)
    _give_tokens(world, dialect)
    return world


def _sell_tickets(world: World) -> None:
    known = _known_positions()
    groups = (
        [("Person", "p")] * GUESTS
        + [("Pend Person", "n")] * PENDING
        + [("Canc Person", "c")] * CANCELED
        + [("Expd Person", "e")] * EXPIRED
        + [("Gone Person", "p")] * LONE_CANCELED
    )
    counts: dict[str, int] = {}
    for number, (prefix, status) in enumerate(groups, start=1):
        index = counts[prefix] = counts.get(prefix, -1) + 1
        found = known.get(number, {})
        code = found.get("order", f"X{number:04d}")
        # The recorded orders were made one second apart, the first guest's last.
        now = world.clock()
        ordered = now - timedelta(days=3, seconds=index) + timedelta(hours=status != "p")
        expires = now + timedelta(days=10)
        world.orders[code] = OrderRecord(
            code, ordered, expires, now, secret="SECRET00", status=status, email="p@example.invalid"
        )
        item = VIP if index % 10 == 0 else 1
        world.adopt(
            PositionRecord(
                id=number,
                order=code,
                positionid=1,
                item=item,
                secret=found.get("secret", f"madeupsecret{number:020d}"),
                attendee_name=f"{prefix} {index:05d}",
                price=world.items[item].price,
                email=f"p{index}@example.invalid",
                canceled=prefix == "Gone Person",
            )
        )
    world.rename(313, "egettc4pqbbq87e67zbxue6jtqd3rqzq")
    world.rename(314, "e3u8ng2nbny5nf89k8qgmuudj7ysqxzm")
    world.add_order(
        item=WORKSHOP, addon_to=51, secret="addonsecretaddonsecretaddonsecre", price="5.00"
    )
    for number, old in REVOKED.items():
        world.rename(number, old)
        world.change_secret(number, "new" + old[3:])


def _known_positions() -> dict[int, dict[str, Any]]:
    """Both servers were filled alike, so what either shows holds for both."""
    found: dict[int, dict[str, Any]] = {}
    for dialect in Dialect:
        for case in cases(dialect).values():
            for position in positions_in(case.response.get("body")):
                found.setdefault(position["id"], {}).update(position)
    return found


def positions_in(content: object) -> Iterator[dict[str, Any]]:
    """Walk over all positions in an answer."""
    if isinstance(content, dict):
        if "positionid" in content:
            yield content
        elif "position_id" in content and "order_code" in content:
            yield {"id": content["position_id"], "order": content["order_code"]}
        for value in content.values():
            yield from positions_in(value)
    elif isinstance(content, list):
        for value in content:
            yield from positions_in(value)


def orders_in(content: object) -> list[dict[str, Any]]:
    """Return the orders in an answer."""
    if not isinstance(content, dict):
        return []
    rows = content.get("results", [content])
    return [row for row in rows if isinstance(row, dict) and "last_modified" in row]


def _give_tokens(world: World, dialect: Dialect) -> None:
    for number, name in DEVICES[dialect].items():
        profile = name if name.startswith("pretix") else "full"
        device = DeviceRecord(
            device_id=number,
            name=f"Gate {name}",
            initialization_token=f"<init-token:{name}>",
            unique_serial="SERIAL",
            rights=TokenRights(Kind.DEVICE, profile, device_id=number),
            api_token=f"<device:{name}>",
        )
        world.devices[number] = device
        world.tokens[device.api_token] = device.rights

    def team(
        *,
        view: bool = False,
        checkin: bool = False,
        all_events: bool = True,
        active: bool = True,
    ) -> TokenRights:
        return TokenRights(
            Kind.TEAM,
            can_view_orders=view,
            can_checkin_orders=checkin,
            can_change_orders=view and checkin,
            all_events=all_events,
            active=active,
        )

    world.tokens |= {
        "<token>": team(view=True, checkin=True),
        "<token_checkin>": team(checkin=True),
        "<token_view>": team(view=True),
        "<token_none>": team(),
        "<token_noevent>": team(view=True, checkin=True, all_events=False),
        "<token_inactive>": team(view=True, checkin=True, active=False),
    }
