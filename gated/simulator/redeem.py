"""Whether the server lets a position in or out, and the row it writes; each dialect's own rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gated.simulator.records import PAID, PENDING

if TYPE_CHECKING:
    from datetime import datetime

    from gated.simulator.exchange import Site
    from gated.simulator.records import CheckinRecord, ListRecord, OrderRecord, PositionRecord

ENTRY, EXIT = "entry", "exit"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a client asks for."""

    type: str
    at: datetime
    nonce: str | None = None
    force: bool = False
    ignore_unpaid: bool = False
    canceled_supported: bool = False
    device: int | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """What of it is written to the check-in log."""
        return {"type": self.type, "at": self.at, "nonce": self.nonce, "device": self.device}


@dataclass(frozen=True, slots=True)
class Denial:
    """The server's `reason`, and its words for a person."""

    reason: str
    explanation: str | None = None


def redeem(site: Site, on: ListRecord, position: PositionRecord, attempt: Attempt) -> Denial | None:
    """Record the attempt, or say why not; a nonce seen before changes nothing and is no denial."""
    denial = _denial_by_ticket(site, on, position, attempt)
    if denial is not None:
        return denial
    rows = [row for row in position.checkins if row.list == on.id]
    rows.sort(key=lambda row: (row.datetime, row.id), reverse=True)
    if attempt.nonce and _is_replay(rows, attempt):
        return None
    if not attempt.force and not _may_pass(site, on, rows, attempt.type):
        return Denial("already_redeemed")
    site.world.record(position.id, on.id, **attempt.columns)
    return None


def keep_failure(
    site: Site, on: ListRecord, position: PositionRecord, attempt: Attempt, denial: Denial
) -> None:
    """Keep a refused attempt, where the server does so."""
    if site.traits.keeps_failures:
        site.world.keep_row(
            position=position.id,
            list=on.id,
            **attempt.columns,
            successful=False,
            error_reason=denial.reason,
            error_explanation=denial.explanation,
        )


def _denial_by_ticket(
    site: Site, on: ListRecord, position: PositionRecord, attempt: Attempt
) -> Denial | None:
    order = site.world.order_of(position)
    overridden = attempt.force and site.traits.force_overrides_all
    if order.status not in {PAID, PENDING} and not overridden:
        return Denial("canceled" if attempt.canceled_supported else "unpaid")
    if site.traits.knows_validity and not attempt.force:
        denial = _denial_by_validity(position, order, attempt)
        if denial is not None:
            return denial
    wrong_date = on.subevent is not None and position.subevent != on.subevent
    if (wrong_date or not on.covers(position.item)) and not overridden:
        return Denial("product")
    if not attempt.force and not _is_paid(site, on, order, attempt):
        return Denial("unpaid")
    check = site.world.rules_check
    if check is not None and attempt.type == ENTRY and on.rules and not attempt.force:
        return None if check(on, position, attempt.at) else Denial("rules")
    return None


def _denial_by_validity(
    position: PositionRecord, order: OrderRecord, attempt: Attempt
) -> Denial | None:
    if position.blocked:
        return Denial("blocked")
    if order.status == PENDING and order.require_approval:
        return Denial("unapproved")
    if attempt.type == EXIT:
        return None  # nobody is kept in by the time
    start, end = position.valid_from, position.valid_until
    if start is not None and start > attempt.at:
        return Denial("invalid_time", f"This ticket is only valid after {start:%Y-%m-%d %H:%M}.")
    if end is not None and end < attempt.at:
        return Denial("invalid_time", f"This ticket was only valid before {end:%Y-%m-%d %H:%M}.")
    return None


def _is_paid(site: Site, on: ListRecord, order: OrderRecord, attempt: Attempt) -> bool:
    if order.status == PAID:
        return True
    if site.traits.knows_validity and order.valid_if_pending:
        return True
    return attempt.ignore_unpaid and on.include_pending and order.status == PENDING


def _is_replay(rows: list[CheckinRecord], attempt: Attempt) -> bool:
    if rows and rows[0].nonce == attempt.nonce:
        return True
    same = (attempt.type, attempt.nonce, attempt.device)
    return any((row.type, row.nonce, row.device) == same for row in rows)


def _may_pass(site: Site, on: ListRecord, rows: list[CheckinRecord], kind: str) -> bool:
    if kind == EXIT or on.allow_multiple_entries or not rows:
        return True
    if on.allow_entry_after_exit and rows[0].type == EXIT:
        return True
    entered = any(row.type == ENTRY for row in rows)
    return not entered and not site.traits.exit_counts_as_used
