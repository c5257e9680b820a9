"""What is due when, in local time. Pure: the time is an argument."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, time, tzinfo


def is_within(hours: tuple[time, time], now: time) -> bool:
    """Whether it is between two times of day; over midnight where the second is the earlier."""
    begin, end = hours
    if begin <= end:
        return begin <= now < end
    return now >= begin or now < end


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to be done at a time of day, on these weekdays (0 is Monday)."""

    at: time
    action: str
    days: frozenset[int] = frozenset(range(7))
    guard: timedelta = timedelta(minutes=30)
    """How late is too late, for what may be too late."""


def instant(day: date, at: time, zone: tzinfo) -> datetime:
    """The first moment of the day, in UTC, at which its clocks show this time or a later one.

    Where the time comes twice it is the first; where it is skipped, the moment of the change.
    """
    wall = datetime.combine(day, at, zone)
    first = wall.astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return first
    early = wall.replace(fold=1).astimezone(UTC)
    before, after = sorted((first, early))
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def due(
    entries: Iterable[Entry], zone: tzinfo, *, after: datetime, until: datetime
) -> list[tuple[datetime, Entry]]:
    """What falls after one moment and not after another, in order; the last week at most.

    Of times that are skipped, and so fall on one moment, the later comes last.
    """
    after = max(after, until - timedelta(days=7))
    first = after.astimezone(zone).date() - timedelta(days=1)
    days = [first + timedelta(days=n) for n in range((until - after).days + 4)]
    found = [
        (moment, entry)
        for entry in entries
        for day in days
        if day.weekday() in entry.days and after < (moment := instant(day, entry.at, zone)) <= until
    ]
    return sorted(found, key=lambda one: (one[0], one[1].at))


def following(
    entries: Iterable[Entry], zone: tzinfo, *, after: datetime
) -> tuple[datetime, Entry] | None:
    """What comes next, within a week."""
    return next(iter(due(entries, zone, after=after, until=after + timedelta(days=7))), None)
