# mypy: ignore-errors
"""Puts a world into pretix' database: run by pretix' own Python, with a JSON document.

`seed_pretix.py seed WORLD SEEDED` makes everything and writes the ids; `seed_pretix.py age WORLD
SEEDED` does to positions what the world says happens to them later.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import django

django.setup()

from django.db import transaction  # noqa: E402  Django must be set up first
from django.utils.timezone import now  # noqa: E402  as above
from django_scopes import scopes_disabled  # noqa: E402  as above
from pretix.base.models import (  # noqa: E402  as above
    Checkin,
    CheckinList,
    Device,
    Event,
    Gate,
    Item,
    Order,
    OrderPosition,
    Organizer,
    RevokedTicketSecret,
    SubEvent,
    Team,
    TeamAPIToken,
    User,
)

PRICE = Decimal("10.00")


def moment(text):
    return datetime.fromisoformat(text) if text else None


class Seed:
    """Makes the objects of a world and remembers their ids by key."""

    def __init__(self, world):
        self.world = world
        self.organizer = Organizer.objects.create(name="Demo", slug=world["organizer"])
        self.events, self.subevents, self.items, self.lists = {}, {}, {}, {}
        self.positions = {}
        self.answer = {"events": {}, "lists": {}, "items": {}, "positions": {}, "tokens": {}}

    def all(self):
        for description in self.world["events"]:
            self.event(description)
        for description in self.world["lists"]:
            self.checkin_list(description)
        for description in self.world["orders"]:
            self.order(description)
        # Only now does every position that somebody's check-in concerns exist.
        for key, position in self.positions.items():
            self.checkins(position, self.described[key].get("checkins", ()))
        self.tokens()
        return self.answer

    @property
    def described(self):
        return {
            position["key"]: position
            for order in self.world["orders"]
            for position in order["positions"]
        }

    def event(self, description):
        slug = description["slug"]
        event = Event.objects.create(
            organizer=self.organizer,
            name=slug.title(),
            slug=slug,
            live=True,
            currency="EUR",
            date_from=moment(description["date_from"]),
            date_to=moment(description["date_to"]),
            has_subevents=bool(description.get("dates")),
        )
        event.settings.timezone = "UTC"
        self.events[slug] = event
        self.answer["events"][slug] = event.pk
        for key, (date_from, date_to) in description.get("dates", {}).items():
            self.subevents[slug, key] = SubEvent.objects.create(
                event=event,
                name=f"Date {key}",
                active=True,
                date_from=moment(date_from),
                date_to=moment(date_to),
            )
        for key, name in description["items"].items():
            item = Item.objects.create(
                event=event, name=name, default_price=PRICE, admission=True, active=True
            )
            self.items[slug, key] = item
            self.answer["items"][f"{slug}/{key}"] = item.pk

    def checkin_list(self, description):
        slug = description["event"]
        made = CheckinList.objects.create(
            event=self.events[slug],
            name=description["key"][:60],
            all_products=not description.get("items"),
            subevent=self.subevents.get((slug, description.get("date"))),
            include_pending=description.get("include_pending", False),
            addon_match=description.get("addon_match", False),
            allow_multiple_entries=description.get("allow_multiple_entries", False),
            allow_entry_after_exit=description.get("allow_entry_after_exit", True),
            rules=self.with_ids(slug, description.get("rules", {})),
        )
        made.limit_products.set(self.items[slug, key] for key in description.get("items", ()))
        self.lists[description["key"]] = made
        self.answer["lists"][description["key"]] = made.pk

    def with_ids(self, slug, rules):
        """`"item:2"` in the rules stands for the id of that item, `"gate:North"` of that gate."""
        if isinstance(rules, dict):
            return {key: self.with_ids(slug, value) for key, value in rules.items()}
        if isinstance(rules, list):
            return [self.with_ids(slug, value) for value in rules]
        if isinstance(rules, str) and rules.startswith("item:"):
            return str(self.items[slug, rules.removeprefix("item:")].pk)
        if isinstance(rules, str) and rules.startswith("gate:"):
            return str(self.gate(rules.removeprefix("gate:")).pk)
        return rules

    def gate(self, name):
        return Gate.objects.get_or_create(organizer=self.organizer, name=name)[0]

    def order(self, description):
        event = self.events[description["event"]]
        order = Order.objects.create(
            event=event,
            organizer=self.organizer,
            email="guest@example.org",
            status=description.get("status", "p"),
            datetime=now(),
            expires=now() + timedelta(days=30),
            total=PRICE * len(description["positions"]),
            locale="en",
            valid_if_pending=description.get("valid_if_pending", False),
            require_approval=description.get("require_approval", False),
            checkin_attention=description.get("attention", False),
            sales_channel=self.organizer.sales_channels.get(identifier="web"),
        )
        for number, position in enumerate(description["positions"], start=1):
            self.position(description["event"], order, number, position)

    def position(self, slug, order, number, description):
        made = OrderPosition.objects.create(
            order=order,
            positionid=number,
            item=self.items[slug, description["item"]],
            subevent=self.subevents.get((slug, description.get("date"))),
            price=PRICE,
            secret=description["secret"],
            attendee_name_parts={"_scheme": "full", "full_name": f"Guest {number:04d}"},
            addon_to=self.positions.get(description.get("addon_to")),
            blocked=["admin"] if description.get("blocked") else None,
            valid_from=moment(description.get("valid_from")),
            valid_until=moment(description.get("valid_until")),
            canceled=description.get("canceled", False),
        )
        for secret in description.get("revoked", ()):
            RevokedTicketSecret.objects.create(event=order.event, position=made, secret=secret)
        self.positions[description["key"]] = made
        self.answer["positions"][description["key"]] = {
            "id": made.pk,
            "secret": made.secret,
            "order": order.code,
        }

    def checkins(self, position, checkins):
        for one in checkins:
            Checkin.objects.create(
                position=position,
                list=self.lists[one["list"]],
                type=one["type"],
                datetime=moment(one["at"]),
            )

    def tokens(self):
        team = Team.objects.create(
            organizer=self.organizer,
            name="Gate",
            all_events=True,
            all_event_permissions=True,
            all_organizer_permissions=True,
        )
        # Who makes devices, on pretix' own pages.
        team.members.add(User.objects.create_user("office@example.org", "office"))
        token = TeamAPIToken.objects.create(team=team, name="gate")
        self.answer["tokens"]["team"] = f"Token {token.token}"
        for name, profile, brand in (
            ("full", "full", "gated"),
            ("pretixscan", "pretixscan", "gated"),
            ("branded", "full", "pretixSCAN"),
        ):
            device = Device.objects.create(
                organizer=self.organizer,
                name=name,
                all_events=True,
                security_profile=profile,
                api_token=f"a-device-called-{name}",
                initialized=now(),
                hardware_brand="Raspberry",
                software_brand=brand,
                software_version="0",
                gate=self.gate("North"),
            )
            self.answer["tokens"][name] = f"Device {device.api_token}"


def age(world, seeded):
    """A new secret, or no ticket any more."""
    for order in world["orders"]:
        for description in order["positions"]:
            later = description.get("later")
            if not later:
                continue
            position = OrderPosition.all.get(pk=seeded["positions"][description["key"]]["id"])
            if later == "canceled":
                position.canceled = True
            else:
                RevokedTicketSecret.objects.create(
                    event=position.order.event, position=position, secret=position.secret
                )
                position.secret = later
            position.save()
            position.order.touch()


if __name__ == "__main__":
    command = sys.argv[1]
    document, ids = Path(sys.argv[2]), Path(sys.argv[3])
    described = json.loads(document.read_text(encoding="utf-8"))
    with scopes_disabled(), transaction.atomic():
        if command == "age":
            age(described, json.loads(ids.read_text(encoding="utf-8")))
        else:
            ids.write_text(json.dumps(Seed(described).all()), encoding="utf-8")
