"""What lamps and buzzer say, as data: one table of signals, one of status patterns."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from gated.model import Reason, ScanType, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONG_S = 0.4
"""From here on a light or a tone counts as long."""

LOW_HZ = 500
"""Up to here a tone counts as low."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is lit and sounds for a while; `tone_hz` 0 is silence."""

    seconds: float
    green: bool = False
    red: bool = False
    tone_hz: int = 0


DARK = Step(0.0)
"""Nothing lit, nothing sounding: what follows every signal."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A sequence of steps with a name, and one plain sentence of what it tells staff."""

    name: str
    meaning: str
    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return sum(step.seconds for step in self.steps)


@dataclass(frozen=True, slots=True)
class StatusPattern:
    """How the status lamp blinks: `flashes` of on_s/off_s, then dark for `pause_s` more.

    An `off_s` of 0 is a steady light.
    """

    name: str
    meaning: str
    on_s: float
    off_s: float
    flashes: int = 1
    pause_s: float = 0.0

    @property
    def beats(self) -> tuple[tuple[float, bool], ...]:
        """One round as (seconds, lit); a steady light is a single beat."""
        if not self.off_s:
            return ((self.on_s, True),)
        flashes = ((self.on_s, True), (self.off_s, False)) * self.flashes
        return (*flashes[:-1], (self.off_s + self.pause_s, False))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table for staff."""

    name: str
    lights: str
    sound: str
    meaning: str


# Rhythm, not colour or pitch, tells the signals apart: some people see red and green
# alike, and an active buzzer has one pitch only. Nothing flashes more than three times
# a second, for the sake of people with photosensitive epilepsy.
_SIGNALS = (
    Signal(
        "accepted",
        "Let the guest pass.",
        (
            Step(0.07, green=True, tone_hz=1568),
            Step(0.09, green=True, tone_hz=2093),
            Step(0.64, green=True),
        ),
    ),
    Signal(
        "attention",
        "Let the guest pass, but look at the ticket or the page.",
        (
            Step(0.12, green=True, tone_hz=1568),
            Step(0.08, green=True),
            Step(0.2),
            Step(0.12, green=True, tone_hz=1568),
            Step(0.08, green=True),
            Step(0.2),
            Step(0.12, green=True, tone_hz=2093),
            Step(0.08, green=True),
        ),
    ),
    Signal(
        "refused",
        "Stop: this ticket does not pass here; the page says why.",
        (Step(0.8, red=True, tone_hz=370), Step(0.25), Step(0.8, red=True)),
    ),
    Signal(
        "already_left",
        "Stop: this ticket was checked out before.",
        (Step(0.6, red=True, tone_hz=440), Step(0.2), Step(0.2, red=True, tone_hz=330)),
    ),
    Signal(
        "unknown",
        "Stop: the gate does not know this ticket.",
        (Step(0.2, red=True, tone_hz=370), Step(0.2), Step(0.8, red=True, tone_hz=370)),
    ),
    Signal(
        "error",
        "The gate could not answer; it is not the guest's fault: call for help.",
        (
            Step(0.45, red=True, tone_hz=784),
            Step(0.25),
            Step(0.45, red=True, tone_hz=392),
            Step(0.25),
            Step(0.45, red=True, tone_hz=784),
            Step(0.25),
            Step(0.45, red=True, tone_hz=392),
        ),
    ),
    Signal(
        "mode_entry",
        "From now on the gate checks in.",
        (Step(0.1, tone_hz=1047), Step(0.1), Step(0.1, tone_hz=1568)),
    ),
    Signal(
        "mode_exit",
        "From now on the gate checks out.",
        (
            Step(0.1, tone_hz=1568),
            Step(0.1),
            Step(0.1, tone_hz=1319),
            Step(0.1),
            Step(0.5, tone_hz=1047),
        ),
    ),
)

_STATUS = (
    StatusPattern("starting", "The gate is starting: wait.", 0.2, 0.2),
    StatusPattern("ready", "The gate is ready and in touch with the server.", 1.0, 0.0),
    StatusPattern("offline", "No server: the gate goes on by itself and catches up.", 1.0, 1.0),
    StatusPattern("warning", "Works, but the page has something to tell.", 1.8, 0.2),
    StatusPattern("error", "The gate does not work: see the page.", 0.15, 0.15, 2, 0.7),
)

SIGNALS: Mapping[str, Signal] = MappingProxyType({signal.name: signal for signal in _SIGNALS})
STATUS: Mapping[str, StatusPattern] = MappingProxyType(
    {pattern.name: pattern for pattern in _STATUS}
)

_WORDS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.ENTERED: "Checked in",
        Reason.LEFT: "Checked out",
        Reason.INVALID: "Unknown ticket",
        Reason.REVOKED: "Ticket replaced by a newer one",
        Reason.CANCELED: "Order canceled",
        Reason.BLOCKED: "Ticket blocked",
        Reason.UNAPPROVED: "Order not approved yet",
        Reason.INVALID_TIME: "Ticket not valid at this time",
        Reason.AMBIGUOUS: "More than one ticket fits this code",
        Reason.PRODUCT: "Ticket not meant for this gate",
        Reason.UNPAID: "Order not paid",
        Reason.RULES: "Entry rules not met",
        Reason.ALREADY_REDEEMED: "Already checked in",
        Reason.NOT_CHECKED_IN: "Not checked in",
        Reason.ALREADY_LEFT: "Left already",
        Reason.SIGNED: "On no list yet, but genuinely signed",
        Reason.ERROR: "Gate could not answer",
    }
)
_REFUSALS: Mapping[Reason, str] = MappingProxyType(
    {Reason.ALREADY_LEFT: "already_left", Reason.INVALID: "unknown", Reason.ERROR: "error"}
)
_PASSED = frozenset({Reason.ENTERED, Reason.LEFT})


def signal_for(verdict: Verdict, reason: Reason) -> Signal:
    """The signal of a decision; every verdict with every reason has one."""
    if verdict is Verdict.ADMIT:
        return SIGNALS["accepted"]
    if verdict is Verdict.ATTENTION:
        return SIGNALS["attention"]
    return SIGNALS[_REFUSALS.get(reason, "refused")]


def signal_for_mode(mode: ScanType) -> Signal:
    """The tones that go with a change to this mode."""
    return SIGNALS["mode_entry" if mode is ScanType.ENTRY else "mode_exit"]


def reason_words(reason: Reason, verdict: Verdict, scan_type: ScanType) -> str:
    """A decision in a few plain words, for page and terminal."""
    words = _WORDS[reason]
    if verdict is Verdict.REFUSE:
        return words
    look = ", please look" if verdict is Verdict.ATTENTION else ""
    if reason in _PASSED:
        return f"{words}{look}"
    if reason is Reason.RULES:
        words = "Entry rules could not be checked"
    way = "in" if scan_type is ScanType.ENTRY else "out"
    return f"{words}: let {way}{look}"


def table() -> list[Row]:
    """The signals as staff should know them, in the order of the code."""
    return [
        Row(each.name.replace("_", " "), _lights(each.steps), _sound(each.steps), each.meaning)
        for each in SIGNALS.values()
    ]


def markdown_table() -> str:
    """`table()` for the README."""
    rows = [(row.name, row.lights, row.sound, row.meaning) for row in table()]
    return _markdown(("signal", "lights", "sound", "meaning"), rows)


def markdown_status() -> str:
    """The status lamp's patterns for the README."""
    rows = [(pattern.name, _blinking(pattern), pattern.meaning) for pattern in STATUS.values()]
    return _markdown(("status", "lamp", "meaning"), rows)


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _lights(steps: tuple[Step, ...]) -> str:
    colours = {
        colour
        for step in steps
        for colour, lit in (("green", step.green), ("red", step.red))
        if lit
    }
    if not colours:
        return "none"
    rhythm = _rhythm((step.seconds, step.green or step.red) for step in steps)
    return f"{' and '.join(sorted(colours))}: {rhythm}"


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
    if pattern.flashes > 1:
        return f"{pattern.flashes} quick flashes, pause"
    if pattern.on_s > 2 * pattern.off_s:
        return "steady, with a short wink"
    return "slow blinking" if pattern.on_s >= LONG_S else "fast blinking"
