"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Green, red, or neither: what cannot be told on this machine is no fault of it."""

    GOOD = "good"
    RED = "red"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one thing; if it is red, with what to do."""

    outcome: Outcome
    words: str
    remedy: str = ""


def good(words: str) -> Finding:
    """All is well."""
    return Finding(Outcome.GOOD, words)


def red(words: str, remedy: str) -> Finding:
    """Something is wrong, and this is what to do."""
    return Finding(Outcome.RED, words, remedy)


def unknown(words: str, remedy: str = "") -> Finding:
    """It cannot be told here; the remedy says what would make it tellable."""
    return Finding(Outcome.UNKNOWN, words, remedy)
