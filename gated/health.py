"""How every part of the box is, in one sentence each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


# Which part has a pattern of its own when it limps, the most pressing first.
_PATTERNS = (
    ("enrolment", "enrol"),
    ("mode", "wrong_mode"),
    ("clock", "wrong_clock"),
    ("server", "offline"),
    ("list", "stale"),
)


class Level(IntEnum):
    """Green, yellow, red."""

    OK = 0
    WARNING = 1
    ERROR = 2

    @property
    def word(self) -> str:
        """As the page and `status --json` say it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Condition:
    """How one part is."""

    part: str
    level: Level
    words: str


class Bell:
    """Rings everybody who asked for it."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def on_ring(self, listener: Callable[[], None]) -> None:
        """Have this called at every ring, in the thread that rings."""
        self._listeners.append(listener)

    def ring(self) -> None:
        """Call everybody."""
        for listener in self._listeners:
            listener()


class Health:
    """The conditions of all parts; the bell rings when one of them changed."""

    def __init__(self, changed: Bell | None = None) -> None:
        self.changed = changed or Bell()
        self._conditions: dict[str, Condition] = {}

    def report(self, part: str, level: Level, words: str) -> None:
        """Say how a part is now."""
        condition = Condition(part, level, words)
        if self._conditions.get(part) == condition:
            return
        self._conditions[part] = condition
        self.changed.ring()

    def ok(self, part: str, words: str = "") -> None:
        """Report that a part is well."""
        self.report(part, Level.OK, words)

    def warn(self, part: str, words: str) -> None:
        """Report that a part works with a limp."""
        self.report(part, Level.WARNING, words)

    def fail(self, part: str, words: str) -> None:
        """Report that a part does not work."""
        self.report(part, Level.ERROR, words)

    def of(self, part: str) -> Condition | None:
        """The last report of a part."""
        return self._conditions.get(part)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All parts, the worst first."""
        return tuple(sorted(self._conditions.values(), key=lambda one: (-one.level, one.part)))

    @property
    def pattern(self) -> str:
        """The status lamp's pattern for all this (signals.STATUS)."""
        ill = {one.part for one in self._conditions.values() if one.level is Level.WARNING}
        if "emergency" in ill:
            return "emergency"
        if self.worst is Level.ERROR:
            return "error"
        return next(
            (name for part, name in _PATTERNS if part in ill), "warning" if ill else "ready"
        )

    @property
    def worst(self) -> Level:
        """How the box is as a whole."""
        return max((one.level for one in self._conditions.values()), default=Level.OK)
