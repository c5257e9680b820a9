"""The decision about one sighting, pure: facts in, verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gated.model import Checkin, CheckinList, Decision, Reason, ScanType, Stay, Ticket, Verdict
from gated.rules import RuleFacts, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class Facts:
    """What one decision rests on.

    `found` are the tickets with the scanned secret, `addons` those of the found tickets;
    `history` has the check-ins by (list id, position id), oldest first; `believed` says that
    "not inside" may be believed, because the server was asked or the data are fresh; `barred` is
    why the server took back or blocked a secret of which no ticket is known; `event` is None
    until the server told of it, and rules are undecided until then.
    """

    type: ScanType
    now: datetime
    lists: Sequence[CheckinList]
    found: Sequence[Ticket]
    history: Mapping[tuple[int, int], Sequence[Checkin]]
    addons: Sequence[Ticket] = ()
    believed: bool = True
    barred: Reason | None = None
    event: Event | None = None

    def last(self, list_id: int, ticket: Ticket) -> Checkin | None:
        """The latest check-in of the ticket on the list."""
        checkins = self.history.get((list_id, ticket.position_id), ())
        return checkins[-1] if checkins else None

    def addons_of(self, ticket: Ticket) -> tuple[Ticket, ...]:
        """The add-ons of this one of the found tickets."""
        return tuple(addon for addon in self.addons if addon.addon_to == ticket.position_id)


def decide(facts: Facts, policy: Policy) -> Decision:
    """Say who may pass and why, and on which lists that is recorded."""
    if facts.type is ScanType.EXIT and (insiders := _insiders(facts)):
        return _let_out(facts, insiders)
    ticket = _the_one(facts.found)
    if ticket is None:
        reason = Reason.AMBIGUOUS if facts.found else facts.barred or Reason.INVALID
        return Decision(Verdict.REFUSE, reason, (Stay(facts.lists[0].id),))
    if facts.type is ScanType.EXIT:
        return _not_inside(facts, ticket, policy)
    return _decide_entry(facts, ticket, policy)


def questionable(decision: Decision) -> bool:
    """Whether fresher data could turn this into a plain yes."""
    doubtful = decision.verdict is Verdict.REFUSE or decision.reason in {
        Reason.NOT_CHECKED_IN,
        Reason.ALREADY_LEFT,
    }
    return doubtful and decision.reason in OVERTURNABLE


def flaw(ticket: Ticket, now: datetime) -> Reason | None:
    """What is wrong with the ticket itself, on whatever list; the first in entry's order."""
    if ticket.former_secret:
        return Reason.REVOKED
    if ticket.vanished or ticket.order_status not in {"p", "n"}:
        return Reason.CANCELED
    if ticket.blocked:
        return Reason.BLOCKED
    if ticket.require_approval and ticket.order_status == "n":
        return Reason.UNAPPROVED
    if (ticket.valid_from and now < ticket.valid_from) or (
        ticket.valid_until and now > ticket.valid_until
    ):
        return Reason.INVALID_TIME
    return None


def _the_one(found: Sequence[Ticket]) -> Ticket | None:
    """One secret, one ticket; where an old secret collides with a live one, the live one."""
    live = [ticket for ticket in found if not ticket.former_secret and not ticket.vanished]
    candidates = live or found
    return candidates[0] if len(candidates) == 1 else None


def _decide_entry(facts: Facts, ticket: Ticket, policy: Policy) -> Decision:
    if reason := flaw(ticket, facts.now):
        home = _home(facts, ticket)
        return Decision(Verdict.REFUSE, reason, (Stay(home.id, ticket.position_id),))
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
    if reason := flaw(ticket, facts.now):
        return answer(Verdict.REFUSE, reason)
    if checkin_list.subevent is not None and ticket.subevent != checkin_list.subevent:
        return answer(Verdict.REFUSE, Reason.INVALID)
    if not _paid_enough(ticket, checkin_list):
        return answer(Verdict.REFUSE, Reason.UNPAID)
    allowed = _rules_allow(facts, ticket, checkin_list)
    if allowed is False or (allowed is None and policy.unknown_rules == "refuse"):
        return answer(Verdict.REFUSE, Reason.RULES)
    if not _may_enter_again(facts, ticket, checkin_list):
        return answer(Verdict.REFUSE, Reason.ALREADY_REDEEMED, ticket)
    if allowed is None and policy.unknown_rules == "attention":
        return answer(Verdict.ATTENTION, Reason.RULES, ticket)
    verdict = Verdict.ATTENTION if ticket.require_attention else Verdict.ADMIT
    return answer(verdict, Reason.ENTERED, ticket)


def _insiders(facts: Facts) -> dict[Ticket, list[tuple[CheckinList, Ticket]]]:
    """The found tickets that are inside, each with where and as which position."""
    insiders = {
        ticket: [
            (checkin_list, holder)
            for checkin_list, holder, last in _past(facts, ticket)
            if last.type is ScanType.ENTRY
        ]
        for ticket in facts.found
    }
    return {ticket: stays for ticket, stays in insiders.items() if stays}


def _let_out(
    facts: Facts, insiders: Mapping[Ticket, Sequence[tuple[CheckinList, Ticket]]]
) -> Decision:
    """None of the entry checks refuses an exit: people must be able to leave."""
    the_one = _the_one(tuple(insiders))
    ticket = the_one or next(iter(insiders))
    places = insiders[ticket]
    # One position can hold the code twice over, as itself and as an add-on: one row all the same.
    stays = tuple(
        dict.fromkeys(Stay(checkin_list.id, holder.position_id) for checkin_list, holder in places)
    )
    concerned = (ticket, *(holder for _, holder in places))
    reason = next((flawed for one in concerned if (flawed := flaw(one, facts.now))), None)
    if not reason and not all(_paid_enough(ticket, checkin_list) for checkin_list, _ in places):
        reason = Reason.UNPAID
    if not reason and not the_one:
        reason = Reason.AMBIGUOUS
    if reason:
        return Decision(Verdict.ATTENTION, reason, stays)
    return Decision(Verdict.ADMIT, Reason.LEFT, stays)


def _not_inside(facts: Facts, ticket: Ticket, policy: Policy) -> Decision:
    """The exit of somebody who is not inside, as far as we know."""
    if past := _past(facts, ticket):
        checkin_list, holder, last = max(past, key=lambda one: one[2].at)
        stay = (Stay(checkin_list.id, holder.position_id),)
        sure = facts.believed or _cannot_be_back(facts.now, last, checkin_list, policy)
        return Decision(Verdict.REFUSE if sure else Verdict.ATTENTION, Reason.ALREADY_LEFT, stay)
    stay = (Stay(_home(facts, ticket).id, ticket.position_id),)
    refuse = facts.believed and policy.exit_not_inside == "refuse"
    return Decision(Verdict.REFUSE if refuse else Verdict.ATTENTION, Reason.NOT_CHECKED_IN, stay)


def _past(facts: Facts, ticket: Ticket) -> list[tuple[CheckinList, Ticket, Checkin]]:
    """The last check-in on each list, of the ticket and where they count of its add-ons."""
    return [
        (checkin_list, holder, last)
        for checkin_list in facts.lists
        for holder in _holders(facts, ticket, checkin_list)
        if (last := facts.last(checkin_list.id, holder))
    ]


def _cannot_be_back(
    now: datetime, last: Checkin, checkin_list: CheckinList, policy: Policy
) -> bool:
    """Whether who left cannot have come in elsewhere since: too soon, or not allowed at all."""
    re_entry = checkin_list.allow_entry_after_exit or checkin_list.allow_multiple_entries
    return not re_entry or now - last.at <= timedelta(seconds=policy.stale_after_s)


def _rules_allow(facts: Facts, ticket: Ticket, checkin_list: CheckinList) -> bool | None:
    """Whether the list's entry rules let the ticket in; None when that cannot be told here."""
    if not checkin_list.rules:
        return True
    if facts.event is None:
        return None
    return evaluate(
        checkin_list.rules,
        RuleFacts(
            now=facts.now,
            timezone=zone_of(facts.event),
            item=ticket.item,
            variation=ticket.variation,
            history=facts.history.get((checkin_list.id, ticket.position_id), ()),
            date_from=facts.event.date_from,
            date_to=facts.event.date_to,
            date_admission=facts.event.date_admission,
        ),
    ).allowed


def zone_of(event: Event) -> ZoneInfo:
    """The event's time zone; UTC where this box does not know it."""
    try:
        return ZoneInfo(event.timezone)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def _holders(facts: Facts, scanned: Ticket, checkin_list: CheckinList) -> tuple[Ticket, ...]:
    return (scanned, *facts.addons_of(scanned)) if checkin_list.addon_match else (scanned,)


def _matching(facts: Facts, scanned: Ticket, checkin_list: CheckinList) -> tuple[Ticket, ...]:
    """The positions that the scanned ticket stands for on this list; canceled add-ons do not."""
    holders = _holders(facts, scanned, checkin_list)
    return tuple(
        ticket
        for ticket in holders
        if checkin_list.covers(ticket.item) and (ticket is scanned or not ticket.vanished)
    )


def _paid_enough(ticket: Ticket, checkin_list: CheckinList) -> bool:
    return ticket.order_status == "p" or ticket.valid_if_pending or checkin_list.include_pending


def _may_enter_again(facts: Facts, ticket: Ticket, checkin_list: CheckinList) -> bool:
    """As pretix counts: a list without re-entry still admits whoever only ever left."""
    checkins = facts.history.get((checkin_list.id, ticket.position_id), ())
    if checkin_list.allow_multiple_entries:
        return True
    if all(checkin.type is ScanType.EXIT for checkin in checkins):
        return True
    return checkin_list.allow_entry_after_exit and checkins[-1].type is ScanType.EXIT


def _home(facts: Facts, ticket: Ticket) -> CheckinList:
    """The list on which a ticket without a stay is recorded."""
    return next((one for one in facts.lists if one.covers(ticket.item)), facts.lists[0])
