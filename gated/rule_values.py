"""The values in entry rules, compared and read as the server does: pure.

Whatever it would refuse everybody for raises TypeError, ValueError or ArithmeticError.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def equal(left: Any, right: Any) -> bool:
    """`==`: text and truth values make the other side one of theirs first."""
    kinds = {type(left), type(right)}
    if str in kinds and datetime in kinds:
        raise TypeError("how the server writes a time is not known")
    for kind in (str, bool):
        if kind in kinds:
            return bool(kind(left) == kind(right))
    return bool(left == right)


def less(left: Any, right: Any) -> bool:
    """`<`: a number makes the other side one; what is none is not less."""
    if {int, float} & {type(left), type(right)}:
        try:
            return float(left) < float(right)
        except (TypeError, ValueError):
            return False
    return bool(left < right)


def at_most(left: Any, right: Any) -> bool:
    """`<=`."""
    return less(left, right) or equal(left, right)


def chained(compare: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    """The comparison of two as one of more, each with the next; of numbers only."""

    def compare_all(left: Any, right: Any, *more: Any) -> bool:
        values = (left, right, *more)
        if more and not all(isinstance(value, int | float) for value in values):
            raise TypeError("only numbers have a between")
        return all(compare(*pair) for pair in pairwise(values))

    return compare_all


def is_before(left: Any, right: Any, tolerance_minutes: Any = None) -> bool:
    """`isBefore`: whether one time is before the other, or not too long after it."""
    tolerance = timedelta(minutes=float(tolerance_minutes or 0))
    return instant(left) < instant(right) + tolerance


def instant(value: Any) -> datetime:
    """The value, if it is a time."""
    if not isinstance(value, datetime):
        raise TypeError("not a time")
    return value


def absolute(text: Any) -> datetime:
    """Read a date and time with its offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time without an offset is no instant")
    return at.astimezone(UTC)


def time_of_day(text: Any) -> time:
    """Read a time of day; a date before it is dropped, and an offset after it."""
    # Without a colon the server's parser takes digits for a day or a year; it drops the rest.
    if ":" not in str(text):
        raise ValueError("not a time of day")
    return time.fromisoformat(str(text).rpartition("T")[2]).replace(tzinfo=None)
