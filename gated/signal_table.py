"""The signals in words: the table staff learns them from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.signals import LONG_S, SIGNALS, STATUS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gated.signals import Signal, StatusPattern, Step

LOW_HZ = 500
"""Up to here a tone counts as low."""

QUICK_S = 0.2
"""Up to here a flash counts as quick."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table for staff."""

    name: str
    lights: str
    sound: str
    meaning: str


def table(signals: Iterable[Signal] = SIGNALS.values()) -> list[Row]:
    """The signals as staff should know them, in the order of the code."""
    return [
        Row(each.name.replace("_", " "), _lights(each.steps), _sound(each.steps), each.meaning)
        for each in signals
    ]


def status_table(patterns: Iterable[StatusPattern] = STATUS.values()) -> list[Row]:
    """The status lamp's patterns as staff should know them."""
    return [
        Row(each.name.replace("_", " "), _blinking(each), "none", each.meaning) for each in patterns
    ]


def markdown_table() -> str:
    """`table()` for the README."""
    rows = [(row.name, row.lights, row.sound, row.meaning) for row in table()]
    return _markdown(("signal", "lights", "sound", "meaning"), rows)


def markdown_status() -> str:
    """The status lamp's patterns for the README."""
    rows = [(row.name, row.lights, row.meaning) for row in status_table()]
    return _markdown(("status", "lamp", "meaning"), rows)


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _lights(steps: tuple[Step, ...]) -> str:
    colours = [
        colour
        for colour in ("green", "red", "blue")
        if any(getattr(step, colour) for step in steps)
    ]
    if not colours:
        return "none"
    rhythm = _rhythm((step.seconds, step.lit) for step in steps)
    return f"{' and '.join(colours)}: {rhythm}"


def _sound(steps: tuple[Step, ...]) -> str:
    tones = [step.tone_hz for step in steps if step.tone_hz]
    if not tones:
        return "none"
    rhythm = _rhythm((step.seconds, step.tone_hz > 0) for step in steps)
    return f"{rhythm}; {_pitch(tones)}"


def _pitch(tones: list[int]) -> str:
    if max(tones) <= LOW_HZ and tones[0] == tones[-1]:
        return "low"
    if tones == sorted(tones):
        return "rising"
    if tones == sorted(tones, reverse=True):
        return "falling"
    return "high and low in turn"


def _rhythm(beats: Iterable[tuple[float, bool]]) -> str:
    bursts: list[float] = []
    before = False
    for seconds, on in beats:
        if on and before:
            bursts[-1] += seconds
        elif on:
            bursts.append(seconds)
        before = on
    return " ".join("long" if seconds >= LONG_S else "short" for seconds in bursts)


def _blinking(pattern: StatusPattern) -> str:
    if not pattern.off_s:
        return "steady"
    if pattern.pause_s:
        pace = "quick" if pattern.on_s < QUICK_S else "slow"
        flashes = "flash" if pattern.flashes == 1 else "flashes"
        return f"{pattern.flashes} {pace} {flashes}, pause"
    if pattern.on_s > 2 * pattern.off_s:
        return "steady, with a short wink"
    return "slow blinking" if pattern.on_s >= LONG_S else "fast blinking"
