"""Entry rules: what each part means, the clock's bad days, and what the gate does not know.

Names in brackets are the rules that every offline check-in app and the server itself test.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.model import Checkin, ScanType
from gated.rules import MOST_NAMES, MOST_NODES, RuleAnswer, RuleFacts, evaluate

BERLIN = ZoneInfo("Europe/Berlin")
TOKYO = ZoneInfo("Asia/Tokyo")
HAVANA = ZoneInfo("America/Havana")
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)
ENTRY, EXIT = ScanType.ENTRY, ScanType.EXIT

TRUE = {"==": [1, 1]}
FALSE = {"==": [1, 2]}
UNKNOWN = {"var": "moon_phase"}
NOW = {"var": "now"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


NOON = at("2026-06-03T12:00:00+02:00")
FACTS = RuleFacts(now=NOON, timezone=BERLIN, item=2)


def came(*times: str) -> tuple[Checkin, ...]:
    return tuple(Checkin(ENTRY, at(time)) for time in times)


def allowed(rules: Any, facts: RuleFacts = FACTS, **changes: Any) -> bool:
    answer = evaluate(rules, replace(facts, **changes))
    assert answer.allowed is not None, answer
    assert answer.unknown == ()
    return answer.allowed


def one_of(kind: str, *keys: int) -> dict[str, Any]:
    lookups = [{"lookup": [kind, str(key), f"{kind} {key}"]} for key in keys]
    return {"inList": [{"var": kind}, {"objectList": lookups}]}


def custom(text: str) -> dict[str, Any]:
    return {"buildTime": ["custom", text]}


def custom_time(text: str) -> dict[str, Any]:
    return {"buildTime": ["customtime", text]}


def after(moment: Any, *tolerance: Any) -> dict[str, Any]:
    return {"isAfter": [NOW, moment, *tolerance]}


def before(moment: Any, *tolerance: Any) -> dict[str, Any]:
    return {"isBefore": [NOW, moment, *tolerance]}


@pytest.mark.parametrize("rules", [{}, [], None, "", 0, False], ids=repr)
def test_a_list_without_rules_lets_everybody_in(rules: Any) -> None:
    assert evaluate(rules, FACTS) == RuleAnswer(allowed=True)


class TestWhoAndWhere:
    """[product, variation, gate]"""

    def test_a_product_has_to_be_on_the_list(self) -> None:
        assert not allowed(one_of("product", 1, 3))
        assert allowed(one_of("product", 1, 2))

    def test_a_variation_has_to_be_on_the_list_and_none_never_is(self) -> None:
        assert allowed(one_of("variation", 7, 8), variation=8)
        assert not allowed(one_of("variation", 7, 8), variation=9)
        assert not allowed(one_of("variation", 7, 8), variation=None)

    def test_a_gate_has_to_be_on_the_list_and_a_device_without_gate_never_is(self) -> None:
        assert allowed(one_of("gate", 1, 2), gate=2)
        assert not allowed(one_of("gate", 1), gate=2)
        assert not allowed(one_of("gate", 1), gate=None)

    def test_nothing_is_on_an_empty_list(self) -> None:
        assert not allowed(one_of("product"))

    def test_a_key_may_be_a_number_and_a_list_may_be_plain(self) -> None:
        assert allowed({"inList": [{"var": ["product"]}, [1, 2]]})
        assert allowed({"==": [{"lookup": ["product", 2, "Ticket"]}, {"var": "product"}]})


class TestHowOften:
    """[entries_number, entries_today, entries_days, entry_status, minutes_since]"""

    def test_three_entries_and_no_exit_counts(self) -> None:
        rules = {"<": [{"var": "entries_number"}, 3]}
        twice = came("2026-06-01T10:00Z", "2026-06-02T10:00Z")
        assert allowed(rules)
        assert allowed(rules, history=(*twice, Checkin(EXIT, NOON - MINUTE)))
        assert not allowed(rules, history=(*twice, Checkin(ENTRY, NOON - MINUTE)))

    @pytest.mark.parametrize(
        ("zone", "entry", "counts"),
        [
            (BERLIN, "2026-06-03T00:00:00+02:00", True),
            (BERLIN, "2026-06-02T23:59:59.999999+02:00", False),
            (TOKYO, "2026-06-03T00:00:00+09:00", True),
            (TOKYO, "2026-06-02T23:59:59.999999+09:00", False),
            (ZoneInfo("UTC"), "2026-06-03T00:00:00Z", True),
        ],
    )
    def test_today_begins_at_midnight_in_the_events_zone(
        self, zone: ZoneInfo, entry: str, counts: bool
    ) -> None:
        rules = {">": [{"var": "entries_today"}, 0]}
        assert allowed(rules, timezone=zone, history=came(entry)) is counts

    def test_three_times_a_day_and_again_after_midnight_in_the_events_zone(self) -> None:
        rules = {"<": [{"var": "entries_today"}, 3]}
        entries = came("2020-01-01T10:00Z", "2020-01-01T10:01Z", "2020-01-01T10:02Z")
        evening = at("2020-01-01T22:50Z")
        assert not allowed(rules, now=evening, history=entries)
        assert allowed(rules, now=evening + 20 * MINUTE, history=entries)
        assert not allowed(rules, now=at("2020-01-01T14:50Z"), timezone=TOKYO, history=entries)
        assert allowed(rules, now=at("2020-01-01T15:10Z"), timezone=TOKYO, history=entries)

    def test_any_number_of_times_on_two_days(self) -> None:
        rules = {"or": [{">": [{"var": "entries_today"}, 0]}, {"<": [{"var": "entries_days"}, 2]}]}
        two_days = came("2020-01-01T10:00Z", "2020-01-01T11:00Z", "2020-01-03T10:00Z")
        assert allowed(rules, now=at("2020-01-03T09:00Z"), history=two_days[:2])
        assert allowed(rules, now=at("2020-01-03T22:50Z"), history=two_days)
        assert not allowed(rules, now=at("2020-01-03T23:50Z"), history=two_days)

    def test_days_are_days_in_the_events_zone(self) -> None:
        one_night = came("2026-06-01T21:59:59Z", "2026-06-01T22:00:00Z")
        for zone, days in ((BERLIN, 2), (TOKYO, 1)):
            assert allowed(
                {"==": [{"var": "entries_days"}, days]}, timezone=zone, history=one_night
            )

    def test_the_status_is_the_type_of_the_last_check_in(self) -> None:
        present = {"==": [{"var": "entry_status"}, "present"]}
        absent = {"==": [{"var": "entry_status"}, "absent"]}
        inside = came("2026-06-03T09:00Z")
        left = (*inside, Checkin(EXIT, NOON - MINUTE))
        assert allowed(absent)
        assert not allowed(present)
        assert allowed(present, history=inside)
        assert allowed(absent, history=left)

    def test_in_again_only_after_leaving(self) -> None:
        rules = {
            "or": [
                {"==": [{"var": "entry_status"}, "absent"]},
                {"<": [{"var": "entries_number"}, 1]},
            ]
        }
        inside = came("2026-06-03T09:00Z")
        assert allowed(rules)
        assert not allowed(rules, history=inside)
        assert allowed(rules, history=(*inside, Checkin(EXIT, NOON - MINUTE)))

    def test_three_hours_since_the_last_entry(self) -> None:
        last = {"var": "minutes_since_last_entry"}
        rules = {"or": [{"<=": [last, -1]}, {">": [last, 180]}]}
        entries = came("2020-01-01T07:00Z", "2020-01-01T10:00Z")
        assert allowed(rules, history=())
        assert not allowed(rules, now=at("2020-01-01T13:00:59Z"), history=entries)
        assert allowed(rules, now=at("2020-01-01T13:01Z"), history=entries)

    def test_three_hours_since_the_first_entry(self) -> None:
        first = {"var": "minutes_since_first_entry"}
        rules = {"or": [{"<=": [first, -1]}, {"<": [first, 180]}]}
        entries = came("2020-01-01T10:00Z", "2020-01-01T12:00Z")
        assert allowed(rules, history=())
        assert allowed(rules, now=at("2020-01-01T12:59:59Z"), history=entries)
        assert not allowed(rules, now=at("2020-01-01T13:00Z"), history=entries)

    @pytest.mark.parametrize("which", ["minutes_since_last_entry", "minutes_since_first_entry"])
    def test_without_an_entry_it_is_minus_one_minute_ago(self, which: str) -> None:
        exits = (Checkin(EXIT, NOON - MINUTE),)
        assert allowed({"==": [{"var": which}, -1]})
        assert allowed({"==": [{"var": which}, -1]}, history=exits)


class TestSinceWhen:
    """[entries_since, entries_before, entries_days_since, entries_days_before, time of day]"""

    def test_once_before_and_once_after(self) -> None:
        cut = custom("2020-01-01T23:00:00.000+01:00")
        rules = {
            "or": [
                {"<=": [{"var": "entries_number"}, 0]},
                {"and": [after(cut, 0), {"<=": [{"entries_since": [cut]}, 0]}]},
            ]
        }
        early, late = came("2020-01-01T21:00Z", "2020-01-01T22:10Z")
        assert allowed(rules, now=early.at)
        assert not allowed(rules, now=early.at + MINUTE, history=(early,))
        assert allowed(rules, now=late.at, history=(early,))
        assert not allowed(rules, now=late.at + MINUTE, history=(early, late))

    def test_once_a_day_before_and_once_after_a_time_of_day(self) -> None:
        cut = custom_time("23:00:00")
        rules = {
            "or": [
                {"<=": [{"var": "entries_today"}, 0]},
                {"and": [after(cut, 0), {"<=": [{"entries_since": [cut]}, 0]}]},
            ]
        }
        history: tuple[Checkin, ...] = ()
        for day in ("2020-01-01", "2020-01-02"):
            for clock in ("22:00", "23:01"):
                now = at(f"{day}T{clock}+09:00")
                assert allowed(rules, now=now, timezone=TOKYO, history=history)
                history = (*history, Checkin(ENTRY, now))
                assert not allowed(rules, now=now + MINUTE, timezone=TOKYO, history=history)

    def test_only_for_those_who_came_before(self) -> None:
        cut = custom("2020-01-01T23:00:00.000+01:00")
        rules = {"or": [before(cut, 0), {">=": [{"entries_before": [cut]}, 1]}]}
        early = came("2020-01-01T21:00Z")
        assert allowed(rules, now=early[0].at)
        assert allowed(rules, now=at("2020-01-01T22:10Z"), history=early)
        assert not allowed(rules, now=at("2020-01-01T22:10Z"))

    @pytest.mark.parametrize(
        ("operator", "count"),
        [
            ("entries_since", 3),
            ("entries_before", 3),
            ("entries_days_since", 2),
            ("entries_days_before", 2),
        ],
    )
    def test_the_instant_itself_belongs_to_since(self, operator: str, count: int) -> None:
        history = came(
            "2026-06-01T08:00Z",
            "2026-06-01T09:00Z",
            "2026-06-02T09:59:59.999999Z",
            "2026-06-02T10:00Z",
            "2026-06-03T08:00Z",
            "2026-06-03T09:00Z",
        )
        rules = {"==": [{operator: [custom("2026-06-02T10:00:00Z")]}, count]}
        assert allowed(rules, history=history)


class TestWhen:
    """[isBefore, isAfter, tolerance, custom, customtime, event dates, weekday]"""

    def test_before_and_after_are_strict(self) -> None:
        moment = custom("2026-06-03T12:00:00+02:00")
        assert not allowed(after(moment))
        assert not allowed(before(moment))
        assert allowed(after(moment), now=NOON + MOMENT)
        assert allowed(before(moment), now=NOON - MOMENT)

    @pytest.mark.parametrize("tolerance", [10, "10", 10.0])
    def test_tolerance_opens_earlier_and_closes_later(self, tolerance: Any) -> None:
        moment = {"buildTime": ["date_admission"]}
        dates: dict[str, Any] = {"date_from": NOON + 60 * MINUTE, "date_admission": NOON}
        opening = after(moment, tolerance)
        assert not allowed(opening, now=NOON - 10 * MINUTE, **dates)
        assert allowed(opening, now=NOON - 10 * MINUTE + MOMENT, **dates)
        closing = before(moment, tolerance)
        assert allowed(closing, now=NOON + 10 * MINUTE - MOMENT, **dates)
        assert not allowed(closing, now=NOON + 10 * MINUTE, **dates)

    @pytest.mark.parametrize("tolerance", [None, 0, ""])
    def test_no_tolerance_may_be_written_in_several_ways(self, tolerance: Any) -> None:
        moment = custom("2026-06-03T12:00:00+02:00")
        assert not allowed(after(moment, tolerance))
        assert allowed(after(moment, tolerance), now=NOON + MOMENT)

    @pytest.mark.parametrize("kind", ["date_to", "date_admission"])
    def test_an_event_without_that_date_goes_by_its_beginning(self, kind: str) -> None:
        rules = before({"buildTime": [kind]})
        assert allowed(rules, date_from=NOON + MINUTE)
        assert not allowed(rules, date_from=NOON - MINUTE)
        own: dict[str, Any] = {kind: NOON - MINUTE}
        assert not allowed(rules, date_from=NOON + MINUTE, **own)

    def test_the_beginning_is_its_own(self) -> None:
        dates: dict[str, Any] = {"date_to": NOON + MINUTE, "date_admission": NOON + MINUTE}
        assert not allowed(before({"buildTime": "date_from"}), date_from=NOON - MINUTE, **dates)

    def test_a_time_of_day_is_todays_in_the_events_zone(self) -> None:
        rules = after(custom_time("22:00:00"))
        assert not allowed(rules, now=at("2020-01-01T21:55+01:00"))
        assert allowed(rules, now=at("2020-01-01T22:05+01:00"))
        assert not allowed(rules, now=at("2020-01-02T00:01+01:00"))
        assert not allowed(rules, now=at("2020-01-01T22:05+01:00"), timezone=ZoneInfo("UTC"))

    @pytest.mark.parametrize(
        "text", ["22:00", "22:00:00.000", "22:00:00+05:00", "1999-12-31T22:00:00.000+05:00"]
    )
    def test_of_a_time_of_day_only_the_clock_counts(self, text: str) -> None:
        assert not allowed(after(custom_time(text)), now=at("2020-01-01T21:59+01:00"))
        assert allowed(after(custom_time(text)), now=at("2020-01-01T22:01+01:00"))

    @pytest.mark.parametrize("offset", ["Z", "+01:00", "-05:30"])
    def test_a_date_and_time_carries_its_own_offset(self, offset: str) -> None:
        text = f"2020-01-01T23:00:00.000{offset}"
        assert not allowed(after(custom(text)), now=at(text) - MINUTE, timezone=TOKYO)
        assert allowed(after(custom(text)), now=at(text) + MINUTE, timezone=TOKYO)

    @pytest.mark.parametrize(
        ("now", "weekday"),
        [("2022-04-03T23:59:59+02:00", 7), ("2022-04-04T00:00+02:00", 1)],
    )
    def test_the_weekday_is_that_of_the_events_zone(self, now: str, weekday: int) -> None:
        assert allowed({"==": [{"var": "now_isoweekday"}, weekday]}, now=at(now))

    def test_a_week_end_ticket(self) -> None:
        rules = {">=": [{"var": "now_isoweekday"}, 6]}
        assert not allowed(rules, now=at("2022-04-06T21:55+01:00"))
        assert allowed(rules, now=at("2022-04-09T22:05+01:00"))


class TestDaylightSaving:
    def test_a_skipped_time_of_day_counts_with_the_offset_of_before(self) -> None:
        rules = after(custom_time("02:30"))
        assert not allowed(rules, now=at("2026-03-29T03:29:59+02:00"))
        assert allowed(rules, now=at("2026-03-29T03:30:01+02:00"))

    def test_a_time_of_day_that_comes_twice_is_the_first_until_the_clock_is_put_back(self) -> None:
        rules = after(custom_time("02:30"))
        assert not allowed(rules, now=at("2026-10-25T02:29+02:00"))
        assert allowed(rules, now=at("2026-10-25T02:31+02:00"))
        assert not allowed(rules, now=at("2026-10-25T02:29+01:00"))
        assert allowed(rules, now=at("2026-10-25T02:31+01:00"))
        assert allowed(rules, now=at("2026-10-25T03:00+01:00"))

    @pytest.mark.parametrize(
        ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-10-26", 24)]
    )
    def test_today_is_as_long_as_the_day_is(self, day: str, hours: int) -> None:
        midnight = datetime.fromisoformat(day).replace(tzinfo=BERLIN).astimezone(UTC)
        last = midnight + timedelta(hours=hours) - MOMENT
        rules = {"==": [{"var": "entries_today"}, 1]}
        entry = (Checkin(ENTRY, midnight),)
        assert allowed(rules, now=last, history=entry)
        assert not allowed(rules, now=last + MOMENT, history=entry)
        assert not allowed(rules, now=last, history=(Checkin(ENTRY, midnight - MOMENT),))

    def test_where_midnight_comes_twice_today_begins_anew(self) -> None:
        rules = {"==": [{"var": "entries_today"}, 1]}
        entry = came("2024-11-03T00:30-04:00")
        assert allowed(rules, now=at("2024-11-03T00:59-04:00"), timezone=HAVANA, history=entry)
        assert not allowed(rules, now=at("2024-11-03T00:59-05:00"), timezone=HAVANA, history=entry)
        assert allowed(rules, now=at("2024-11-03T12:00-05:00"), timezone=HAVANA, history=entry)

    def test_where_midnight_is_skipped_today_begins_an_hour_later(self) -> None:
        rules = {"==": [{"var": "entries_today"}, 1]}
        now = at("2026-03-08T12:00-04:00")
        first = at("2026-03-08T01:00-04:00")
        assert allowed(rules, now=now, timezone=HAVANA, history=(Checkin(ENTRY, first),))
        yesterday = (Checkin(ENTRY, first - MOMENT),)
        assert not allowed(rules, now=now, timezone=HAVANA, history=yesterday)


class TestComparing:
    @pytest.mark.parametrize(
        ("left", "operator", "right", "holds"),
        [
            (1, "==", 1, True),
            (1, "==", 1.0, True),
            (1, "==", "1", True),
            ("1", "==", 1.0, False),
            (1, "==", True, True),
            (2, "==", True, True),
            (True, "==", "1", False),
            (None, "==", False, True),
            (0, "==", None, False),
            (None, "==", None, True),
            ("a", "!=", "b", True),
            (1, "!=", 1, False),
            (1, "<", 2, True),
            (2, "<", 2, False),
            (2, "<=", 2, True),
            (3, "<=", 2, False),
            (2, ">", 1, True),
            (2, ">", 2, False),
            (2, ">=", 2, True),
            (1, ">=", 2, False),
            ("10", ">", 9, True),
            ("9", "<", "10", False),
            ("soon", "<", 5, False),
            (None, "<", 5, False),
        ],
    )
    def test_values_compare_as_on_the_server(
        self, left: Any, operator: str, right: Any, holds: bool
    ) -> None:
        assert allowed({operator: [left, right]}) is holds

    @pytest.mark.parametrize(
        ("rules", "holds"),
        [
            ({"<": [1, 2, 3]}, True),
            ({"<": [1, 3, 2]}, False),
            ({"<=": [1, 1, 2]}, True),
            ({"<=": [1, 2, 1]}, False),
        ],
    )
    def test_numbers_have_a_between(self, rules: Any, holds: bool) -> None:
        assert allowed(rules) is holds


class TestAndOr:
    @pytest.mark.parametrize(
        ("rules", "holds"),
        [
            ({"and": [TRUE, TRUE]}, True),
            ({"and": [TRUE, FALSE]}, False),
            ({"or": [FALSE, TRUE]}, True),
            ({"or": [FALSE, FALSE]}, False),
            ({"and": []}, True),
            ({"or": []}, False),
            ({"and": TRUE}, True),
            ({"or": [{"and": [TRUE, FALSE]}, {"or": [FALSE, TRUE]}]}, True),
            ({"==": [{"and": [1, 2]}, 2]}, True),
            ({"==": [{"and": [0, 2]}, 0]}, True),
            ({"==": [{"or": [0, 2, 3]}, 2]}, True),
            ({"==": [{"or": [0, ""]}, ""]}, True),
            ({"and": [TRUE], "__result": False}, True),
        ],
    )
    def test_parts_join_as_on_the_server(self, rules: Any, holds: bool) -> None:
        assert allowed(rules) is holds

    @pytest.mark.parametrize(
        ("rules", "answer"),
        [
            ({"or": [UNKNOWN, TRUE]}, True),
            ({"or": [TRUE, UNKNOWN]}, True),
            ({"or": [UNKNOWN, FALSE]}, None),
            ({"and": [UNKNOWN, FALSE]}, False),
            ({"and": [FALSE, UNKNOWN]}, False),
            ({"and": [UNKNOWN, TRUE]}, None),
            ({"and": [{"or": [UNKNOWN, TRUE]}, TRUE]}, True),
            ({"and": [{"or": [UNKNOWN, FALSE]}, FALSE]}, False),
            ({"==": [{"or": [2, UNKNOWN]}, 2]}, True),
            ({"==": [{"or": [UNKNOWN, 2]}, 2]}, None),
        ],
    )
    def test_what_is_unknown_matters_only_where_the_answer_hangs_on_it(
        self, rules: Any, answer: bool | None
    ) -> None:
        assert evaluate(rules, FACTS).allowed is answer


class TestUnknown:
    @pytest.mark.parametrize(
        ("rules", "name"),
        [
            ({"xor": [TRUE, FALSE]}, "xor"),
            ({"!": [FALSE]}, "!"),
            ({">": [UNKNOWN, 0]}, "moon_phase"),
            ({">": [{"var": ["moon_phase", 5]}, 0]}, "moon_phase"),
            ({"==": [{"var": "product.name"}, "x"]}, "product.name"),
            ({"==": [{"var": ""}, "x"]}, "an empty name"),
            (before({"buildTime": ["date_of_doors"]}), "date_of_doors"),
            (before({"buildTime": ["date_to"]}), "date_to"),
            (before(custom("2020-01-01T10:00:00")), "buildTime"),
            (before(custom("0001-01-01T00:00:00+14:00")), "buildTime"),
            (before(custom("soon")), "buildTime"),
            (before(custom_time("2200")), "buildTime"),
            (before(custom_time("25:00")), "buildTime"),
            (before({"buildTime": []}), "buildTime"),
            (before("2020-01-01T10:00:00Z"), "isBefore"),
            (before(custom("2020-01-01T10:00Z"), "soon"), "isBefore"),
            (before(custom("2020-01-01T10:00Z"), 1e300), "isBefore"),
            ({"isAfter": [NOW]}, "isAfter"),
            ({"==": [NOW, "2020"]}, "=="),
            ({"==": [1]}, "=="),
            ({"<": ["a", "b", "c"]}, "<"),
            ({"<": [None, None]}, "<"),
            ({"<": [10**400, 1]}, "<"),
            ({"inList": [1, 1]}, "inList"),
            ({"inList": [1, {"objectList": [{"lookup": ["product", "x", ""]}]}]}, "lookup"),
            ({"<": [{"entries_since": ["soon"]}, 1]}, "entries_since"),
            ({"<": [{"entries_days_before": []}, 1]}, "entries_days_before"),
            ({"==": [{"var": [["product"]]}, 2]}, "var"),
            ({"==": [1, [[1]]]}, "a list in a list"),
            ({"==": [1, {}]}, "an empty name"),
            ({"and": [TRUE], "or": [TRUE]}, "and or"),
            ({"line\nbreak\u202e": []}, "line?break?"),
        ],
        ids=lambda value: json.dumps(value)[:50],
    )
    def test_what_cannot_be_evaluated_is_named(self, rules: Any, name: str) -> None:
        assert evaluate(rules, FACTS) == RuleAnswer(allowed=None, unknown=(name,))

    def test_it_is_named_also_where_the_answer_does_not_need_it(self) -> None:
        answer = evaluate({"or": [UNKNOWN, {"xor": []}, UNKNOWN, TRUE, {"nand": []}]}, FACTS)
        assert answer == RuleAnswer(allowed=True, unknown=("moon_phase", "xor"))

    def test_names_are_few_and_short(self) -> None:
        answer = evaluate({"or": [{f"{number}{'x' * 500}": []} for number in range(99)]}, FACTS)
        assert answer.allowed is None
        assert len(answer.unknown) == MOST_NAMES
        assert max(map(len, answer.unknown)) < 100

    def test_rules_without_bottom_are_not_followed_down(self) -> None:
        rules: Any = TRUE
        for _ in range(5_000):
            rules = {"and": [rules]}
        answer = evaluate({"or": [TRUE, rules]}, FACTS)
        assert answer == RuleAnswer(allowed=None, unknown=("nested more than 40 deep",))

    def test_rules_without_end_are_not_evaluated(self) -> None:
        answer = evaluate({"or": [TRUE] * MOST_NODES}, FACTS)
        assert answer == RuleAnswer(allowed=None, unknown=("more than 10000 parts",))

    def test_a_thousand_products_are_not_too_many(self) -> None:
        assert not allowed(one_of("product", *range(3, 1_003)))


names = st.sampled_from(
    [
        "and",
        "or",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "inList",
        "objectList",
        "lookup",
        "isBefore",
        "isAfter",
        "buildTime",
        "var",
        "entries_since",
        "entries_before",
        "entries_days_since",
        "entries_days_before",
        "xor",
        "__result",
    ]
)
words = st.sampled_from(
    [
        "product",
        "variation",
        "gate",
        "now",
        "now_isoweekday",
        "entries_number",
        "entries_today",
        "entries_days",
        "minutes_since_last_entry",
        "minutes_since_first_entry",
        "entry_status",
        "present",
        "custom",
        "customtime",
        "date_from",
        "date_to",
        "date_admission",
        "12:00",
        "2026-06-03T12:00:00Z",
        "9",
        "moon_phase",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | words
jsons = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(names | st.text(max_size=3), inner, max_size=2)
        | st.dictionaries(names, st.lists(inner, max_size=3), min_size=1, max_size=1)
    ),
    max_leaves=25,
)
histories = st.lists(
    st.builds(Checkin, st.sampled_from(ScanType), st.datetimes(timezones=st.just(UTC))), max_size=4
).map(lambda history: tuple(sorted(history, key=lambda checkin: checkin.at)))
somebody = st.builds(
    RuleFacts,
    now=st.datetimes(
        min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone itself
        max_value=datetime(2199, 1, 1),  # noqa: DTZ001 - the same
        timezones=st.just(UTC),
    ),
    timezone=st.sampled_from([BERLIN, TOKYO, HAVANA]),
    item=st.integers(1, 3),
    variation=st.none() | st.integers(1, 3),
    history=histories,
    date_from=st.none() | st.just(NOON),
)
trees = st.recursive(
    st.sampled_from(["true", "false", "unknown", "other"]),
    lambda inner: st.tuples(st.sampled_from(["and", "or"]), st.lists(inner, max_size=4)),
    max_leaves=12,
)


def planted(tree: Any, **leaves: Any) -> Any:
    if isinstance(tree, str):
        return leaves[tree]
    operator, branches = tree
    return {operator: [planted(branch, **leaves) for branch in branches]}


@settings(deadline=None)
@given(jsons, somebody)
def test_no_rules_raise(rules: Any, facts: RuleFacts) -> None:
    answer = evaluate(rules, facts)
    assert answer.allowed is not None or answer.unknown


@settings(deadline=None)
@given(jsons, somebody)
def test_a_false_branch_never_opens_and_a_true_one_never_closes(
    rules: Any, facts: RuleFacts
) -> None:
    assert evaluate({"and": [rules, FALSE]}, facts).allowed is False
    assert evaluate({"and": [FALSE, rules]}, facts).allowed is False
    assert evaluate({"or": [rules, TRUE]}, facts).allowed is True
    assert evaluate({"or": [TRUE, rules]}, facts).allowed is True


@settings(deadline=None)
@given(jsons.filter(bool), somebody)
def test_a_true_branch_of_and_and_a_false_one_of_or_change_nothing(
    rules: Any, facts: RuleFacts
) -> None:
    alone = evaluate(rules, facts).allowed
    assert evaluate({"and": [TRUE, rules]}, facts).allowed is alone
    assert evaluate({"or": [rules, FALSE]}, facts).allowed is alone


@settings(deadline=None)
@given(trees)
def test_an_answer_despite_the_unknown_holds_whatever_the_unknown_is(tree: Any) -> None:
    leaves = {"true": TRUE, "false": FALSE, "unknown": UNKNOWN, "other": {"xor": [1, 2]}}
    answer = evaluate(planted(tree, **leaves), FACTS).allowed
    possible = {
        evaluate(planted(tree, **(leaves | {"unknown": one, "other": other})), FACTS).allowed
        for one in (TRUE, FALSE)
        for other in (TRUE, FALSE)
    }
    assert None not in possible
    if answer is not None:
        assert possible == {answer}


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        (after(custom("2020-01-01T00:00:00Z")), None),
        (before(custom_time("18:00")), None),
        ({"==": [{"var": "now_isoweekday"}, 7]}, None),
        ({"<": [{"var": "entries_today"}, 1]}, None),
        ({">": [{"var": "minutes_since_last_entry"}, 60]}, None),
        ({"==": [{"var": "entries_number"}, 1]}, True),
        ({"<": [{"var": "entries_days"}, 1]}, False),
        ({"or": [{"==": [{"var": "entries_number"}, 1]}, {"==": [{"var": "now"}, 0]}]}, True),
    ],
)
def test_without_the_time_only_what_asks_for_it_is_undecided(rules: Any, answer: bool) -> None:
    facts = replace(FACTS, now=None, history=came("2026-11-21T12:00:00Z"))
    assert evaluate(rules, facts).allowed is answer


def test_who_never_came_in_needs_no_time_for_that() -> None:
    facts = replace(FACTS, now=None)
    for rule in (
        {"==": [{"var": "entries_today"}, 0]},
        {"==": [{"var": "minutes_since_last_entry"}, -1]},
    ):
        assert evaluate(rule, facts).allowed is True


@settings(deadline=None)
@given(somebody)
def test_one_more_entry_never_lowers_a_count(facts: RuleFacts) -> None:
    assert facts.now
    more = replace(facts, history=(*facts.history, Checkin(ENTRY, facts.now)))
    for variable in ("entries_number", "entries_today", "entries_days"):
        for count in range(6):
            rules = {">": [{"var": variable}, count]}
            assert evaluate(rules, more).allowed or not evaluate(rules, facts).allowed
