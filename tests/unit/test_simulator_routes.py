from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gated.simulator.dialects import Dialect
from gated.simulator.exchange import Call, Reply, Site
from gated.simulator.paging import Walks
from gated.simulator.records import Kind, TokenRights
from gated.simulator.routes import respond
from gated.simulator.world import World

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ORGANIZER = "/api/v1/organizers/demo/"
EVENT = ORGANIZER + "events/conf/"


class Desk:
    """Asks a site without any HTTP."""

    def __init__(self, dialect: Dialect, *, guests: int = 120) -> None:
        self.world = World.made_up(guests=guests, now=NOW)
        self.world.tokens["t"] = TokenRights(device_id=1)
        self.site = Site(self.world, dialect, Walks())

    def ask(
        self, path: str, *, method: str = "GET", token: str = "Device t", **query: str
    ) -> Reply:
        pairs = tuple(query.items())
        call = Call(method, path, pairs, "http://box", token)
        return respond(self.site, call)

    def post(self, path: str, body: Any, *, token: str = "Device t") -> Reply:
        raw = json.dumps(body).encode()
        call = Call("POST", path, (), "http://box", token, "application/json", raw)
        return respond(self.site, call)

    def all_ids(self, path: str, **query: str) -> list[int]:
        ids, number = [], 1
        while True:
            content = json.loads(self.ask(path, page=str(number), **query).body)
            ids += [row["id"] for row in content["results"]]
            if content["next"] is None:
                assert len(ids) == content["count"]
                return ids
            number += 1


@pytest.fixture(params=Dialect)
def desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(request.param)


FORK, PRETIX = Dialect.FORK, Dialect.PRETIX

PLACES = {
    "positions": ("GET", EVENT + "checkinlists/1/positions/"),
    "redeem": ("POST", EVENT + "checkinlists/1/positions/unknown/redeem/"),
    "rpc fork": ("POST", ORGANIZER + "checkin/redeem/"),
    "rpc pretix": ("POST", ORGANIZER + "checkinrpc/redeem/"),
    "orders": ("GET", EVENT + "orders/"),
    "revoked": ("GET", EVENT + "revokedsecrets/"),
    "blocked": ("GET", EVENT + "blockedsecrets/"),
    "status": ("GET", EVENT + "checkinlists/1/status/"),
    "detail": ("GET", EVENT + "checkinlists/1/"),
    "position": ("GET", EVENT + "checkinlists/1/positions/1/"),
    "checkout": ("POST", EVENT + "checkout/single/"),
    "failed": ("POST", EVENT + "checkinlists/1/failed_checkins/"),
}
SCAN = {"positions", "redeem", "orders", "revoked", "status"}
NEW = {"rpc pretix", "blocked", "failed"}


@pytest.mark.parametrize(
    ("dialect", "profile", "opened"),
    [
        (FORK, "full", PLACES.keys() - NEW),
        (FORK, "pretixscan", SCAN),
        (FORK, "pretixscan_online_kiosk", SCAN - {"positions", "orders"}),
        (FORK, "pretixpos", {"orders", "revoked"}),
        (PRETIX, "full", PLACES.keys() - {"rpc fork", "checkout"}),
        (PRETIX, "pretixscan", SCAN | NEW),
        (PRETIX, "pretixscan_online_kiosk", (SCAN | NEW) - {"positions", "orders"}),
        (PRETIX, "pretixscan_online_noorders", (SCAN | NEW) - {"orders"}),
        (PRETIX, "pretixpos", PLACES.keys() - {"rpc fork", "checkout"}),
    ],
)
def test_a_security_profile_opens_what_was_measured(
    dialect: Dialect, profile: str, opened: set[str]
) -> None:
    desk = Desk(dialect)
    desk.world.tokens["t"].security_profile = profile
    found = set()
    for name, (method, path) in PLACES.items():
        reply = desk.ask(path, method=method)
        is_page = reply.body.startswith(b"<!DOCTYPE")
        if not (is_page and reply.status == 404) and reply.status != 403:
            found.add(name)
    assert found == opened


def test_a_walk_shows_everybody_once_while_the_guests_pour_in(desk: Desk) -> None:
    path = EVENT + "checkinlists/1/positions/"
    seen: list[int] = []
    for number in ("1", "2", "3"):
        content = json.loads(desk.ask(path, page=number).body)
        seen += [row["id"] for row in content["results"]]
        desk.world.enter(int(number), 1)
    assert len(seen) == len(set(seen)) == content["count"]
    canceled = {p.id for p in desk.world.positions.values() if p.canceled}
    unpaid = {p.id for p in desk.world.positions.values() if desk.world.order_of(p).status != "p"}
    assert set(seen) == set(desk.world.positions) - canceled - unpaid


def test_a_walk_notices_when_a_ticket_is_canceled_in_between(desk: Desk) -> None:
    path = EVENT + "checkinlists/1/positions/"
    first = json.loads(desk.ask(path, page="1").body)
    desk.world.cancel_position(1)
    second = json.loads(desk.ask(path, page="2").body)
    assert second["count"] == first["count"] - 1


def test_page_one_notices_what_was_changed_by_hand(desk: Desk) -> None:
    path = EVENT + "checkinlists/1/positions/"
    before = desk.all_ids(path)
    desk.world.order_of(desk.world.positions[1]).status = "c"
    assert set(before) - set(desk.all_ids(path)) == {1}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"secret": "secret of 3"}, {3}),
        ({"secret": "SECRET OF 3"}, set()),
        ({"secret": "secret of 5"}, set()),
        ({"secret": "secret of 5", "ignore_status": "true"}, {5}),
        ({"search": "Guest 000"}, {1, 2, 3, 4, 8}),
        ({"item": "3"}, {121, 122}),
        ({"has_checkin": "true"}, {2}),
        ({"attendee_name": "guest 0004"}, {4}),
        ({"order": "order of 1"}, {1}),
    ],
)
def test_filters_of_positions(desk: Desk, query: dict[str, str], expected: set[int]) -> None:
    desk.world.rename(3, "secret of 3")
    desk.world.rename(5, "secret of 5")
    desk.world.enter(2, 1)
    if "order" in query:
        query = {"order": desk.world.positions[1].order}
    assert set(desk.all_ids(EVENT + "checkinlists/1/positions/", **query)) == expected


def test_pages_are_as_small_as_asked_for_on_pretix_and_never_on_the_fork() -> None:
    sizes = {}
    for dialect in Dialect:
        for asked in ("10", "500"):
            reply = Desk(dialect).ask(EVENT + "checkinlists/1/positions/", page_size=asked)
            sizes[dialect, asked] = len(json.loads(reply.body)["results"])
    assert sizes == {(FORK, "10"): 50, (FORK, "500"): 50, (PRETIX, "10"): 10, (PRETIX, "500"): 50}


def test_the_next_delta_of_orders_begins_where_the_first_page_was_made(desk: Desk) -> None:
    now = NOW
    desk.world.clock = lambda: now
    path = EVENT + "orders/"
    now += timedelta(seconds=1)
    made = dict(desk.ask(path).headers)["X-Page-Generated"]
    desk.world.enter(2, 1)
    now += timedelta(seconds=1)
    desk.world.enter(3, 1)
    query = {"modified_since": made, "ordering": "last_modified"}
    content = json.loads(desk.ask(path, **query).body)
    changed = [desk.world.positions[number].order for number in (2, 3)]
    assert [row["code"] for row in content["results"]] == changed
    assert content["results"][0]["positions"][0]["checkins"][0]["type"] == "entry"


def test_canceled_positions_are_only_in_orders_and_only_on_request(desk: Desk) -> None:
    path = EVENT + f"orders/{desk.world.positions[7].order}/"
    assert json.loads(desk.ask(path).body)["positions"] == []
    content = json.loads(desk.ask(path, include_canceled_positions="true").body)
    assert [row["canceled"] for row in content["positions"]] == [True]
    assert desk.ask(EVENT + "checkinlists/1/positions/7/").status == 404


def test_a_number_is_taken_for_an_id_unless_the_input_is_called_untrusted_on_pretix(
    desk: Desk,
) -> None:
    path = EVENT + "checkinlists/1/positions/3/redeem/"
    trusted = desk.ask(path, method="POST", untrusted_input="true").status
    assert trusted == {FORK: 201, PRETIX: 404}[desk.site.dialect]
    assert desk.ask(EVENT + "checkinlists/1/positions/4/redeem/", method="POST").status == 201
    endless = EVENT + f"checkinlists/1/positions/{'9' * 5000}/redeem/"
    assert desk.ask(endless, method="POST").status == 404


def test_a_token_that_may_only_check_in_finds_somebody_by_three_letters(desk: Desk) -> None:
    desk.world.tokens["team"] = TokenRights(
        Kind.TEAM, can_view_orders=False, can_change_orders=False
    )
    path = EVENT + "checkinlists/1/positions/"
    counts = [
        json.loads(desk.ask(path, token="Token team", **query).body)["count"]
        for query in ({}, {"search": "Gu"}, {"search": "Guest 0003"})
    ]
    assert counts == [0, 0, 1]


def test_the_fork_says_redeemed_with_201_and_writes_a_row_for_a_canceled_ticket() -> None:
    desk = Desk(FORK)
    body = {"lists": [1], "secret": desk.world.positions[6].secret}
    reply = desk.post(ORGANIZER + "checkin/redeem/", body)
    assert reply.status == 201
    assert json.loads(reply.body)["status"] == "redeemed"
    assert [row.type for row in desk.world.checkins_of(6)] == ["entry"]


def test_pretix_annuls_an_entry_by_its_nonce() -> None:
    desk = Desk(PRETIX)
    body = {"lists": [1], "secret": desk.world.positions[1].secret, "nonce": "n"}
    desk.post(ORGANIZER + "checkinrpc/redeem/", body)
    assert desk.world.inside(1) == {1}
    annulled = {"lists": [1], "nonce": "n"}
    assert desk.post(ORGANIZER + "checkinrpc/annul/", annulled).status == 200
    assert desk.world.inside(1) == set()
    assert desk.post(ORGANIZER + "checkinrpc/annul/", annulled).status == 404


def workshop_desk() -> Desk:
    """A list of workshops, which are add-ons, that takes the code of the ticket itself."""
    desk = Desk(PRETIX)
    workshop = desk.world.lists[2]
    workshop.addon_match, workshop.limit_products = True, [3]
    return desk


def test_pretix_finds_the_add_on_that_belongs_on_the_list() -> None:
    desk = workshop_desk()
    path = EVENT + "checkinlists/2/positions/{}/redeem/"
    reply = desk.post(path.format(desk.world.positions[25].secret), {})
    assert json.loads(reply.body)["position"]["addon_to"] == 25
    without = desk.post(path.format(desk.world.positions[2].secret), {})
    assert json.loads(without.body)["reason"] == "product"
    other = desk.world.add_order(item=3, addon_to=25)
    two = desk.post(path.format(desk.world.positions[25].secret), {})
    assert json.loads(two.body)["reason"] == "ambiguous"
    by_id = desk.post(path.format(25), {})
    assert json.loads(by_id.body)["reason"] == "product"
    other.valid_until = NOW - timedelta(days=1)
    valid = desk.post(path.format(desk.world.positions[25].secret), {"force": True})
    assert json.loads(valid.body)["position"]["id"] != other.id


def test_a_list_of_add_ons_shows_only_add_ons() -> None:
    desk = workshop_desk()
    addons = {one.id for one in desk.world.positions.values() if one.addon_to}
    path = EVENT + "checkinlists/2/positions/"
    assert set(desk.all_ids(path)) == addons
    assert desk.all_ids(path, secret=desk.world.positions[25].secret) == []


def test_a_failed_check_in_is_kept_once_per_nonce() -> None:
    desk = Desk(PRETIX)
    body = {"raw_barcode": "?", "error_reason": "invalid", "nonce": "n"}
    for _ in range(2):
        assert desk.post(EVENT + "checkinlists/1/failed_checkins/", body).status == 201
    assert [row.error_reason for row in desk.world.checkins.values()] == ["invalid"]


def test_a_device_lives_from_its_initialization_to_its_revocation(desk: Desk) -> None:
    device = desk.world.add_device("Gate", initialization_token="once")
    software = dict.fromkeys(
        ("hardware_brand", "hardware_model", "software_brand", "software_version"), "x"
    )
    reply = desk.post("/api/v1/device/initialize", {"token": "once", **software}, token="")
    first = json.loads(reply.body)["api_token"]
    assert device.software == software
    second = json.loads(desk.post("/api/v1/device/roll", {}, token=f"Device {first}").body)
    assert desk.ask(EVENT + "checkinlists/", token=f"Device {first}").status == 401
    token = f"Device {second['api_token']}"
    assert desk.ask(EVENT + "checkinlists/", token=token).status == 200
    assert desk.post("/api/v1/device/revoke", {}, token=token).status == 200
    assert b"revoked" in desk.ask(EVENT + "checkinlists/", token=token).body
