"""JSON about an event, the dates of a series and the device itself to values. No I/O.

Source: the servers' own answers (tests/replies); `subevents/` and a device's gate as pretix
2026.8 writes them (tests/pretix).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from gated.model import Dates, Event
from gated.server import wire


@dataclass(frozen=True, slots=True)
class Place:
    """The server's id of the gate at which it put this device, if at any."""

    gate: int | None


class _ValidKeys(msgspec.Struct):
    pretix_sig1: list[str] = []


class _Dates(msgspec.Struct):
    date_from: datetime | None = None
    date_to: datetime | None = None
    date_admission: datetime | None = None


class _Event(_Dates):
    timezone: str = "UTC"
    has_subevents: bool = False
    valid_keys: _ValidKeys | None = None


class _Subevent(_Dates, kw_only=True):
    id: int


class _SubeventsPage(msgspec.Struct):
    results: list[_Subevent]
    next: str | None = None


class _Gate(msgspec.Struct):
    id: int


class _Device(msgspec.Struct):
    gate: _Gate | None


class _DeviceInfo(msgspec.Struct):
    device: _Device


def event(body: bytes) -> Event:
    """Read `events/{slug}/`. Raises BadReply."""
    found = wire.decode(body, _Event)
    return Event(
        timezone=found.timezone,
        dates=_dates(found),
        valid_keys=tuple(found.valid_keys.pretix_sig1) if found.valid_keys else (),
        is_series=found.has_subevents,
    )


def subevents_page(body: bytes) -> tuple[dict[int, Dates], bool]:
    """Read a page of `subevents/`: dates by id, and whether it is the last. Raises BadReply."""
    page = wire.decode(body, _SubeventsPage)
    return {one.id: _dates(one) for one in page.results}, page.next is None


def place(body: bytes) -> Place:
    """Read the device's gate from `device/info`. Raises BadReply."""
    gate = wire.decode(body, _DeviceInfo).device.gate
    return Place(gate.id if gate else None)


def _dates(found: _Dates) -> Dates:
    return Dates(
        date_from=wire.aware(found.date_from),
        date_to=wire.aware(found.date_to),
        date_admission=wire.aware(found.date_admission),
    )
