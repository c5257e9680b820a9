"""The rows of the simulated ticket server; all of them may be changed while it runs."""

from __future__ import annotations

import datetime as dt  # noqa: TC003  the journal reads rows back by their types
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

PAID, PENDING, EXPIRED, CANCELED = "p", "n", "e", "c"
"""The server's letters for an order's status."""


@dataclass(slots=True)
class DateRecord:
    """One date of a series, which the servers call subevent."""

    id: int
    name: str
    date_from: dt.datetime
    date_to: dt.datetime | None = None
    date_admission: dt.datetime | None = None


@dataclass(slots=True)
class EventRecord:
    """One event of the organizer; with dates of its own it is a series."""

    slug: str
    name: str
    date_from: dt.datetime
    date_to: dt.datetime
    timezone: str = "UTC"
    series: list[DateRecord] = field(default_factory=list)
    valid_keys: list[str] = field(default_factory=list)
    """Of `pretix_sig1`; shown with the single event only."""


@dataclass(slots=True)
class ItemRecord:
    """One product."""

    id: int
    name: str
    price: str = "20.00"
    admission: bool = True


@dataclass(slots=True)
class ListRecord:
    """One check-in list; an empty `event` means the world's own event."""

    id: int
    name: str
    event: str = ""
    all_products: bool = True
    limit_products: list[int] = field(default_factory=list)
    subevent: int | None = None
    include_pending: bool = False
    allow_multiple_entries: bool = False
    allow_entry_after_exit: bool = True
    addon_match: bool = False
    rules: dict[str, Any] = field(default_factory=dict)
    exit_all_at: dt.datetime | None = None

    def covers(self, item: int) -> bool:
        """Whether the product belongs on the list."""
        return self.all_products or item in self.limit_products


@dataclass(slots=True)
class CheckinRecord:
    """One row of the check-in log; a refused scan that the server keeps is not successful."""

    id: int
    position: int | None
    list: int
    type: str
    datetime: dt.datetime
    created: dt.datetime
    nonce: str | None = None
    device: int | None = None
    successful: bool = True
    error_reason: str | None = None
    error_explanation: str | None = None
    raw_barcode: str | None = None


@dataclass(slots=True)
class OrderRecord:
    """One order with the ids of its positions."""

    code: str
    datetime: dt.datetime
    expires: dt.datetime
    last_modified: dt.datetime
    secret: str
    status: str = PAID
    email: str | None = None
    valid_if_pending: bool = False
    require_approval: bool = False
    attention: bool = False
    positions: list[int] = field(default_factory=list)


@dataclass(slots=True)
class PositionRecord:
    """One ticket; `checkins` are its successful rows in the order in which they arrived."""

    id: int
    order: str
    positionid: int
    item: int
    secret: str
    attendee_name: str | None = None
    variation: int | None = None
    subevent: int | None = None
    addon_to: int | None = None
    price: str = "20.00"
    email: str | None = None
    pseudonymization_id: str = ""
    canceled: bool = False
    blocked: bool = False
    valid_from: dt.datetime | None = None
    valid_until: dt.datetime | None = None
    attention: bool = False
    checkins: list[CheckinRecord] = field(default_factory=list)

    def is_inside(self, list_id: int) -> bool:
        """Apply the server's rule, which goes by the datetimes that clients sent."""
        entered = left = None
        for row in self.checkins:
            if row.list != list_id:
                continue
            if row.type == "entry":
                entered = row.datetime if entered is None else max(entered, row.datetime)
            else:
                left = row.datetime if left is None else max(left, row.datetime)
        return entered is not None and (left is None or entered > left)


@dataclass(slots=True)
class RevokedSecret:
    """A secret that a position had and has no longer."""

    id: int
    secret: str
    position: int
    created: dt.datetime


@dataclass(slots=True)
class BlockedSecret:
    """A secret that was blocked at some time, and whether it still is."""

    id: int
    secret: str
    updated: dt.datetime
    blocked: bool


class Kind(StrEnum):
    """The word before the token in the Authorization header."""

    DEVICE = "Device"
    TEAM = "Token"


@dataclass(slots=True)
class TokenRights:
    """What the holder of one token may do."""

    kind: Kind = Kind.DEVICE
    security_profile: str = "full"
    """Counts for devices only."""
    device_id: int | None = None
    can_view_orders: bool = True
    can_checkin_orders: bool = True
    can_change_orders: bool = True
    all_events: bool = True
    revoked: bool = False
    active: bool = True

    def has(self, *rights: str) -> bool:
        """Whether at least one of the rights is held; a device holds them all."""
        return self.kind is Kind.DEVICE or any(getattr(self, right) for right in rights)


@dataclass(slots=True)
class DeviceRecord:
    """One device of the organizer; `api_token` is empty until it is initialized."""

    device_id: int
    name: str
    initialization_token: str
    unique_serial: str
    rights: TokenRights
    api_token: str = ""
    gate: int | None = None
    software: dict[str, str] = field(default_factory=dict)


Record = CheckinRecord | OrderRecord | PositionRecord | RevokedSecret | BlockedSecret | DeviceRecord
"""What changes while the server runs."""
