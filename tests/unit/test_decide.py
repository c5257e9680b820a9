"""The decision table, row by row, and what holds whatever the facts are.

Each row changes one honest guest with a paid ticket on one list, in front of a gate with fresh
data. D numbers in the ids are those of the checks that every offline check-in app has to make.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gated.config import Policy
from gated.decide import ENTRY_CHECKS, OVERTURNABLE, decide, questionable
from gated.grounds import Facts, flaw
from gated.model import (
    Checkin,
    CheckinList,
    Dates,
    Decision,
    Event,
    Reason,
    ScanType,
    Stay,
    Ticket,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MOMENT = timedelta(microseconds=1)
ENTRY, EXIT = ScanType.ENTRY, ScanType.EXIT
ADMIT, ATTENTION, REFUSE = Verdict.ADMIT, Verdict.ATTENTION, Verdict.REFUSE

TICKET = Ticket(position_id=100, order_code="AAAAA", item=1)
ADDON = Ticket(position_id=101, order_code="AAAAA", item=5, addon_to=100)
SECOND_ADDON = replace(ADDON, position_id=102)
OTHERS_ADDON = replace(ADDON, position_id=201, addon_to=200)
LIST = CheckinList(id=1)
SECOND_LIST = CheckinList(id=2)
VIP_LIST = CheckinList(id=1, all_products=False, limit_products=frozenset({2}))
ADDON_LIST = CheckinList(id=1, all_products=False, limit_products=frozenset({5}), addon_match=True)
BY_DATE = CheckinList(id=1, subevent=7)
RULES = {"and": [{"isBefore": [{"var": "now"}, {"buildTime": ["date_to"]}]}]}
RULED = CheckinList(id=1, rules=RULES)
NO_REENTRY = CheckinList(id=1, allow_entry_after_exit=False)
MULTIPLE = CheckinList(id=1, allow_multiple_entries=True, allow_entry_after_exit=False)

PENDING = replace(TICKET, order_status="n")
UNAPPROVED = replace(PENDING, require_approval=True)
CANCELED = replace(TICKET, order_status="c")
EXPIRED = replace(TICKET, order_status="e")
BLOCKED = replace(TICKET, blocked=True)
OUTDATED = replace(TICKET, valid_until=NOW - MOMENT)
FORMER = replace(TICKET, former_secret=True)
VANISHED = replace(TICKET, vanished=True)

FLAWED = {
    "revoked": (FORMER, Reason.REVOKED),
    "vanished": (VANISHED, Reason.CANCELED),
    "canceled": (CANCELED, Reason.CANCELED),
    "expired": (EXPIRED, Reason.CANCELED),
    "in a state nobody knows": (replace(TICKET, order_status="?"), Reason.CANCELED),
    "blocked": (BLOCKED, Reason.BLOCKED),
    "unapproved": (UNAPPROVED, Reason.UNAPPROVED),
    "not valid yet": (replace(TICKET, valid_from=NOW + MOMENT), Reason.INVALID_TIME),
    "not valid any more": (OUTDATED, Reason.INVALID_TIME),
}


def went(*steps: tuple[ScanType, timedelta]) -> tuple[Checkin, ...]:
    """Check-ins, each so long ago."""
    return tuple(Checkin(scan_type, NOW - ago) for scan_type, ago in steps)


IN = went((ENTRY, 30 * MINUTE))
IN_AND_OUT = went((ENTRY, 30 * MINUTE), (EXIT, 10 * MINUTE))
IN_OUT_IN = went((ENTRY, 30 * MINUTE), (EXIT, 20 * MINUTE), (ENTRY, 10 * MINUTE))
ONLY_OUT = went((EXIT, 10 * MINUTE))
OUT_JUST_NOW = went((ENTRY, 30 * MINUTE), (EXIT, timedelta(seconds=59)))


@dataclass(frozen=True)
class Row:
    """One case: what differs from the honest guest, and the answer."""

    id: str
    verdict: Verdict
    reason: Reason
    stays: tuple[Stay, ...] = (Stay(1, 100),)
    found: tuple[Ticket, ...] = (TICKET,)
    lists: tuple[CheckinList, ...] = (LIST,)
    addons: tuple[Ticket, ...] = ()
    history: Mapping[tuple[int, int], Sequence[Checkin]] | None = None
    believed: bool = True
    policy: Policy = field(default_factory=Policy)

    def decision(self, scan_type: ScanType) -> Decision:
        return decide(facts_of(self, scan_type), self.policy)


def facts_of(row: Row, scan_type: ScanType) -> Facts:
    return Facts(
        type=scan_type,
        now=NOW,
        lists=row.lists,
        found=row.found,
        history=row.history or {},
        addons=row.addons,
        believed=row.believed,
    )


def ticket(**changes: Any) -> tuple[Ticket, ...]:
    return (replace(TICKET, **changes),)


def past(checkins: Sequence[Checkin]) -> dict[tuple[int, int], Sequence[Checkin]]:
    return {(1, 100): checkins}


LET_IN = (ADMIT, Reason.ENTERED)
AGAIN = (REFUSE, Reason.ALREADY_REDEEMED)

ENTRIES = (
    Row("D19 an honest guest comes in", *LET_IN),
    # The ticket itself, whatever the list.
    Row("P unknown code", REFUSE, Reason.INVALID, (Stay(1),), found=()),
    Row("P unknown code, recorded on the first list", REFUSE, Reason.INVALID, (Stay(1),), found=(),
        lists=(LIST, SECOND_LIST)),
    Row("D7 canceled order", REFUSE, Reason.CANCELED, found=(CANCELED,)),
    Row("D7 expired order", REFUSE, Reason.CANCELED, found=(EXPIRED,)),
    Row("canceled position: gone from the server's list", REFUSE, Reason.CANCELED,
        found=(VANISHED,)),
    Row("the old code of a ticket that got a new one", REFUSE, Reason.REVOKED, found=(FORMER,)),
    Row("D8 blocked", REFUSE, Reason.BLOCKED, found=(BLOCKED,)),
    Row("D9 awaits approval", REFUSE, Reason.UNAPPROVED, found=(UNAPPROVED,)),
    Row("D9 approved and paid", *LET_IN, found=ticket(require_approval=True)),
    # Validity.
    Row("D10 a moment too early", REFUSE, Reason.INVALID_TIME,
        found=ticket(valid_from=NOW + MOMENT)),
    Row("D10 exactly at valid_from", *LET_IN, found=ticket(valid_from=NOW)),
    Row("D10 exactly at valid_until", *LET_IN, found=ticket(valid_until=NOW)),
    Row("D10 a moment too late", REFUSE, Reason.INVALID_TIME, found=(OUTDATED,)),
    Row("D10 within", *LET_IN, found=ticket(valid_from=NOW - MINUTE, valid_until=NOW + MINUTE)),
    # The list.
    Row("D11 a product that is not on the list", REFUSE, Reason.PRODUCT, lists=(VIP_LIST,)),
    Row("D11 a product that is", *LET_IN, found=ticket(item=2), lists=(VIP_LIST,)),
    Row("D12 another date of the series", REFUSE, Reason.INVALID, lists=(BY_DATE,),
        found=ticket(subevent=8)),
    Row("D12 no date at all", REFUSE, Reason.INVALID, lists=(BY_DATE,)),
    Row("D12 the right date", *LET_IN, lists=(BY_DATE,), found=ticket(subevent=7)),
    Row("D12 a list for all dates", *LET_IN, found=ticket(subevent=7)),
    # Payment.
    Row("D13 pending", REFUSE, Reason.UNPAID, found=(PENDING,)),
    Row("D13 pending, on a list that includes them", *LET_IN, found=(PENDING,),
        lists=(replace(LIST, include_pending=True),)),
    Row("D13 pending, valid all the same", *LET_IN,
        found=(replace(PENDING, valid_if_pending=True),)),
    # Rules that the box cannot evaluate.
    Row("D16 rules, admitted by policy", *LET_IN, lists=(RULED,),
        policy=Policy(unknown_rules="admit")),
    Row("D16 rules, refused by policy", REFUSE, Reason.RULES, lists=(RULED,),
        policy=Policy(unknown_rules="refuse")),
    Row("D16 rules, with attention", ATTENTION, Reason.RULES, lists=(RULED,)),
    # Add-ons: the guest shows the ticket, the list wants the add-on.
    Row("D2 no add-on on the list", REFUSE, Reason.PRODUCT, lists=(ADDON_LIST,)),
    Row("D2 an add-on of another product", REFUSE, Reason.PRODUCT, lists=(ADDON_LIST,),
        addons=(replace(ADDON, item=6),)),
    Row("D2 the add-on of somebody else", REFUSE, Reason.PRODUCT, lists=(ADDON_LIST,),
        addons=(OTHERS_ADDON,)),
    Row("D3 two add-ons on the list", REFUSE, Reason.AMBIGUOUS, lists=(ADDON_LIST,),
        addons=(ADDON, SECOND_ADDON)),
    Row("D4 one add-on on the list", *LET_IN, (Stay(1, 101),), lists=(ADDON_LIST,),
        addons=(ADDON,)),
    Row("D4 the other add-on is of another product", *LET_IN, (Stay(1, 101),), lists=(ADDON_LIST,),
        addons=(ADDON, replace(SECOND_ADDON, item=6))),
    Row("D4 ticket and add-on are both on the list", REFUSE, Reason.AMBIGUOUS, addons=(ADDON,),
        lists=(replace(LIST, addon_match=True),)),
    Row("D4 a list that does not look at add-ons", REFUSE, Reason.PRODUCT, addons=(ADDON,),
        lists=(replace(ADDON_LIST, addon_match=False),)),
    Row("D8 the add-on is blocked", REFUSE, Reason.BLOCKED, lists=(ADDON_LIST,),
        addons=(replace(ADDON, blocked=True),)),
    Row("D10 the add-on is not valid yet", REFUSE, Reason.INVALID_TIME, lists=(ADDON_LIST,),
        addons=(replace(ADDON, valid_from=NOW + MOMENT),)),
    Row("D12 the add-on has the date, the ticket another", *LET_IN, (Stay(1, 101),),
        found=ticket(subevent=8), addons=(replace(ADDON, subevent=7),),
        lists=(replace(ADDON_LIST, subevent=7),)),
    Row("D18 the add-on is in", *AGAIN, (Stay(1, 101),), lists=(ADDON_LIST,), addons=(ADDON,),
        history={(1, 101): IN}),
    Row("D18 the ticket is in, not its add-on", *LET_IN, (Stay(1, 101),), lists=(ADDON_LIST,),
        addons=(ADDON,), history=past(IN)),
    # In already.
    Row("D18 in already", *AGAIN, history=past(IN)),
    Row("D18 in a moment ago", *AGAIN, history=past(went((ENTRY, MOMENT)))),
    Row("D18 in on another list", *LET_IN, history={(2, 100): IN}),
    Row("D18 somebody else is in", *LET_IN, history={(1, 200): IN}),
    Row("D18 back after an exit", *LET_IN, history=past(IN_AND_OUT)),
    Row("D18 back, out and back", *AGAIN, history=past(IN_OUT_IN)),
    Row("D18 back where there is no re-entry", *AGAIN, lists=(NO_REENTRY,),
        history=past(IN_AND_OUT)),
    Row("D18 only exits, no re-entry", *LET_IN, lists=(NO_REENTRY,), history=past(ONLY_OUT)),
    Row("D18 only exits", *LET_IN, history=past(ONLY_OUT)),
    Row("D18 several entries allowed", *LET_IN, lists=(MULTIPLE,), history=past(IN)),
    Row("D18 several entries allowed, after an exit", *LET_IN, lists=(MULTIPLE,),
        history=past(IN_AND_OUT)),
    # Yes, but.
    Row("the ticket wants attention", ATTENTION, Reason.ENTERED,
        found=ticket(require_attention=True)),
    Row("the add-on wants attention", ATTENTION, Reason.ENTERED, (Stay(1, 101),),
        lists=(ADDON_LIST,),
        addons=(replace(ADDON, require_attention=True),)),
    Row("stale data do not stop an entry", *LET_IN, believed=False),
    Row("D16 rules for the add-on, with attention", ATTENTION, Reason.RULES, (Stay(1, 101),),
        lists=(replace(ADDON_LIST, rules=RULES),), addons=(ADDON,)),
    # Several lists: the first that admits, else the reason that got furthest.
    Row("first list admits", *LET_IN, lists=(LIST, SECOND_LIST)),
    Row("second list admits", *LET_IN, (Stay(2, 100),), lists=(VIP_LIST, SECOND_LIST)),
    Row("in on the first, second admits", *LET_IN, (Stay(2, 100),), lists=(LIST, SECOND_LIST),
        history=past(IN)),
    Row("a list with unknown rules admits before a plain one", ATTENTION, Reason.RULES,
        lists=(RULED, SECOND_LIST)),
    Row("already in got further than product", *AGAIN, (Stay(2, 100),),
        lists=(VIP_LIST, SECOND_LIST),
        history={(2, 100): IN}),
    Row("already in got further than product, the other way round", *AGAIN,
        lists=(LIST, replace(VIP_LIST, id=2)), history=past(IN)),
    Row("unpaid got further than product", REFUSE, Reason.UNPAID, (Stay(2, 100),), found=(PENDING,),
        lists=(VIP_LIST, SECOND_LIST)),
    Row("wrong date got further than product", REFUSE, Reason.INVALID, (Stay(2, 100),),
        lists=(VIP_LIST, replace(BY_DATE, id=2))),
    Row("unpaid got further than the wrong date", REFUSE, Reason.UNPAID, (Stay(2, 100),),
        found=(PENDING,), lists=(BY_DATE, SECOND_LIST)),
    Row("ambiguous got further than product", REFUSE, Reason.AMBIGUOUS, (Stay(2, 100),),
        lists=(VIP_LIST, replace(ADDON_LIST, id=2)), addons=(ADDON, SECOND_ADDON)),
    Row("of two equal reasons the first list", REFUSE, Reason.UNPAID, found=(PENDING,),
        lists=(LIST, SECOND_LIST)),
    Row("a flaw is recorded on the list of the product", REFUSE, Reason.BLOCKED, (Stay(2, 100),),
        found=(BLOCKED,), lists=(VIP_LIST, SECOND_LIST)),
    Row("a flaw without such a list on the first", REFUSE, Reason.BLOCKED, found=(BLOCKED,),
        lists=(VIP_LIST, replace(VIP_LIST, id=2))),
    # One code, several tickets.
    Row("two live tickets with one code", REFUSE, Reason.AMBIGUOUS, (Stay(1),),
        found=(TICKET, replace(TICKET, position_id=200))),
    Row("a code that was another ticket's before", *LET_IN,
        found=(replace(FORMER, position_id=200), TICKET)),
    Row("a code that came with a canceled order before", *LET_IN,
        found=(replace(VANISHED, position_id=200), TICKET)),
    Row("a ticket that got its old code back", *LET_IN, found=(TICKET, FORMER)),
    Row("two dead tickets with one code", REFUSE, Reason.AMBIGUOUS, (Stay(1),),
        found=(FORMER, replace(VANISHED, position_id=200))),
    Row("the dead one's add-on opens no door", REFUSE, Reason.PRODUCT, lists=(ADDON_LIST,),
        found=(replace(FORMER, position_id=200), TICKET), addons=(OTHERS_ADDON,)),
)  # fmt: skip


@pytest.mark.parametrize("row", ENTRIES, ids=lambda row: row.id)
def test_an_entry_is_decided_as_the_table_says(row: Row) -> None:
    assert row.decision(ENTRY) == Decision(row.verdict, row.reason, row.stays)


def worst(reasons: Sequence[Reason]) -> Row:
    """A guest with everything wrong that gives these reasons."""
    wrong = set(reasons)
    changes: dict[str, Any] = {
        "former_secret": Reason.REVOKED in wrong,
        "vanished": Reason.CANCELED in wrong,
        "blocked": Reason.BLOCKED in wrong,
        "require_approval": Reason.UNAPPROVED in wrong,
        "order_status": "n" if wrong & {Reason.UNAPPROVED, Reason.UNPAID} else "p",
        "valid_until": NOW - MOMENT if Reason.INVALID_TIME in wrong else None,
        "item": 1 if Reason.PRODUCT in wrong else 2,
        "subevent": 8 if Reason.INVALID in wrong else 7,
    }
    checkin_list = replace(
        VIP_LIST,
        subevent=7,
        rules=RULES if Reason.RULES in wrong else {},
        addon_match=Reason.AMBIGUOUS in wrong,
    )
    return Row(
        "",
        REFUSE,
        reasons[0],
        found=ticket(**changes),
        lists=(checkin_list,),
        # Two add-ons are ambiguous only while the ticket itself is not in question.
        addons=(replace(ADDON, item=2), replace(SECOND_ADDON, item=2)),
        history=past(IN) if Reason.ALREADY_REDEEMED in wrong else {},
        policy=Policy(unknown_rules="refuse"),
    )


# Nobody's product is both not on the list and on it twice.
IN_ORDER = tuple(reason for reason in ENTRY_CHECKS if reason is not Reason.AMBIGUOUS)


@pytest.mark.parametrize("first", range(len(IN_ORDER)), ids=lambda first: str(IN_ORDER[first]))
def test_each_check_of_an_entry_wins_over_all_later_ones(first: int) -> None:
    row = worst(IN_ORDER[first:])

    assert row.decision(ENTRY) == Decision(REFUSE, IN_ORDER[first], row.stays)


@pytest.mark.parametrize("later", IN_ORDER[IN_ORDER.index(Reason.INVALID) :])
def test_an_ambiguous_ticket_is_told_so_before_anything_later(later: Reason) -> None:
    assert worst((Reason.AMBIGUOUS, later)).decision(ENTRY).reason is Reason.AMBIGUOUS


def test_the_order_of_the_checks_is_the_order_of_the_design() -> None:
    assert ENTRY_CHECKS == (
        Reason.REVOKED,
        Reason.CANCELED,
        Reason.BLOCKED,
        Reason.UNAPPROVED,
        Reason.INVALID_TIME,
        Reason.PRODUCT,
        Reason.AMBIGUOUS,
        Reason.INVALID,
        Reason.UNPAID,
        Reason.RULES,
        Reason.ALREADY_REDEEMED,
    )


LET_OUT = (ADMIT, Reason.LEFT)
STRANGER = Reason.NOT_CHECKED_IN
GONE = Reason.ALREADY_LEFT
BOTH = (LIST, SECOND_LIST)
LOOK_AT_STRANGERS = Policy(exit_not_inside="attention")
UNPAID_AT_FIRST = (LIST, replace(SECOND_LIST, include_pending=True))

EXITS = (
    # Inside.
    Row("inside", *LET_OUT, history=past(IN)),
    Row("inside again", *LET_OUT, history=past(IN_OUT_IN)),
    Row("inside, as far as we know", *LET_OUT, history=past(IN), believed=False),
    Row("inside since a moment", *LET_OUT, history=past(went((ENTRY, timedelta())))),
    Row("inside on the second list", *LET_OUT, (Stay(2, 100),), lists=BOTH, history={(2, 100): IN}),
    Row("inside on both lists: two stays, one verdict", *LET_OUT, (Stay(1, 100), Stay(2, 100)),
        lists=BOTH, history={(1, 100): IN, (2, 100): IN}),
    Row("inside on one list, left the other", *LET_OUT, (Stay(2, 100),), lists=BOTH,
        history={(1, 100): OUT_JUST_NOW, (2, 100): IN}),
    Row("inside on a list that is not ours", REFUSE, STRANGER, history={(9, 100): IN}),
    # Inside, and what an entry would be refused for.
    Row("inside, product not on the list", *LET_OUT, lists=(VIP_LIST,), history=past(IN)),
    Row("inside, another date of the series", *LET_OUT, lists=(BY_DATE,), history=past(IN)),
    Row("inside, rules to be refused", *LET_OUT, lists=(RULED,), history=past(IN),
        policy=Policy(unknown_rules="refuse")),
    Row("inside, no re-entry", *LET_OUT, lists=(NO_REENTRY,), history=past(IN)),
    Row("inside, wanted attention when coming in", *LET_OUT, history=past(IN),
        found=ticket(require_attention=True)),
    Row("inside, strangers let out with attention", *LET_OUT, history=past(IN),
        policy=LOOK_AT_STRANGERS),
    Row("inside, now unpaid", ATTENTION, Reason.UNPAID, found=(PENDING,), history=past(IN)),
    Row("inside, pending is enough there", *LET_OUT, (Stay(2, 100),), found=(PENDING,),
        lists=UNPAID_AT_FIRST, history={(2, 100): IN}),
    Row("inside, pending is enough on one of two lists", ATTENTION, Reason.UNPAID,
        (Stay(1, 100), Stay(2, 100)), found=(PENDING,), lists=UNPAID_AT_FIRST,
        history={(1, 100): IN, (2, 100): IN}),
    Row("inside, pending but valid all the same", *LET_OUT, history=past(IN),
        found=(replace(PENDING, valid_if_pending=True),)),
    # Never came in.
    Row("never came in, the server agrees", REFUSE, STRANGER),
    Row("never came in, policy attention", ATTENTION, STRANGER, policy=LOOK_AT_STRANGERS),
    Row("never came in, as far as we know", ATTENTION, STRANGER, believed=False),
    Row("never came in, policy attention, as far as we know", ATTENTION, STRANGER, believed=False,
        policy=LOOK_AT_STRANGERS),
    Row("never came in, on the list of the product", REFUSE, STRANGER, (Stay(2, 100),),
        lists=(VIP_LIST, SECOND_LIST)),
    Row("never came in, canceled", REFUSE, STRANGER, found=(CANCELED,)),
    Row("never came in, canceled, as far as we know", ATTENTION, STRANGER, found=(CANCELED,),
        believed=False),
    # Left already.
    Row("left already", REFUSE, GONE, history=past(IN_AND_OUT)),
    Row("left already, policy attention is for strangers", REFUSE, GONE, history=past(IN_AND_OUT),
        policy=LOOK_AT_STRANGERS),
    Row("left long ago and may be back", ATTENTION, GONE, history=past(IN_AND_OUT), believed=False),
    Row("left just now, cannot be back so soon", REFUSE, GONE, history=past(OUT_JUST_NOW),
        believed=False),
    Row("left exactly so long ago", REFUSE, GONE, believed=False,
        history=past(went((ENTRY, 30 * MINUTE), (EXIT, MINUTE)))),
    Row("left a moment longer ago", ATTENTION, GONE, believed=False,
        history=past(went((ENTRY, 30 * MINUTE), (EXIT, MINUTE + MOMENT)))),
    Row("left, by a clock ahead of ours", REFUSE, GONE, believed=False,
        history=past(went((ENTRY, 30 * MINUTE), (EXIT, -MINUTE)))),
    Row("left long ago, no re-entry", REFUSE, GONE, lists=(NO_REENTRY,), history=past(IN_AND_OUT),
        believed=False),
    Row("left long ago, several entries", ATTENTION, GONE, lists=(MULTIPLE,),
        history=past(IN_AND_OUT), believed=False),
    Row("left just now, with other patience", ATTENTION, GONE, history=past(OUT_JUST_NOW),
        believed=False, policy=Policy(stale_after_s=30)),
    Row("left without ever coming in", REFUSE, GONE, history=past(ONLY_OUT)),
    Row("left both lists: recorded where last", REFUSE, GONE, (Stay(2, 100),), lists=BOTH,
        history={(1, 100): IN_AND_OUT, (2, 100): OUT_JUST_NOW}),
    # Unknown.
    Row("unknown code", REFUSE, Reason.INVALID, (Stay(1),), found=()),
    Row("unknown code, as far as we know", REFUSE, Reason.INVALID, (Stay(1),), found=(),
        believed=False),
    # Add-ons.
    Row("inside as the add-on", *LET_OUT, (Stay(1, 101),), lists=(ADDON_LIST,), addons=(ADDON,),
        history={(1, 101): IN}),
    Row("inside as both", *LET_OUT, (Stay(1, 100), Stay(1, 101)), addons=(ADDON,),
        lists=(replace(LIST, addon_match=True),), history={(1, 100): IN, (1, 101): IN}),
    Row("inside as two add-ons", *LET_OUT, (Stay(1, 101), Stay(1, 102)), lists=(ADDON_LIST,),
        addons=(ADDON, SECOND_ADDON), history={(1, 101): IN, (1, 102): IN}),
    Row("the add-on came in by its own code", REFUSE, STRANGER, addons=(ADDON,),
        history={(1, 101): IN}),
    Row("somebody else's add-on is inside", REFUSE, STRANGER, lists=(ADDON_LIST,),
        addons=(OTHERS_ADDON,), history={(1, 201): IN}),
    Row("the add-on left", REFUSE, GONE, (Stay(1, 101),), lists=(ADDON_LIST,), addons=(ADDON,),
        history={(1, 101): IN_AND_OUT}),
    Row("inside as an add-on that is blocked now", ATTENTION, Reason.BLOCKED, (Stay(1, 101),),
        lists=(ADDON_LIST,), addons=(replace(ADDON, blocked=True),), history={(1, 101): IN}),
    # One code, several tickets: whoever is inside leaves.
    Row("the live one is inside", *LET_OUT, found=(replace(FORMER, position_id=200), TICKET),
        history=past(IN)),
    Row("the former one is inside", ATTENTION, Reason.REVOKED,
        found=(FORMER, replace(TICKET, position_id=200)), history=past(IN)),
    Row("the canceled one is inside", ATTENTION, Reason.CANCELED,
        found=(replace(TICKET, position_id=200), VANISHED), history=past(IN)),
    Row("one of two dead ones is inside", ATTENTION, Reason.REVOKED,
        found=(replace(VANISHED, position_id=200), FORMER), history=past(IN)),
    Row("one of two live ones is inside", *LET_OUT,
        found=(replace(TICKET, position_id=200), TICKET), history=past(IN)),
    Row("both live ones are inside: one of them leaves", ATTENTION, Reason.AMBIGUOUS,
        found=(TICKET, replace(TICKET, position_id=200)), history={(1, 100): IN, (1, 200): IN}),
    Row("live and former are inside: the live one leaves", *LET_OUT,
        found=(replace(FORMER, position_id=200), TICKET), history={(1, 100): IN, (1, 200): IN}),
    Row("a ticket that got its old code back", *LET_OUT, found=(TICKET, FORMER), history=past(IN)),
    Row("neither of two live ones is inside", REFUSE, Reason.AMBIGUOUS, (Stay(1),),
        found=(TICKET, replace(TICKET, position_id=200))),
)  # fmt: skip


@pytest.mark.parametrize("row", EXITS, ids=lambda row: row.id)
def test_an_exit_is_decided_as_the_table_says(row: Row) -> None:
    assert row.decision(EXIT) == Decision(row.verdict, row.reason, row.stays)


@pytest.mark.parametrize("believed", [True, False], ids=["believed", "not believed"])
@pytest.mark.parametrize("name", FLAWED)
def test_who_is_inside_on_a_flawed_ticket_leaves_with_attention(name: str, believed: bool) -> None:
    flawed, reason = FLAWED[name]
    row = Row("", ATTENTION, reason, found=(flawed,), history=past(IN), believed=believed)

    assert row.decision(EXIT) == Decision(ATTENTION, reason, (Stay(1, 100),))


@pytest.mark.parametrize("name", FLAWED)
def test_a_flaw_refuses_an_entry_on_every_list(name: str) -> None:
    flawed, reason = FLAWED[name]
    open_list = replace(LIST, include_pending=True, allow_multiple_entries=True)
    row = Row("", REFUSE, reason, found=(flawed,), lists=(open_list, replace(open_list, id=2)))

    assert flaw(flawed, NOW) is reason
    assert row.decision(ENTRY) == Decision(REFUSE, reason, (Stay(1, 100),))


SIGNED = replace(TICKET, position_id=0, order_code="", signed=True)


@pytest.mark.parametrize(
    ("policy", "answer"), [("admit", LET_IN), ("attention", (ATTENTION, Reason.SIGNED))]
)
def test_a_ticket_known_by_its_signature_comes_in_as_the_policy_says(
    policy: Any, answer: tuple[Verdict, Reason]
) -> None:
    facts = Facts(ENTRY, NOW, [LIST], [SIGNED], {}, believed=False)
    decision = decide(facts, Policy(signed_tickets=policy))
    assert (decision.verdict, decision.reason) == answer


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"former_secret": True}, Reason.REVOKED),
        ({"blocked": True}, Reason.BLOCKED),
        ({"valid_until": NOW - MOMENT}, Reason.INVALID_TIME),
    ],
)
def test_a_signature_helps_no_ticket_with_a_flaw_in_but_every_one_out(
    changes: Any, reason: Reason
) -> None:
    ticket = replace(SIGNED, **changes)
    facts = Facts(ENTRY, NOW, [LIST], [ticket], {}, believed=False)
    assert decide(facts, Policy()) == Decision(REFUSE, reason, (Stay(1, 0),))
    leaving = decide(Facts(EXIT, NOW, [LIST], [ticket], {}, believed=False), Policy())
    assert (leaving.verdict, leaving.reason) == (ATTENTION, Reason.NOT_CHECKED_IN)


def test_rules_about_the_dates_of_a_series_ask_the_date_of_the_ticket() -> None:
    later = Dates(NOW + 60 * MINUTE, NOW + 90 * MINUTE)
    series = dataclasses.replace(
        EVENT, is_series=True, series={7: later, 8: Dates(NOW - 9 * MINUTE, NOW)}
    )
    lists = [CheckinList(id=1, rules={"isAfter": [{"var": "now"}, {"buildTime": ["date_from"]}]})]
    seen = [
        decide(Facts(ENTRY, NOW, lists, [ticket(subevent=date)[0]], {}, event=series), Policy())
        for date in (7, 8)
    ]
    assert [decision.verdict for decision in seen] == [REFUSE, ADMIT]


def test_rules_about_unknown_dates_of_a_series_are_undecided_and_others_are_not() -> None:
    seen = []
    for rules in (RULES, EARLY_RULE, VIP_RULE):
        for subevent in (None, 7):
            known = Facts(
                ENTRY,
                NOW,
                [CheckinList(id=1, rules=rules)],
                [replace(TICKET, subevent=subevent)],
                {},
                event=EVENT,
            )
            seen.append(decide(known, Policy()).verdict)
    assert seen == [ADMIT, ATTENTION, REFUSE, ATTENTION, REFUSE, REFUSE]


def test_a_rule_about_a_gate_is_undecided_until_the_server_tells_which_it_is() -> None:
    rules = {"inList": [{"var": "gate"}, {"objectList": [{"lookup": ["gate", "3", "North"]}]}]}
    known = Facts(ENTRY, NOW, [CheckinList(id=1, rules=rules)], [TICKET], {}, event=EVENT)
    decision = decide(known, Policy())
    assert (decision.verdict, decision.reason) == (ATTENTION, Reason.RULES)
    for gate, verdict in ((3, ADMIT), (4, REFUSE), (None, REFUSE)):
        told = dataclasses.replace(
            known, event=dataclasses.replace(EVENT, gate=gate, gate_known=True)
        )
        assert decide(told, Policy()).verdict is verdict


UNTIMELY = (ATTENTION, Reason.INVALID_TIME)
EARLY_RULE = {"isAfter": [{"var": "now"}, {"buildTime": ["date_to"]}]}
VIP_RULE = {"==": [{"var": "product"}, 2]}
EVENT = Event(dates=Dates(date_from=NOW - 60 * MINUTE, date_to=NOW + 60 * MINUTE))


@pytest.mark.parametrize(
    ("found", "checkin_list", "answer"),
    [
        (TICKET, LIST, LET_IN),
        (OUTDATED, LIST, UNTIMELY),
        (replace(TICKET, valid_from=NOW + MOMENT), LIST, UNTIMELY),
        (replace(OUTDATED, blocked=True), LIST, (REFUSE, Reason.BLOCKED)),
        (replace(OUTDATED, order_status="n"), LIST, (REFUSE, Reason.UNPAID)),
        (OUTDATED, VIP_LIST, (REFUSE, Reason.PRODUCT)),
        (TICKET, replace(LIST, rules=RULES), LET_IN),
        (TICKET, replace(LIST, rules=EARLY_RULE), UNTIMELY),
        (TICKET, replace(LIST, rules=VIP_RULE), (REFUSE, Reason.RULES)),
        (TICKET, replace(LIST, rules={"and": [EARLY_RULE, VIP_RULE]}), (REFUSE, Reason.RULES)),
        (TICKET, replace(LIST, rules={"or": [EARLY_RULE, VIP_RULE]}), UNTIMELY),
    ],
)
def test_while_nobody_knows_the_time_no_date_refuses_but_it_is_flagged(
    found: Ticket, checkin_list: CheckinList, answer: tuple[Verdict, Reason]
) -> None:
    facts = Facts(ENTRY, NOW, [checkin_list], [found], {}, event=EVENT, time_known=False)
    decision = decide(facts, Policy(unknown_rules="refuse"))
    assert (decision.verdict, decision.reason) == answer


def test_while_nobody_knows_the_time_who_is_in_already_is_still_refused() -> None:
    facts = Facts(ENTRY, NOW, [LIST], [OUTDATED], past(IN), time_known=False)
    assert decide(facts, Policy()).reason is Reason.ALREADY_REDEEMED


def test_a_clock_in_1970_takes_nobody_for_having_left_a_moment_ago() -> None:
    then = NOW - timedelta(days=20_000)
    facts = Facts(EXIT, then, [LIST], [TICKET], past(IN_AND_OUT), believed=False, time_known=False)
    decision = decide(facts, Policy())
    assert (decision.verdict, decision.reason) == (ATTENTION, Reason.ALREADY_LEFT)


def test_a_ticket_without_flaw_has_none() -> None:
    assert flaw(TICKET, NOW) is None
    assert flaw(PENDING, NOW) is None


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("reason", Reason)
def test_the_server_is_asked_only_about_a_no_that_it_could_overturn(
    verdict: Verdict, reason: Reason
) -> None:
    asked = questionable(Decision(verdict, reason))

    if verdict is REFUSE:
        assert asked == (reason in OVERTURNABLE)
    else:
        # A guest let out with attention might be let out plainly.
        assert asked == (reason in {STRANGER, GONE})


@pytest.mark.parametrize(
    ("row", "scan_type", "asked"),
    [
        (Row("", REFUSE, Reason.INVALID, found=()), ENTRY, True),
        (Row("", REFUSE, Reason.UNPAID, found=(PENDING,)), ENTRY, True),
        (Row("", *AGAIN, history=past(IN)), ENTRY, True),
        (Row("", REFUSE, Reason.BLOCKED, found=(BLOCKED,)), ENTRY, False),
        (Row("", REFUSE, Reason.PRODUCT, lists=(VIP_LIST,)), ENTRY, False),
        (Row("", *LET_IN), ENTRY, False),
        (Row("", ATTENTION, Reason.ENTERED, found=ticket(require_attention=True)), ENTRY, False),
        (Row("", *LET_OUT, history=past(IN)), EXIT, False),
        (Row("", ATTENTION, Reason.UNPAID, found=(PENDING,), history=past(IN)), EXIT, False),
        (Row("", ATTENTION, STRANGER, believed=False), EXIT, True),
        (Row("", REFUSE, GONE, history=past(OUT_JUST_NOW)), EXIT, True),
    ],
    ids=lambda value: f"{value.verdict} {value.reason}" if isinstance(value, Row) else str(value),
)
def test_a_plain_yes_never_waits_for_the_server(row: Row, scan_type: ScanType, asked: bool) -> None:
    decision = row.decision(scan_type)

    assert (decision.verdict, decision.reason) == (row.verdict, row.reason)
    assert questionable(decision) is asked


moments = st.integers(-7200, 7200).map(lambda seconds: NOW + timedelta(seconds=seconds))
list_ids = st.integers(1, 3)
position_ids = st.integers(100, 103)
items = st.integers(1, 3)
subevents = st.none() | st.integers(7, 8)

tickets = st.builds(
    Ticket,
    position_id=position_ids,
    order_code=st.just("AAAAA"),
    item=items,
    subevent=subevents,
    order_status=st.sampled_from("pnec?"),
    valid_if_pending=st.booleans(),
    require_approval=st.booleans(),
    require_attention=st.booleans(),
    blocked=st.booleans(),
    valid_from=st.none() | moments,
    valid_until=st.none() | moments,
    addon_to=st.none() | position_ids,
    vanished=st.booleans(),
    former_secret=st.booleans(),
)
checkin_lists = st.builds(
    CheckinList,
    id=list_ids,
    all_products=st.booleans(),
    limit_products=st.frozensets(items),
    subevent=subevents,
    include_pending=st.booleans(),
    allow_multiple_entries=st.booleans(),
    allow_entry_after_exit=st.booleans(),
    addon_match=st.booleans(),
    rules=st.sampled_from([{}, RULES]),
)
histories = st.dictionaries(
    st.tuples(list_ids, position_ids),
    st.lists(st.builds(Checkin, st.sampled_from(ScanType), moments), max_size=4).map(
        lambda checkins: sorted(checkins, key=lambda one: one.at)
    ),
)
all_facts = st.builds(
    Facts,
    type=st.sampled_from(ScanType),
    now=st.just(NOW),
    lists=st.lists(checkin_lists, min_size=1, max_size=3, unique_by=lambda one: one.id),
    found=st.lists(tickets, max_size=3),
    history=histories,
    addons=st.lists(tickets, max_size=3),
    believed=st.booleans(),
)
any_facts = settings(max_examples=60, deadline=None)
policies = st.builds(
    Policy,
    exit_not_inside=st.sampled_from(["refuse", "attention"]),
    stale_after_s=st.floats(0, 86400),
    unknown_rules=st.sampled_from(["admit", "refuse", "attention"]),
)


@any_facts
@given(all_facts, policies)
def test_every_fact_has_a_decision_with_a_place_to_record_it(facts: Facts, policy: Policy) -> None:
    decision = decide(facts, policy)

    listed = [one.id for one in facts.lists]
    assert decision.stays
    assert len(set(decision.stays)) == len(decision.stays)
    assert all(stay.list_id in listed for stay in decision.stays)


@any_facts
@given(all_facts, policies)
def test_a_refusal_never_has_a_reason_to_admit_and_a_plain_yes_no_other(
    facts: Facts, policy: Policy
) -> None:
    decision = decide(facts, policy)

    if decision.verdict is REFUSE:
        assert decision.reason not in {Reason.ENTERED, Reason.LEFT}
    if decision.verdict is ADMIT:
        assert decision.reason is (Reason.ENTERED if facts.type is ENTRY else Reason.LEFT)


@any_facts
@given(all_facts, policies)
def test_who_is_inside_is_never_refused_the_way_out(facts: Facts, policy: Policy) -> None:
    decision = decide(dataclasses.replace(facts, type=EXIT), policy)

    inside = {
        Stay(one.id, ticket.position_id)
        for one in facts.lists
        for ticket in facts.found
        if (last := facts.last(one.id, ticket)) and last.type is ENTRY
    }
    if inside:
        assert decision.verdict.admits
        assert inside & set(decision.stays) or facts.addons


@any_facts
@given(all_facts, policies)
def test_an_exit_ends_only_stays_that_had_begun(facts: Facts, policy: Policy) -> None:
    decision = decide(dataclasses.replace(facts, type=EXIT), policy)

    if decision.reason is Reason.LEFT:
        for stay in decision.stays:
            assert stay.position_id is not None
            assert facts.history[stay.list_id, stay.position_id][-1].type is ENTRY


@any_facts
@given(all_facts, policies)
def test_an_entry_never_admits_a_ticket_with_a_flaw(facts: Facts, policy: Policy) -> None:
    decision = decide(dataclasses.replace(facts, type=ENTRY), policy)

    if decision.verdict.admits:
        (stay,) = decision.stays
        admitted = [
            ticket
            for ticket in (*facts.found, *facts.addons)
            if ticket.position_id == stay.position_id
        ]
        assert any(flaw(ticket, facts.now) is None for ticket in admitted)
        # Nor does a sound add-on make up for a flawed ticket.
        assert any(flaw(ticket, facts.now) is None for ticket in facts.found)


@any_facts
@given(all_facts, policies)
def test_an_entry_never_admits_who_is_in_unless_the_list_allows_several(
    facts: Facts, policy: Policy
) -> None:
    decision = decide(dataclasses.replace(facts, type=ENTRY), policy)

    if decision.verdict.admits:
        (stay,) = decision.stays
        checkin_list = next(one for one in facts.lists if one.id == stay.list_id)
        checkins = facts.history.get((stay.list_id, stay.position_id or 0), ())
        inside = bool(checkins) and checkins[-1].type is ENTRY
        assert not inside or checkin_list.allow_multiple_entries


@any_facts
@given(all_facts, policies)
def test_fresh_data_are_never_harder_on_nobody_than_stale_ones(
    facts: Facts, policy: Policy
) -> None:
    believing = decide(dataclasses.replace(facts, believed=True), policy)
    doubting = decide(dataclasses.replace(facts, believed=False), policy)

    assert doubting.reason is believing.reason
    assert doubting.stays == believing.stays
    assert doubting.verdict.admits or not believing.verdict.admits
