"""What a decision rests on, and what entries and exits both ask of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.model import Checkin, CheckinList, Reason, ScanType, Ticket

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gated.model import Event


@dataclass(frozen=True, slots=True)
class Facts:
    """What one decision rests on.

    `found` are the tickets with the scanned secret, `addons` those of the found tickets;
    `history` has the check-ins by (list id, position id), oldest first; `believed` says that
    "not inside" may be believed, because the server was asked or the data are fresh; `barred` is
    why the server took back or blocked a secret of which no ticket is known; `event` is None
    until the server told of it, and rules are undecided until then; while the time is not known,
    nobody is refused because of it.
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
    time_known: bool = True

    def last(self, list_id: int, ticket: Ticket) -> Checkin | None:
        """The latest check-in of the ticket on the list."""
        checkins = self.history.get((list_id, ticket.position_id), ())
        return checkins[-1] if checkins else None

    def addons_of(self, ticket: Ticket) -> tuple[Ticket, ...]:
        """The add-ons of this one of the found tickets."""
        return tuple(addon for addon in self.addons if addon.addon_to == ticket.position_id)


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


def the_one(found: Sequence[Ticket]) -> Ticket | None:
    """One secret, one ticket; where an old secret collides with a live one, the live one."""
    live = [ticket for ticket in found if not ticket.former_secret and not ticket.vanished]
    candidates = live or found
    return candidates[0] if len(candidates) == 1 else None


def holders(facts: Facts, scanned: Ticket, checkin_list: CheckinList) -> tuple[Ticket, ...]:
    """The positions whose check-ins count for the scanned one on this list."""
    return (scanned, *facts.addons_of(scanned)) if checkin_list.addon_match else (scanned,)


def paid_enough(ticket: Ticket, checkin_list: CheckinList) -> bool:
    """Whether the list takes the order as it is paid."""
    return ticket.order_status == "p" or ticket.valid_if_pending or checkin_list.include_pending


def home(facts: Facts, ticket: Ticket) -> CheckinList:
    """The list on which a ticket without a stay is recorded."""
    return next((one for one in facts.lists if one.covers(ticket.item)), facts.lists[0])
