"""How long to wait before trying again. Pure but for the dice it is given."""

from __future__ import annotations

import random
from dataclasses import dataclass, field


@dataclass
class Pace:
    """Pauses that grow from `first_s` to `longest_s` by `factor`, each shortened by up to half.

    The jitter keeps a venue's gates from knocking all at once when the network is back.
    """

    first_s: float
    longest_s: float
    factor: float = 2.0
    dice: random.Random = field(default_factory=random.Random)
    _pause_s: float = 0.0

    def next(self) -> float:
        """The pause before the next try, in seconds."""
        grown = self._pause_s * self.factor if self._pause_s else self.first_s
        self._pause_s = min(grown, self.longest_s)
        return self._pause_s * self.dice.uniform(0.5, 1.0)

    def longest(self) -> float:
        """The pause after an answer that no retry will change soon."""
        self._pause_s = self.longest_s
        return self.next()

    def reset(self) -> None:
        """Start over after a success."""
        self._pause_s = 0.0
