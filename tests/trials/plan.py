"""What one seed stands for: the same seed, the same guests, faults and kills."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault

TICKETS = 60

_AMOUNTS: dict[Fault, tuple[float, float]] = {
    Fault.LATENCY: (0.001, 0.08),
    Fault.SLOW_BODY: (0.01, 0.2),
    Fault.TOO_MANY_REQUESTS: (1, 4),
    Fault.WRONG_DATE: (-86400, 86400),
}
_RARE = {Fault.CHURN: 0.15, Fault.WORKER_KILLED: 0.08, Fault.WORKER_KILLED_AFTER_COMMIT: 0.08}
_OFTEN = 0.3
"""How likely a fault may be for a single request."""


@dataclass(frozen=True)
class Plan:
    """One run."""

    seed: int
    dialect: Dialect
    lists: tuple[int, ...]
    exit_via: str
    profile: str
    scans: int
    folder: Path

    @property
    def acks(self) -> Path:
        """A line for every scan that was answered."""
        return self.folder / "acks.jsonl"

    @property
    def quiet(self) -> Path:
        """Exists once all is well again: the gate ends when it owes nothing."""
        return self.folder / "quiet"

    @property
    def server(self) -> Path:
        """What the server remembers."""
        return self.folder / "server"


def plan(seed: int, *, scans: int, folder: Path) -> Plan:
    """Draw what does not change during a run; even seeds are the fork."""
    dice = random.Random(seed)
    dialect = (Dialect.FORK, Dialect.PRETIX)[seed % 2]
    return Plan(
        seed=seed,
        dialect=dialect,
        lists=dice.choice([(1,), (2, 1)]),
        exit_via=dice.choice(["auto", "auto", "auto", "redeem"]),
        profile=dice.choice(["full", "full", "full", "pretixscan"]),
        scans=scans,
        folder=folder,
    )


def faults(dice: random.Random) -> list[str]:
    """Draw what goes wrong until the server is started again."""
    drawn = []
    for fault in Fault:
        if dice.random() < 0.4:
            often = dice.uniform(0.005, _RARE.get(fault, _OFTEN))
            parts = [f"{100 * often:.1f}%"]
            if fault in _AMOUNTS:
                parts.append(f"{dice.uniform(*_AMOUNTS[fault]):.3f}")
            drawn.append(f"{fault}={','.join(parts)}")
    return drawn
