"""Where the time comes from: one place, handed in, so that nothing pure reads it."""

from __future__ import annotations

import ctypes
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from gated.model import Trust

if TYPE_CHECKING:
    from collections.abc import Callable

EARLIEST = datetime(2025, 1, 1, tzinfo=UTC)
"""Older than gated: whoever says that it is earlier has no clock."""
_DATE_STEP = timedelta(seconds=1)
"""What an HTTP Date is rounded down to."""
_STEP = timedelta(seconds=2)
"""A synchronised clock is slewed, not set: more than this at once is a jump."""
_LASTS_S = 60.0
_TIME_ERROR = 5
_TIMESYNCD = Path("/run/systemd/timesync/synchronized")


class Clock:
    """The time as well as this box can know it, and how well that is.

    A Pi may start in 1970, and its time may be set while it runs. So the time is counted from
    the start of the boot, in monotonic seconds, and only *when* the boot began is ever put right:
    by `look`, from the system's clock while that is synchronised, else from the server's Dates
    that `learn` was told. Between two looks nothing that happens to the system's clock is felt.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        boot_id: str = "",
        synchronised: Callable[[], bool] = lambda: True,
    ) -> None:
        self.monotonic = monotonic
        self.boot_id = boot_id
        self.trust = Trust.UNKNOWN
        self._system = wall or _wall
        self._synchronised = synchronised
        self._began = self._system_began()
        self._jumped_at: float | None = None
        self._dates: _Bounds | None = None
        self._rival: _Bounds | None = None
        self.look()

    @classmethod
    def system(cls) -> Clock:
        """The clock of this machine."""
        return cls(boot_id=_boot_id(), synchronised=_is_synchronised)

    @property
    def is_known(self) -> bool:
        """Whether the time may decide about anybody."""
        return self.trust is not Trust.UNKNOWN

    @property
    def began(self) -> datetime:
        """When the monotonic clock was zero, as far as is known."""
        return self._began

    @property
    def off(self) -> timedelta:
        """How far the system's clock is ahead of the time."""
        return self._system_began() - self._began

    def wall(self) -> datetime:
        """The time, in UTC."""
        return self.at(self.monotonic())

    def at(self, monotonic: float) -> datetime:
        """What time it was at a monotonic second of this boot, as far as is known now."""
        return self._began + timedelta(seconds=monotonic)

    def recall(self, began: datetime, trust: Trust) -> None:
        """Take up what was known of this boot before a restart; a synchronised clock knows more."""
        if self.trust is not Trust.SYNCHRONISED:
            self._began, self.trust = began, trust

    def learn(self, date: datetime, round_trip_s: float) -> None:
        """Hear what the server's Date was in an answer that came just now.

        Each bounds the time by its round trip and the second it is rounded to; together they
        leave less and less room. One that contradicts all others counts once another confirms it.
        """
        if date < EARLIEST:
            return
        came = timedelta(seconds=self.monotonic())
        heard = _Bounds(date - came, date - came + timedelta(seconds=round_trip_s) + _DATE_STEP)
        if self._dates is None or (both := self._dates & heard):
            self._dates = heard if self._dates is None else both
            self._rival = None
        elif self._rival and (both := self._rival & heard):
            self._dates, self._rival = both, None
        else:
            self._rival = heard

    def look(self) -> None:
        """Put the time right, if the system or the server know better; call it now and then."""
        system = self._system_began()
        if self._synchronised() and self._system() >= EARLIEST:
            if self._lasts(system):
                self._began, self.trust = system, Trust.SYNCHRONISED
        elif self._dates and self.trust is not Trust.SYNCHRONISED:
            # A clock that was right once in this boot drifts less than a Date is rounded.
            held = self._began if self.is_known else system
            self._began = held if held in self._dates else self._dates.middle
            self.trust = Trust.LEARNT

    def _lasts(self, began: datetime) -> bool:
        """A synchronised clock that jumps is followed once it has stayed there for a minute."""
        if self.trust is not Trust.SYNCHRONISED or abs(began - self._began) <= _STEP:
            self._jumped_at = None
            return True
        if self._jumped_at is None:
            self._jumped_at = self.monotonic()
        return self.monotonic() - self._jumped_at >= _LASTS_S

    def _system_began(self) -> datetime:
        return self._system() - timedelta(seconds=self.monotonic())


@dataclass(frozen=True, slots=True)
class _Bounds:
    """Between when and when the boot began."""

    low: datetime
    high: datetime

    @property
    def middle(self) -> datetime:
        return self.low + (self.high - self.low) / 2

    def __contains__(self, began: datetime) -> bool:
        return self.low <= began <= self.high

    def __and__(self, other: _Bounds) -> _Bounds | None:
        low, high = max(self.low, other.low), min(self.high, other.high)
        return _Bounds(low, high) if low <= high else None


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid4())


def _wall() -> datetime:
    return datetime.now(UTC)


def _is_synchronised() -> bool:
    """Ask the kernel, whom ntpd, chrony and timesyncd tell; where it may not be asked, timesyncd.

    Source: adjtimex(2). With nothing to set it only answers, and needs no right.
    """
    timex = ctypes.create_string_buffer(512)  # a struct timex has 208 bytes; all zero sets nothing
    try:
        state = ctypes.CDLL(None).adjtimex(timex)
    except (OSError, AttributeError):
        state = -1
    return state != _TIME_ERROR if state >= 0 else _TIMESYNCD.exists()
