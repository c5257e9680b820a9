"""What the servers said when they were recorded is understood, and what is not theirs is not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gated.errors import BadReply
from gated.model import ScanType, ServerCheckin, Ticket
from gated.server import bodies, wire

if TYPE_CHECKING:
    from collections.abc import Callable

REPLIES = Path(__file__).parents[1] / "replies"
DIALECTS = ("fork", "pretix")
# The recordings are cut short: a key "..." in an object, a text "... 47 more" in an array.
CUT = "..."


@cache
def cases(dialect: str) -> dict[str, Any]:
    return dict(json.loads((REPLIES / f"{dialect}.json").read_text(encoding="utf-8"))["cases"])


def whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: whole(one) for key, one in value.items() if key != CUT}
    if isinstance(value, list):
        return [whole(one) for one in value if not str(one).startswith(CUT)]
    return value


def reply(dialect: str, case: str) -> bytes:
    """The body of a recorded answer, without the marks of what was cut; HTML as it came."""
    body = whole(cases(dialect)[case]["response"]["body"])
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def status_of(dialect: str, case: str) -> int:
    return int(cases(dialect)[case]["response"]["status"])


def recorded(having: Callable[[str, Any], bool]) -> list[tuple[str, str]]:
    """Every recorded case whose path and answer are of this kind."""
    return [
        (dialect, name)
        for dialect in DIALECTS
        for name, case in cases(dialect).items()
        if "response" in case and having(case["request"]["path"], case["response"])
    ]


def position(**changes: Any) -> dict[str, Any]:
    """A position as pretix lists it, with all that the gate reads."""
    return {
        "id": 7,
        "order": "AAAAA",
        "secret": "abcdefgh",
        "item": 3,
        "order__status": "p",
        "checkins": [],
    } | changes


def page(*positions: dict[str, Any], **changes: Any) -> bytes:
    answer = {"count": len(positions), "next": None, "previous": None, "results": positions}
    return json.dumps(answer | changes).encode()


def listed(**changes: Any) -> Any:
    (one,) = wire.positions_page(page(position(**changes))).listed
    return one


@pytest.mark.parametrize(
    ("dialect", "case"),
    recorded(
        lambda path, response: (
            path.split("?")[0].endswith("/positions/") and response["status"] == 200
        )
    ),
)
def test_every_recorded_page_of_positions_is_read(dialect: str, case: str) -> None:
    body = json.loads(reply(dialect, case))
    read = wire.positions_page(reply(dialect, case))

    assert read.count == body["count"]
    assert read.is_last == (body["next"] is None)
    assert [
        (one.ticket.position_id, one.ticket.order_code, one.ticket.item, one.secret, one.name)
        for one in read.listed
    ] == [
        (one["id"], one["order"], one["item"], one["secret"], one["attendee_name"])
        for one in body["results"]
    ]
    assert [len(one.checkins) for one in read.listed] == [
        len(one["checkins"]) for one in body["results"]
    ]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_recorded_guest_is_read_as_a_ticket(dialect: str) -> None:
    (found, *_) = [
        one
        for one in wire.positions_page(reply(dialect, "positions_list")).listed
        if one.ticket.position_id == 1
    ]

    assert found.ticket == Ticket(position_id=1, order_code="LENWB", item=2)
    assert found.secret == "j33y9adxwzwngbnmebgjbw2x8g5a5mqy"
    assert found.name == "Person 00000"
    assert found.checkins == ()


def test_a_recorded_add_on_knows_its_ticket() -> None:
    addon = wire.positions_page(reply("fork", "positions_list")).listed[0]

    assert addon.ticket == Ticket(position_id=315, order_code="JMVMR", item=3, addon_to=51)


def test_a_recorded_check_in_keeps_its_moment_and_list() -> None:
    read = wire.positions_page(reply("pretix", "positions_list"))
    (checkin,) = [one for guest in read.listed for one in guest.checkins]

    assert checkin == ServerCheckin(
        id=1,
        list_id=1,
        type=ScanType.ENTRY,
        at=datetime(2026, 11, 22, 15, 24, 16, 165836, tzinfo=UTC),
    )


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_empty_page_is_read(dialect: str) -> None:
    read = wire.positions_page(reply(dialect, "perm_checkinonly_positions"))

    assert read == wire.PositionsPage(count=0, is_last=True, listed=())


def test_a_position_with_everything_is_read_with_everything() -> None:
    guest = listed(
        variation=4,
        subevent=5,
        addon_to=6,
        attendee_name="Guest 0012",
        require_attention=True,
        order__status="n",
        order__valid_if_pending=True,
        order__require_approval=True,
        blocked=["admin"],
        valid_from="2026-11-22T10:00:00Z",
        valid_until="2026-11-22T12:00:00.5+01:00",
        checkins=[{"id": 2, "list": 9, "datetime": "2026-11-22T15:00:00Z", "type": "exit"}],
    )

    assert guest.ticket == Ticket(
        position_id=7,
        order_code="AAAAA",
        item=3,
        variation=4,
        subevent=5,
        addon_to=6,
        order_status="n",
        valid_if_pending=True,
        require_approval=True,
        require_attention=True,
        blocked=True,
        valid_from=datetime(2026, 11, 22, 10, tzinfo=UTC),
        valid_until=datetime(2026, 11, 22, 11, 0, 0, 500_000, tzinfo=UTC),
    )
    assert guest.checkins == (
        ServerCheckin(2, 9, ScanType.EXIT, datetime(2026, 11, 22, 15, tzinfo=UTC)),
    )
    assert guest.name == "Guest 0012"


def test_neither_secret_nor_name_is_in_the_text_of_a_listed_ticket() -> None:
    guest = listed(attendee_name="Guest 0012")

    assert "abcdefgh" not in repr(guest)
    assert "Guest 0012" not in repr(guest)


def test_a_position_with_a_product_instead_of_an_item_is_read() -> None:
    one = position(product=3)
    del one["item"]

    (guest,) = wire.positions_page(page(one)).listed

    assert guest.ticket.item == 3


def test_a_position_with_neither_item_nor_product_is_a_bad_reply() -> None:
    one = position()
    del one["item"]

    with pytest.raises(BadReply, match="position 7 has neither item nor product"):
        wire.positions_page(page(one))


@pytest.mark.parametrize(
    ("blocked", "is_blocked"),
    [(None, False), ([], False), (["admin"], True), (["admin", "api"], True)],
)
def test_a_ticket_is_blocked_by_any_reason_in_its_list(
    blocked: list[str] | None, is_blocked: bool
) -> None:
    assert listed(blocked=blocked).ticket.blocked is is_blocked


@pytest.mark.parametrize(
    "missing", [{}, {"require_attention": None, "order__valid_if_pending": None, "blocked": None}]
)
def test_what_the_fork_does_not_say_is_not_the_case(missing: dict[str, Any]) -> None:
    assert listed(**missing).ticket == Ticket(position_id=7, order_code="AAAAA", item=3)


def test_a_naive_moment_is_taken_for_utc() -> None:
    guest = listed(
        valid_from="2026-11-22T10:00:00",
        checkins=[{"id": 1, "list": 1, "datetime": "2026-11-22T15:00:00"}],
    )

    assert guest.ticket.valid_from == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert guest.checkins[0].at == datetime(2026, 11, 22, 15, tzinfo=UTC)
    assert guest.checkins[0].type is ScanType.ENTRY


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "7"},
        {"id": None},
        {"secret": None},
        {"item": "3"},
        {"valid_from": "tomorrow"},
        {"valid_from": 1_795_000_000},
        {"blocked": "admin"},
        {"checkins": None},
        {"checkins": [{"id": 1, "list": 1}]},
        {"order__status": None},
    ],
    ids=str,
)
def test_a_position_of_another_shape_is_a_bad_reply(changes: dict[str, Any]) -> None:
    with pytest.raises(BadReply):
        wire.positions_page(page(position(**changes)))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_recorded_check_in_lists_are_read(dialect: str) -> None:
    lists, is_last = wire.checkin_lists_page(reply(dialect, "checkinlists_list"))
    by_name = {one.name: (one, count) for one, count in lists}

    assert is_last
    assert by_name["All"][0].id == 1
    assert by_name["All"][0].allow_entry_after_exit
    assert by_name["All"][1] == 301
    assert not by_name["No re-entry"][0].allow_entry_after_exit
    assert by_name["Pending+multi"][0].include_pending
    assert by_name["Pending+multi"][0].allow_multiple_entries
    assert all(one.rules == {} and not one.addon_match for one, _ in lists)


def test_a_check_in_list_with_everything_is_read_with_everything() -> None:
    body = page(
        {
            "id": 2,
            "name": "VIP",
            "all_products": False,
            "limit_products": [3, 1],
            "subevent": 8,
            "position_count": 12,
            "addon_match": True,
            "rules": {"and": []},
        },
        next="http://tickets.example.org/?page=2",
    )
    [(one, count)], is_last = wire.checkin_lists_page(body)

    assert (one.id, one.name, one.subevent, count) == (2, "VIP", 8, 12)
    assert one.limit_products == {1, 3}
    assert not one.all_products
    assert one.addon_match
    assert one.rules == {"and": []}
    assert not is_last


def test_a_check_in_list_without_rules_has_none() -> None:
    [(one, _)], _ = wire.checkin_lists_page(page({"id": 2, "rules": None}))

    assert one.rules == {}


@pytest.mark.parametrize(
    ("body", "version"),
    [
        (reply("fork", "version_device"), "3.18.0.dev0"),
        (reply("pretix", "version_device"), "2026.8.0"),
        (b'{"eventyay": "1.0", "pretix": "3.18.0"}', "1.0"),
    ],
)
def test_the_version_is_read(body: bytes, version: str) -> None:
    assert wire.version(body) == version


@pytest.mark.parametrize(
    ("dialect", "case"),
    recorded(
        lambda path, response: (
            "redeem" in path
            and 200 <= response["status"] < 300
            and response["body"]["status"] == "ok"
        )
    ),
)
def test_every_recorded_yes_of_redeem_is_a_yes(dialect: str, case: str) -> None:
    assert wire.redeemed(reply(dialect, case)) is None


@pytest.mark.parametrize(
    ("dialect", "case"),
    recorded(
        lambda path, response: (
            isinstance(response["body"], dict) and response["body"].get("status") == "redeemed"
        )
    ),
)
def test_a_denied_ticket_is_denied_though_the_fork_says_201(dialect: str, case: str) -> None:
    assert status_of(dialect, case) == 201
    assert wire.redeemed(reply(dialect, case)) == wire.Refusal("Already checked in", "")


@pytest.mark.parametrize("case", ["co1_ok", "co1_idem_replay", "co1_force_never_entered"])
def test_a_recorded_checkout_is_a_yes(case: str) -> None:
    assert wire.checked_out(reply("fork", case)) is None


def test_one_servers_word_for_yes_is_not_the_others() -> None:
    assert wire.redeemed(b'{"status": "success"}') is not None
    assert wire.checked_out(b'{"status": "ok"}') is not None


@pytest.mark.parametrize("body", [b"{}", b'{"status": null}', b'{"status": true}', b"[]", b'"ok"'])
@pytest.mark.parametrize("read", [wire.redeemed, wire.checked_out])
def test_what_has_no_status_is_neither_a_yes_nor_a_no(
    read: Callable[[bytes], object], body: bytes
) -> None:
    with pytest.raises(BadReply):
        read(body)


WRONG_DATETIME = (
    "Datetime has wrong format. Use one of these formats instead:"
    " YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
)


@pytest.mark.parametrize(
    ("dialect", "case", "reason", "message"),
    [
        ("fork", "redeem_entry_other_nonce", "already_redeemed", ""),
        ("fork", "redeem_wrong_product", "product", ""),
        ("fork", "redeem_pending", "unpaid", ""),
        ("fork", "redeem_canceled_order_canceled_supported", "canceled", ""),
        ("fork", "redeem_unknown_secret", "", "Not found."),
        ("fork", "redeem_list_unknown", "", "No CheckinList matches the given query."),
        ("fork", "redeem_datetime_bad", "error", WRONG_DATETIME),
        ("fork", "redeem_bad_json", "",
         "JSON parse error - Expecting value: line 1 column 10 (char 9)"),
        ("fork", "co1_twice", "not_checked_in", "This attendee is not currently checked in."),
        ("fork", "co1_invalid_position", "", "Invalid position or checkin list"),
        ("fork", "co1_missing_position", "", "position_id and checkin_list_id are required"),
        ("fork", "co1_dt_bad", "", "Invalid datetime format"),
        ("fork", "auth_none", "", "Authentication credentials were not provided."),
        ("pretix", "redeem_entry_other_nonce", "already_redeemed", ""),
        ("pretix", "redeem_blocked", "blocked", ""),
        ("pretix", "redeem_revoked_secret", "revoked", ""),
        ("pretix", "redeem_unknown_secret", "invalid", "Not found."),
        ("pretix", "redeem_canceled_position", "invalid", "Not found."),
        ("pretix", "redeem_valid_future", "invalid_time",
         "This ticket is only valid after 2026-11-23 15:23."),
        ("pretix", "redeem_type_bad", "error", "Invalid check-in type."),
        ("pretix", "positions_page_last_plus1", "", "Invalid page."),
    ],
)  # fmt: skip
def test_a_recorded_refusal_says_why(dialect: str, case: str, reason: str, message: str) -> None:
    assert status_of(dialect, case) >= 400
    assert wire.refusal(reply(dialect, case)) == wire.Refusal(reason, message)


@pytest.mark.parametrize(
    ("dialect", "case"),
    recorded(
        lambda _, response: (
            400 <= response["status"] < 500 and isinstance(response["body"], dict | list)
        )
    ),
)
def test_every_recorded_refusal_in_json_says_something(dialect: str, case: str) -> None:
    refusal = wire.refusal(reply(dialect, case))

    assert refusal.reason or refusal.message


@pytest.mark.parametrize(
    ("dialect", "case"),
    recorded(lambda _, response: isinstance(response["body"], str) and response["body"] != ""),
)
def test_every_recorded_page_of_html_is_a_bad_reply(dialect: str, case: str) -> None:
    body = reply(dialect, case)
    assert b"<" in body

    for read in (wire.refusal, wire.redeemed, wire.checked_out, wire.positions_page):
        with pytest.raises(BadReply):
            read(body)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ("Gone fishing", wire.Refusal("error", "Gone fishing")),
        (None, wire.Refusal("error", "None")),
        ([], wire.Refusal("error", "")),
        (["one", "two"], wire.Refusal("error", "one; two")),
        ([{"code": 1}], wire.Refusal("error", "{'code': 1}")),
        ({"token": ["used already"]}, wire.Refusal("", '{"token":["used already"]}')),
        ({"reason": "rules", "reason_explanation": "Early"}, wire.Refusal("rules", "Early")),
        ({"code": "not_checked_in", "error": "no"}, wire.Refusal("not_checked_in", "no")),
        ({"reason": 5, "message": {"a": 1}}, wire.Refusal("5", "{'a': 1}")),
    ],
)  # fmt: skip
def test_a_refusal_of_any_shape_is_read(body: object, refusal: wire.Refusal) -> None:
    assert wire.refusal(json.dumps(body).encode()) == refusal


def test_a_long_refusal_is_cut() -> None:
    body = json.dumps({"reason": "r" * 9999, "detail": "d" * 9999}).encode()
    refusal = wire.refusal(body)

    assert len(refusal.reason) == 80
    assert len(refusal.message) == 300
    assert len(wire.refusal(json.dumps(["x" * 9999]).encode()).message) == 300


READERS = (
    wire.positions_page,
    wire.checkin_lists_page,
    wire.version,
    wire.redeemed,
    wire.checked_out,
    wire.refusal,
)
DEEP = 100_000


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"<html><title>Log in to the Wi-Fi</title></html>",
        b'{"status": "ok"',
        b'{"status": "ok"} trailing',
        b'{"status": "\xff", "pretix": "\xff"}',
        b"9" * 5000,
        b'{"x":' * DEEP,
        b'{"status": "ok", "x": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        b"[" * DEEP + b"]" * DEEP,
    ],
    ids=["nothing", "bytes", "html", "cut off", "too much", "bad utf-8", "huge number",
         "deep and cut off", "deep inside", "deep"],
)  # fmt: skip
def test_garbage_is_a_bad_reply(read: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(BadReply) as caught:
        read(body)

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_server_recorded_is_told_back_in_its_own_words(dialect: str) -> None:
    """Read-back compares the datetime that was sent with the one that is listed."""
    sent = cases(dialect)["redeem_entry_ok"]["request"]["body"]["datetime"]
    guest = listed(checkins=[{"id": 1, "list": 1, "datetime": sent}])

    assert bodies.utc(guest.checkins[0].at) == sent
