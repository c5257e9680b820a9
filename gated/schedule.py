"""What is due when, in local time. Pure: the time is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import time


def is_within(hours: tuple[time, time], now: time) -> bool:
    """Whether it is between two times of day; over midnight where the second is the earlier."""
    begin, end = hours
    if begin <= end:
        return begin <= now < end
    return now >= begin or now < end
