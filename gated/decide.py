"""The decision about one sighting, pure: facts in, verdict out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gated.exits import decide_exit
from gated.grounds import Facts, flaw, holders, home, paid_enough, the_one
from gated.model import CheckinList, Dates, Decision, Reason, ScanType, Stay, Ticket, Verdict
from gated.rules import RuleFacts, evaluate

if TYPE_CHECKING:
    from datetime import datetime

    from gated.config import Policy
    from gated.model import Event

ENTRY_CHECKS = (
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
"""In the order in which entry fails them; of several lists the furthest reason is told.

INVALID stands where the date of a series is checked: an unknown ticket gets to no list at all.
"""

OVERTURNABLE = frozenset(
    {
        Reason.INVALID,
        Reason.UNPAID,
        Reason.ALREADY_REDEEMED,
        Reason.NOT_CHECKED_IN,
        Reason.ALREADY_LEFT,
    }
)
"""What a minute elsewhere can change: a sale, a payment, an entry or an exit at another gate."""


def decide(facts: Facts, policy: Policy) -> Decision:
    """Say who may pass and why, and on which lists that is recorded."""
    if facts.type is ScanType.EXIT and (decision := decide_exit(facts, policy)):
        return decision
    ticket = the_one(facts.found)
    if ticket is None:
        reason = Reason.AMBIGUOUS if facts.found else facts.barred or Reason.INVALID
        return Decision(Verdict.REFUSE, reason, (Stay(facts.lists[0].id),))
    return _decide_entry(facts, ticket, policy)


def freed(decision: Decision) -> Decision:
    """The decision while the way is open for everybody: nobody is refused, or has to look.

    Who may pass anyway is recorded as always; of all others it is only known that they came.
    """
    if decision.verdict.admits and decision.reason in {Reason.ENTERED, Reason.LEFT}:
        return decision
    return Decision(Verdict.ADMIT, Reason.FREE_FLOW, decision.stays)


def questionable(decision: Decision) -> bool:
    """Whether fresher data could turn this into a plain yes."""
    doubtful = decision.verdict is Verdict.REFUSE or decision.reason in {
        Reason.NOT_CHECKED_IN,
        Reason.ALREADY_LEFT,
    }
    return doubtful and decision.reason in OVERTURNABLE


def _decide_entry(facts: Facts, ticket: Ticket, policy: Policy) -> Decision:
    if reason := _hindrance(facts, ticket):
        stay = Stay(home(facts, ticket).id, ticket.position_id)
        return Decision(Verdict.REFUSE, reason, (stay,))
    refusals = []
    for checkin_list in facts.lists:
        decision = _enter(facts, ticket, checkin_list, policy)
        if decision.verdict.admits:
            return decision
        refusals.append(decision)
    return max(refusals, key=lambda refusal: ENTRY_CHECKS.index(refusal.reason))


def _enter(facts: Facts, scanned: Ticket, checkin_list: CheckinList, policy: Policy) -> Decision:
    def answer(verdict: Verdict, reason: Reason, ticket: Ticket = scanned) -> Decision:
        return Decision(verdict, reason, (Stay(checkin_list.id, ticket.position_id),))

    matching = _matching(facts, scanned, checkin_list)
    if len(matching) != 1:
        return answer(Verdict.REFUSE, Reason.AMBIGUOUS if matching else Reason.PRODUCT)
    ticket = matching[0]
    allowed = _rules_allow(facts, ticket, checkin_list)
    untimely = any(flaw(one, facts.now) is Reason.INVALID_TIME for one in (scanned, ticket))
    if allowed is False and not facts.time_known:
        allowed = untimely = _rules_allow(facts, ticket, checkin_list, timeless=True) is not False
    if reason := _objection(facts, ticket, checkin_list, allowed=allowed, policy=policy):
        return answer(Verdict.REFUSE, reason)
    if not _may_enter_again(facts, ticket, checkin_list):
        return answer(Verdict.REFUSE, Reason.ALREADY_REDEEMED, ticket)
    if untimely:
        return answer(Verdict.ATTENTION, Reason.INVALID_TIME, ticket)
    if ticket.signed and policy.signed_tickets == "attention":
        return answer(Verdict.ATTENTION, Reason.SIGNED, ticket)
    if allowed is None and policy.unknown_rules == "attention":
        return answer(Verdict.ATTENTION, Reason.RULES, ticket)
    verdict = Verdict.ATTENTION if ticket.require_attention else Verdict.ADMIT
    return answer(verdict, Reason.ENTERED, ticket)


def _objection(
    facts: Facts, ticket: Ticket, checkin_list: CheckinList, *, allowed: bool | None, policy: Policy
) -> Reason | None:
    """Why the ticket cannot come in on this list at all; `allowed` is what the rules say."""
    if reason := _hindrance(facts, ticket):
        return reason
    if checkin_list.subevent is not None and ticket.subevent != checkin_list.subevent:
        return Reason.INVALID
    if not paid_enough(ticket, checkin_list):
        return Reason.UNPAID
    if allowed is False or (allowed is None and policy.unknown_rules == "refuse"):
        return Reason.RULES
    return None


def _hindrance(facts: Facts, ticket: Ticket) -> Reason | None:
    """What is wrong with the ticket, but for its dates while nobody knows the time."""
    reason = flaw(ticket, facts.now)
    return None if reason is Reason.INVALID_TIME and not facts.time_known else reason


def _rules_allow(
    facts: Facts, ticket: Ticket, checkin_list: CheckinList, *, timeless: bool = False
) -> bool | None:
    """Whether the list's entry rules let the ticket in; None when that cannot be told here.

    If `timeless`, what they ask of the time cannot be told.
    """
    if not checkin_list.rules:
        return True
    if facts.event is None:
        return None
    known = rule_facts(
        facts.event, ticket.item, ticket.subevent, now=None if timeless else facts.now
    )
    history = facts.history.get((checkin_list.id, ticket.position_id), ())
    return evaluate(
        checkin_list.rules, replace(known, variation=ticket.variation, history=history)
    ).allowed


def rule_facts(event: Event, item: int, subevent: int | None, *, now: datetime | None) -> RuleFacts:
    """What is known here of what rules may ask about, but for the guest's own history.

    Of a ticket for one date of a series the server asks that date.
    """
    dates = event.dates if subevent is None else event.series.get(subevent, Dates())
    return RuleFacts(
        now=now,
        timezone=zone_of(event),
        item=item,
        gate=event.gate,
        gate_known=event.gate_known,
        date_from=dates.date_from,
        date_to=dates.date_to,
        date_admission=dates.date_admission,
    )


def zone_of(event: Event) -> ZoneInfo:
    """The event's time zone; UTC where this box does not know it."""
    try:
        return ZoneInfo(event.timezone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _matching(facts: Facts, scanned: Ticket, checkin_list: CheckinList) -> tuple[Ticket, ...]:
    """The positions that the scanned ticket stands for on this list; canceled add-ons do not."""
    return tuple(
        ticket
        for ticket in holders(facts, scanned, checkin_list)
        if checkin_list.covers(ticket.item) and (ticket is scanned or not ticket.vanished)
    )


def _may_enter_again(facts: Facts, ticket: Ticket, checkin_list: CheckinList) -> bool:
    """As pretix counts: a list without re-entry still admits whoever only ever left."""
    checkins = facts.history.get((checkin_list.id, ticket.position_id), ())
    if checkin_list.allow_multiple_entries:
        return True
    if all(checkin.type is ScanType.EXIT for checkin in checkins):
        return True
    return checkin_list.allow_entry_after_exit and checkins[-1].type is ScanType.EXIT
