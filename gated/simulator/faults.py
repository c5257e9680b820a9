"""What can go wrong between a client and the simulated server, to be switched on while it runs."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """The faults; ABOUT says what each does."""

    LATENCY = "latency"
    RESET_BEFORE_COMMIT = "reset-before-commit"
    RESET_AFTER_COMMIT = "reset-after-commit"
    TRUNCATED_BODY = "truncated-body"
    HTML_500 = "html-500"
    HTML_500_AFTER_COMMIT = "html-500-after-commit"
    DATABASE_LOCKED = "database-locked"
    CAPTIVE_PORTAL = "captive-portal"
    TOO_MANY_REQUESTS = "too-many-requests"
    UNAVAILABLE = "unavailable"
    SLOW_BODY = "slow-body"
    WRONG_DATE = "wrong-date"
    WORKER_KILLED = "worker-killed"
    WORKER_KILLED_AFTER_COMMIT = "worker-killed-after-commit"
    SLOW_BULK = "slow-bulk"
    CHURN = "churn"


@dataclass(frozen=True, slots=True)
class About:
    """What a fault does, and which field of ActiveFault its amount is."""

    words: str
    amount: str = ""
    unit: str = ""


# "Commit" is the moment at which the server has recorded the request.
ABOUT = {
    Fault.LATENCY: About(
        "the server takes that much longer; an idempotency key is locked meanwhile",
        "latency_s",
        "seconds",
    ),
    Fault.RESET_BEFORE_COMMIT: About("the connection is reset, nothing was recorded"),
    Fault.RESET_AFTER_COMMIT: About("it was recorded, the connection is reset: the answer is lost"),
    Fault.TRUNCATED_BODY: About("it was recorded, the answer ends in the middle"),
    Fault.HTML_500: About("the server crashes before the commit; the fork pins that to the key"),
    Fault.HTML_500_AFTER_COMMIT: About("the server crashes after the commit"),
    Fault.DATABASE_LOCKED: About("SQLite was busy: JSON from checkout/*, a page from all others"),
    Fault.CAPTIVE_PORTAL: About("somebody else answers 200 with a page to log in on"),
    Fault.TOO_MANY_REQUESTS: About("429, come again later", "retry_after_s", "seconds"),
    Fault.UNAVAILABLE: About("503, as a proxy says it when its server is gone"),
    Fault.SLOW_BODY: About(
        "slow loris: the answer dribbles in, 16 bytes a time", "pause_s", "seconds between them"
    ),
    Fault.WRONG_DATE: About("the Date header is off", "offset_s", "seconds"),
    Fault.WORKER_KILLED: About("the worker dies before the commit; a key stays locked (409)"),
    Fault.WORKER_KILLED_AFTER_COMMIT: About(
        "the worker dies after the commit; a key stays locked (409)"
    ),
    Fault.SLOW_BULK: About(
        "checkout/bulk takes 6.6 ms a person, nothing else is written meanwhile (500), and after"
        " that long its worker is killed: nothing was recorded, the key stays locked",
        "limit_s",
        "seconds",
    ),
    Fault.CHURN: About(
        "organisers at work: an order is sold, paid, canceled, blocked or gets a new code"
    ),
}


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
    limit_s: float = 30.0
    person_s: float = 0.0066
    hits: int = 0

    def concerns(self, method: str, path: str) -> bool:
        """Whether the request is one of those meant."""
        used_up = self.times is not None and self.hits >= self.times
        return not used_up and self.path in path and self.method in {"", method}


class Faults:
    """The faults that are switched on; the same seed strikes the same requests."""

    def __init__(self, *, seed: int = 1) -> None:
        self.dice = random.Random(seed)
        """Whatever is left to chance."""
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
        limit_s: float = 30.0,
        person_s: float = 0.0066,
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
            limit_s=limit_s,
            person_s=person_s,
        )
        self.switch_on(active)
        return active

    def switch_on(self, active: ActiveFault) -> None:
        """Switch on one that was made elsewhere."""
        self._active.append(active)

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
            if active.probability >= 1.0 or self.dice.random() < active.probability:
                active.hits += 1
                struck[active.fault] = active
        return struck
