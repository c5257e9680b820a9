"""What can go wrong between a client and the simulated server, to be switched on while it runs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum, auto


class Fault(Enum):
    """The faults. "Commit" is the moment at which the server has recorded the request."""

    LATENCY = auto()
    """The server takes `latency_s` longer; a key is locked meanwhile."""
    RESET_BEFORE_COMMIT = auto()
    """The connection is reset and nothing was recorded."""
    RESET_AFTER_COMMIT = auto()
    """The connection is reset; the request was recorded and its answer is lost."""
    TRUNCATED_BODY = auto()
    """The answer ends in the middle; the request was recorded."""
    HTML_500 = auto()
    """The server crashes before the commit."""
    HTML_500_AFTER_COMMIT = auto()
    """The server crashes after the commit."""
    DATABASE_LOCKED = auto()
    """SQLite was busy: a JSON error from the checkout endpoints, a page from all others."""
    CAPTIVE_PORTAL = auto()
    """Somebody else answers 200 with a page to log in on."""
    TOO_MANY_REQUESTS = auto()
    """429, come again in `retry_after_s`."""
    UNAVAILABLE = auto()
    """503, as a proxy says it when its server is gone."""
    SLOW_BODY = auto()
    """The answer dribbles in, `pause_s` between its pieces."""
    WRONG_DATE = auto()
    """The Date header is off by `offset_s`."""
    WORKER_KILLED = auto()
    """The worker dies before the commit; an idempotency key stays locked."""


@dataclass(slots=True)
class ActiveFault:
    """One fault that is switched on; `hits` counts the requests it struck."""

    fault: Fault
    times: int | None = None
    probability: float = 1.0
    path: str = ""
    method: str = ""
    latency_s: float = 0.2
    retry_after_s: int = 5
    pause_s: float = 0.05
    offset_s: float = 3600.0
    hits: int = 0

    def concerns(self, method: str, path: str) -> bool:
        """Whether the request is one of those meant."""
        used_up = self.times is not None and self.hits >= self.times
        return not used_up and self.path in path and self.method in {"", method}


class Faults:
    """The faults that are switched on; the same seed strikes the same requests."""

    def __init__(self, *, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._active: list[ActiveFault] = []

    def add(
        self,
        fault: Fault,
        *,
        times: int | None = None,
        probability: float = 1.0,
        path: str = "",
        method: str = "",
        latency_s: float = 0.2,
        retry_after_s: int = 5,
        pause_s: float = 0.05,
        offset_s: float = 3600.0,
    ) -> ActiveFault:
        """Switch a fault on: so many times (None for ever), for paths that contain `path`."""
        active = ActiveFault(
            fault=fault,
            times=times,
            probability=probability,
            path=path,
            method=method,
            latency_s=latency_s,
            retry_after_s=retry_after_s,
            pause_s=pause_s,
            offset_s=offset_s,
        )
        self._active.append(active)
        return active

    def remove(self, active: ActiveFault) -> None:
        """Switch one off."""
        self._active.remove(active)

    def clear(self) -> None:
        """Switch all off."""
        self._active.clear()

    def strike(self, method: str, path: str) -> dict[Fault, ActiveFault]:
        """Decide which faults hit this request, and count them."""
        struck: dict[Fault, ActiveFault] = {}
        for active in self._active:
            if active.fault in struck or not active.concerns(method, path):
                continue
            if active.probability >= 1.0 or self._random.random() < active.probability:
                active.hits += 1
                struck[active.fault] = active
        return struck
