"""Rows to values and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, overload

from gated.model import (
    CheckinList,
    Reason,
    Scan,
    ScanType,
    State,
    Ticket,
    Trust,
    Verdict,
)

if TYPE_CHECKING:
    import sqlite3


@overload
def stamp(at: datetime) -> str: ...
@overload
def stamp(at: None) -> None: ...
def stamp(at: datetime | None) -> str | None:
    """UTC in fixed width, so that the order of the text is the order of time."""
    if at is None:
        return None
    # Twice for every ticket of a list: this is several times as quick as strftime.
    there = at if at.tzinfo is UTC else at.astimezone(UTC)
    return there.isoformat(timespec="microseconds")[:26] + "Z"


@overload
def moment(text: str) -> datetime: ...
@overload
def moment(text: None) -> None: ...
def moment(text: str | None) -> datetime | None:
    """The time that `stamp` wrote."""
    return datetime.fromisoformat(text) if text else None


def ticket_of(row: sqlite3.Row, *, former_secret: bool = False) -> Ticket:
    """A row of `tickets`; the name stays sealed."""
    return Ticket(
        position_id=row["position_id"],
        order_code=row["order_code"],
        item=row["item"],
        variation=row["variation"],
        subevent=row["subevent"],
        order_status=row["order_status"],
        valid_if_pending=bool(row["valid_if_pending"]),
        require_approval=bool(row["require_approval"]),
        require_attention=bool(row["require_attention"]),
        blocked=bool(row["blocked"]),
        valid_from=moment(row["valid_from"]),
        valid_until=moment(row["valid_until"]),
        addon_to=row["addon_to"],
        vanished=bool(row["vanished"]),
        former_secret=former_secret,
    )


def scan_of(row: sqlite3.Row) -> Scan:
    """A row of `scans`."""
    return Scan(
        nonce=row["nonce"],
        sighting=row["sighting"],
        type=ScanType(row["type"]),
        list_id=row["list_id"],
        verdict=Verdict(row["verdict"]),
        reason=Reason(row["reason"]),
        at=moment(row["at"]),
        dated=moment(row["dated"]),
        position_id=row["position_id"],
        order_code=row["order_code"],
        state=State(row["state"]),
        attempts=row["attempts"],
        sent_at=moment(row["sent_at"]),
        via=row["via"],
        key=row["key"],
        server_reason=row["server_reason"],
        server_message=row["server_message"],
        eye=row["eye"],
        clock=Trust(row["clock"]),
        passage=row["passage"],
    )


def describe(checkin_list: CheckinList) -> str:
    """A check-in list as the JSON kept in `checkin_lists`."""
    return json.dumps(
        {
            "id": checkin_list.id,
            "name": checkin_list.name,
            "all_products": checkin_list.all_products,
            "limit_products": sorted(checkin_list.limit_products),
            "subevent": checkin_list.subevent,
            "include_pending": checkin_list.include_pending,
            "allow_multiple_entries": checkin_list.allow_multiple_entries,
            "allow_entry_after_exit": checkin_list.allow_entry_after_exit,
            "addon_match": checkin_list.addon_match,
            "rules": checkin_list.rules,
        },
        sort_keys=True,
    )


@lru_cache(maxsize=16)  # asked for at every scan, and the description is all that it depends on
def list_of(description: str) -> CheckinList:
    """The check-in list that `describe` wrote."""
    values = json.loads(description)
    values["limit_products"] = frozenset(values["limit_products"])
    return CheckinList(**values)
