"""The decision about an exit, pure: none of the entry checks refuses one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gated.grounds import Facts, flaw, holders, home, paid_enough, the_one
from gated.model import Checkin, CheckinList, Decision, Reason, ScanType, Stay, Ticket, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gated.config import Policy


def decide_exit(facts: Facts, policy: Policy) -> Decision | None:
    """Say who may leave, and which stays that ends; None for a code that is no ticket here."""
    if insiders := _insiders(facts):
        return _let_out(facts, insiders)
    ticket = the_one(facts.found)
    return _not_inside(facts, ticket, policy) if ticket else None


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
    single = the_one(tuple(insiders))
    ticket = single or next(iter(insiders))
    places = insiders[ticket]
    # One position can hold the code twice over, as itself and as an add-on: one row all the same.
    stays = tuple(
        dict.fromkeys(Stay(checkin_list.id, holder.position_id) for checkin_list, holder in places)
    )
    concerned = (ticket, *(holder for _, holder in places))
    reason = next((flawed for one in concerned if (flawed := flaw(one, facts.now))), None)
    if not reason and not all(paid_enough(ticket, checkin_list) for checkin_list, _ in places):
        reason = Reason.UNPAID
    if not reason and not single:
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
    stay = (Stay(home(facts, ticket).id, ticket.position_id),)
    refuse = facts.believed and policy.exit_not_inside == "refuse"
    return Decision(Verdict.REFUSE if refuse else Verdict.ATTENTION, Reason.NOT_CHECKED_IN, stay)


def _past(facts: Facts, ticket: Ticket) -> list[tuple[CheckinList, Ticket, Checkin]]:
    """The last check-in on each list, of the ticket and where they count of its add-ons."""
    return [
        (checkin_list, holder, last)
        for checkin_list in facts.lists
        for holder in holders(facts, ticket, checkin_list)
        if (last := facts.last(checkin_list.id, holder))
    ]


def _cannot_be_back(
    now: datetime, last: Checkin, checkin_list: CheckinList, policy: Policy
) -> bool:
    """Whether who left cannot have come in elsewhere since: too soon, or not allowed at all."""
    re_entry = checkin_list.allow_entry_after_exit or checkin_list.allow_multiple_entries
    # Either way: a clock that knows nothing, here or at another gate, makes nobody too soon.
    return not re_entry or abs(now - last.at) <= timedelta(seconds=policy.stale_after_s)
