"""What lamps and buzzer say, as data: one table of signals, one of status patterns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from gated.model import Reason, ScanType, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gated.config import Config, SignalStep

LONG_S = 0.4
"""From here on a light or a tone counts as long."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is lit and sounds for a while; `tone_hz` 0 is silence."""

    seconds: float
    green: bool = False
    red: bool = False
    tone_hz: int = 0
    blue: bool = False
    """Where there is a third lamp, or an LED of three colours, it sets the answers apart more."""

    @property
    def lit(self) -> bool:
        """Whether any lamp is lit."""
        return self.green or self.red or self.blue


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
            Step(0.12, green=True, tone_hz=1568, blue=True),
            Step(0.08, green=True, blue=True),
            Step(0.2),
            Step(0.12, green=True, tone_hz=1568, blue=True),
            Step(0.08, green=True, blue=True),
            Step(0.2),
            Step(0.12, green=True, tone_hz=2093, blue=True),
            Step(0.08, green=True, blue=True),
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
            Step(0.45, red=True, tone_hz=784, blue=True),
            Step(0.25),
            Step(0.45, red=True, tone_hz=392, blue=True),
            Step(0.25),
            Step(0.45, red=True, tone_hz=784, blue=True),
            Step(0.25),
            Step(0.45, red=True, tone_hz=392, blue=True),
        ),
    ),
    Signal(
        "free_flow",
        "Emergency: let everybody pass.",
        (
            Step(0.3, green=True, tone_hz=1568),
            Step(0.2, green=True),
            Step(0.2),
            Step(0.2, green=True, tone_hz=1047),
            Step(0.2),
            Step(0.2, green=True),
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
    Signal(
        "mode_locked",
        "The mode is locked: the button changes nothing.",
        (Step(0.5, tone_hz=440), Step(0.15), Step(0.5, tone_hz=330)),
    ),
    Signal(
        "mode_unlocked",
        "The button changes the mode again.",
        (
            Step(0.5, tone_hz=1047),
            Step(0.1),
            Step(0.1, tone_hz=1319),
            Step(0.1),
            Step(0.1, tone_hz=1568),
        ),
    ),
    Signal(
        "enrolled",
        "The ticket server knows the gate now: it gets its list.",
        (
            Step(0.1, tone_hz=1047),
            Step(0.1),
            Step(0.1, tone_hz=1319),
            Step(0.1),
            Step(0.1, tone_hz=1568),
            Step(0.1),
            Step(0.5, tone_hz=2093),
        ),
    ),
)

_STATUS = (
    StatusPattern("starting", "The gate is starting: wait.", 0.2, 0.2),
    StatusPattern("enrol", "Not enrolled: show the device's QR code.", 0.3, 0.3, 4, 1.2),
    StatusPattern("ready", "The gate is ready and in touch with the server.", 1.0, 0.0),
    StatusPattern("offline", "No server: the gate goes on by itself and catches up.", 1.0, 1.0),
    StatusPattern("stale", "The list is old: see the page.", 0.3, 0.3, 1, 2.1),
    StatusPattern("wrong_clock", "The time is not known: see the page.", 0.3, 0.3, 2, 1.8),
    StatusPattern("wrong_mode", "Many refused alike: is the mode right?", 0.3, 0.3, 3, 1.5),
    StatusPattern("warning", "Works, but the page has something to tell.", 1.8, 0.2),
    StatusPattern("emergency", "Emergency: the way is open.", 0.15, 0.15, 3, 1.1),
    StatusPattern("error", "The gate does not work: see the page.", 0.15, 0.15, 2, 0.7),
)

SIGNALS: Mapping[str, Signal] = MappingProxyType({signal.name: signal for signal in _SIGNALS})
STATUS: Mapping[str, StatusPattern] = MappingProxyType(
    {pattern.name: pattern for pattern in _STATUS}
)

REASONS: Mapping[Reason, str] = MappingProxyType(
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
        Reason.FREE_FLOW: "Free flow",
        Reason.ERROR: "Gate could not answer",
    }
)
_REFUSALS: Mapping[Reason, str] = MappingProxyType(
    {Reason.ALREADY_LEFT: "already_left", Reason.INVALID: "unknown", Reason.ERROR: "error"}
)
_PASSED = frozenset({Reason.ENTERED, Reason.LEFT})


@dataclass(frozen=True, slots=True)
class Book:
    """The signals and status patterns of one gate: ours, but for what its config overrides."""

    signals: Mapping[str, Signal] = field(default_factory=lambda: SIGNALS)
    status: Mapping[str, StatusPattern] = field(default_factory=lambda: STATUS)

    def answer(self, verdict: Verdict, reason: Reason) -> Signal:
        """The signal of a decision; every verdict with every reason has one."""
        if verdict is Verdict.ADMIT:
            return self.signals["free_flow" if reason is Reason.FREE_FLOW else "accepted"]
        if verdict is Verdict.ATTENTION:
            return self.signals["attention"]
        return self.signals[_REFUSALS.get(reason, "refused")]

    def mode(self, mode: ScanType) -> Signal:
        """The tones that go with a change to this mode."""
        return self.signals["mode_entry" if mode is ScanType.ENTRY else "mode_exit"]


def book(config: Config) -> Book:
    """The signals as this config has them."""
    signals: dict[str, Signal] = {
        name: replace(SIGNALS[name], steps=_steps(own.steps))
        for name, own in config.signals.items()
    }
    status: dict[str, StatusPattern] = {
        name: replace(STATUS[name], **blink.model_dump()) for name, blink in config.status.items()
    }
    return Book({**SIGNALS, **signals}, {**STATUS, **status})


def _steps(steps: Iterable[SignalStep]) -> tuple[Step, ...]:
    return tuple(
        Step(step.s, green=step.green, red=step.red, tone_hz=step.hz, blue=step.blue)
        for step in steps
    )


def reason_words(reason: Reason, verdict: Verdict, scan_type: ScanType) -> str:
    """A decision in a few plain words, for page and terminal."""
    words = REASONS[reason]
    if verdict is Verdict.REFUSE:
        return words
    look = ", please look" if verdict is Verdict.ATTENTION else ""
    if reason in _PASSED:
        return f"{words}{look}"
    if reason is Reason.RULES:
        words = "Entry rules could not be checked"
    way = "in" if scan_type is ScanType.ENTRY else "out"
    return f"{words}: let {way}{look}"
