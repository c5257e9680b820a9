"""How long rows rest that the server failed on, and when one of them is hopeless. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from gated.sync.pace import Pace

FEW = 2
"""With more rows than this failing, and none taken, it is the server that is broken."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the server, how long a failed row rests, and when it is shelved.

    `strikes` are failures between which the server took other rows; `quiet_strikes` those
    while there was little else to take, but it answered when asked for its version.
    """

    first_s: float = 1.0
    longest_s: float = 60.0
    rest_s: float = 5.0
    longest_rest_s: float = 60.0
    strikes: int = 8
    quiet_strikes: int = 20
    locked_s: float = 30.0
    """gunicorn kills a worker after this; until then a locked key may still be recorded."""


@dataclass
class _Rest:
    """One row: its pause, and how often the server failed on it."""

    pace: Pace
    until: float = 0.0
    strikes: int = 0
    quiet_strikes: int = 0
    taken: int = 0


class Resting:
    """The rows at the back of the queue. Moments are monotonic seconds, handed in."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._rows: dict[str, _Rest] = {}
        self._taken = 0
        self._in_a_row = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def in_vain(self) -> int:
        """How many rows failed, one after the other, while the server took none."""
        return min(self._in_a_row, len(self._rows))

    def busy(self, now: float) -> list[str]:
        """The rows that are not to be tried yet."""
        return [nonce for nonce, rest in self._rows.items() if now < rest.until]

    def next_s(self, now: float) -> float | None:
        """How long until one of them may be tried again."""
        if not self._rows:
            return None
        return max(0.05, min(rest.until for rest in self._rows.values()) - now)

    def taken(self, nonce: str, *, by_server: bool) -> None:
        """The row came to its end; `by_server` when the server had a part in it."""
        if by_server:
            self._taken += 1
            self._in_a_row = 0
        self._rows.pop(nonce, None)

    def rest(self, nonce: str, now: float) -> _Rest:
        """Let a row rest, each time longer."""
        pace = Pace(self._patience.rest_s, self._patience.longest_rest_s)
        rest = self._rows.setdefault(nonce, _Rest(pace))
        rest.until = now + rest.pace.next()
        return rest

    def fail(self, nonce: str, now: float) -> bool:
        """Let a row rest on which the server failed. Whether to give it up: then it is gone."""
        self._in_a_row += 1
        rest = self.rest(nonce, now)
        if not rest.strikes or self._taken > rest.taken:
            rest.strikes += 1
            rest.taken = self._taken
        elif len(self._rows) <= FEW:
            rest.quiet_strikes += 1
        patience = self._patience
        hopeless = rest.strikes >= patience.strikes or rest.quiet_strikes >= patience.quiet_strikes
        if hopeless:
            del self._rows[nonce]
        return hopeless
