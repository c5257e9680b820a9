"""The sections about what hangs on the pins, and what it says."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from pydantic.functional_validators import BeforeValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError

from gated.config.base import Section

if TYPE_CHECKING:
    from collections.abc import Iterable

Pin = Annotated[int, Field(ge=0, le=27)]
# TOML has no word for nothing: `buzzer = false` is a gate without a buzzer.
PinOrNone = Annotated[Pin | None, BeforeValidator(lambda pin: None if pin is False else pin)]

FLASHES_A_SECOND = 3
"""More can harm people with photosensitive epilepsy (WCAG 2.3.1)."""


class Mode(Section):
    """`[panel.mode]`: what the button, or a key switch in its place, does."""

    kind: Literal["button", "key_switch"] = "button"
    key_closed: Literal["entry", "exit"] = "entry"
    lock: Literal["none", "long_press", "page"] = "none"
    long_press_s: float = Field(default=2.0, ge=0.5, le=30)


class Passage(Section):
    """`[panel.passage]`: what opens, and what sees whether a guest passes."""

    relay: PinOrNone = None
    relay_active_high: bool = True
    relay_kind: Literal["pulse", "hold", "follow"] = "pulse"
    pulse_ms: int = Field(default=500, ge=20, le=10000)
    fail: Literal["secure", "open"] = "secure"
    sensor: PinOrNone = None
    sensor_pull_up: bool = True
    sensor_debounce_ms: int = Field(default=20, ge=1, le=1000)
    timeout_s: float = Field(default=8.0, ge=1, le=120)
    exit_not_passed: Literal["keep", "annul"] = "keep"


class Emergency(Section):
    """`[panel.emergency]`: the contact of a fire panel that opens the way for everybody."""

    input: PinOrNone = None
    pull_up: bool = True
    debounce_ms: int = Field(default=100, ge=1, le=2000)


class Panel(Section):
    """`[panel]`: lamps, buzzer and button; pins are BCM numbers, 0 to 27."""

    kind: Literal["gpio", "console", "none"] = "gpio"
    pin_factory: Literal["lgpio", "mock"] = "lgpio"
    green: PinOrNone = 17
    red: PinOrNone = 27
    blue: PinOrNone = None
    mode_entry: PinOrNone = 22
    mode_exit: PinOrNone = 23
    status: PinOrNone = 24
    buzzer: PinOrNone = 18
    button: PinOrNone = 25
    torch: PinOrNone = None
    torch_mode: Literal["always", "presence"] = "presence"
    lamps_active_high: bool = True
    buzzer_kind: Literal["passive", "active"] = "passive"
    volume: int = Field(default=100, ge=0, le=100)
    quiet_hours: str = ""
    quiet_volume: int = Field(default=20, ge=0, le=100)
    button_pull_up: bool = True
    button_debounce_ms: int = Field(default=20, ge=1, le=1000)
    mode: Mode = Mode()
    passage: Passage = Passage()
    emergency: Emergency = Emergency()

    @field_validator("quiet_hours")
    @classmethod
    def _hours(cls, hours: str) -> str:
        if hours:
            _parse_hours(hours)
        return hours

    @model_validator(mode="after")
    def _pins(self) -> Panel:
        taken: dict[int, str] = {}
        for name, pin in self.pins().items():
            if (other := taken.setdefault(pin, name)) != name:
                both = {"lamp": other, "other": name, "pin": pin}
                raise PydanticCustomError("pins", "{other} and {lamp} are both on pin {pin}", both)
        return self

    def pins(self) -> dict[str, int]:
        """Every pin that is wired, by the name of its part."""
        parts = {
            **{name: getattr(self, name) for name in _PARTS},
            "relay": self.passage.relay,
            "sensor": self.passage.sensor,
            "emergency": self.emergency.input,
        }
        return {name: pin for name, pin in parts.items() if pin is not None}

    def status_alone(self) -> Panel:
        """This panel with its status lamp and nothing else."""
        others = dict.fromkeys((name for name in Panel().pins() if name != "status"), False)
        same = {"kind", "pin_factory", "status", "lamps_active_high"}
        return Panel.model_validate({**others, **self.model_dump(include=same)})

    @property
    def quiet(self) -> tuple[time, time] | None:
        """From when to when it is quiet, in local time; over midnight if it ends earlier."""
        return _parse_hours(self.quiet_hours) if self.quiet_hours else None


_PARTS = (
    "green",
    "red",
    "blue",
    "mode_entry",
    "mode_exit",
    "status",
    "buzzer",
    "button",
    "torch",
)


class Display(Section):
    """`[display]`: a small screen with a few words for the guest."""

    kind: Literal["none", "ssd1306", "ssd1309", "sh1106", "sh1107", "ssd1327", "st7567"] = "none"
    bus: Literal["i2c", "spi"] = "i2c"
    bus_number: int = Field(default=1, ge=0, le=10)
    i2c_address: int = Field(default=60, ge=3, le=119)
    spi_device: int = Field(default=0, ge=0, le=1)
    width: int = Field(default=128, ge=64, le=480)
    height: int = Field(default=64, ge=32, le=320)
    rotate: Literal[0, 1, 2, 3] = 0


class SignalStep(Section):
    """What is lit and sounds for `s` seconds; `hz` 0 is silence."""

    s: float = Field(ge=0.05, le=10)
    green: bool = False
    red: bool = False
    blue: bool = False
    hz: int = Field(default=0, ge=0, le=5000)


def _hurts(beats: Iterable[tuple[float, bool]]) -> bool:
    """Whether it flashes more than three times in any second."""
    flashes, now, before = [], 0.0, False
    for seconds, lit in beats:
        if lit and not before:
            flashes.append(now)
        now += seconds
        before = lit
    # A hair less than a second: the sum of three thirds must not be less than one.
    return any(
        sum(first <= one < first + 0.999 for one in flashes) > FLASHES_A_SECOND for first in flashes
    )


_TOO_FAST = PydanticCustomError("flashes", "must not flash more than three times a second")


Steps = Annotated[tuple[SignalStep, ...], Field(min_length=1, max_length=40, strict=False)]


SignalName = Literal[
    "accepted",
    "attention",
    "refused",
    "already_left",
    "unknown",
    "error",
    "free_flow",
    "mode_entry",
    "mode_exit",
    "mode_locked",
    "mode_unlocked",
    "enrolled",
]


class SignalSteps(Section):
    """`[signals.NAME]`: steps in place of ours."""

    steps: Steps

    @field_validator("steps")
    @classmethod
    def _safe(cls, steps: tuple[SignalStep, ...]) -> tuple[SignalStep, ...]:
        if _hurts((step.s, step.green or step.red or step.blue) for step in steps):
            raise _TOO_FAST
        return steps


StatusName = Literal[
    "starting",
    "enrol",
    "ready",
    "offline",
    "stale",
    "wrong_clock",
    "wrong_mode",
    "warning",
    "emergency",
    "error",
]


class Blink(Section):
    """`[status.NAME]`: the lamp's `flashes` of on_s/off_s, then dark for `pause_s` more."""

    on_s: float = Field(ge=0.05, le=10)
    off_s: float = Field(default=0.0, ge=0, le=10)
    flashes: int = Field(default=1, ge=1, le=10)
    pause_s: float = Field(default=0.0, ge=0, le=60)

    @model_validator(mode="after")
    def _slow(self) -> Blink:
        round_ = [(self.on_s, True), (self.off_s, False)] * self.flashes
        if self.off_s and _hurts([*round_, (self.pause_s, False)] * 10):
            raise _TOO_FAST
        return self


def _parse_hours(hours: str) -> tuple[time, time]:
    try:
        begin, end = (time.fromisoformat(part.strip()) for part in hours.split("-"))
    except ValueError:
        begin = end = time()
    if begin == end or begin.tzinfo or end.tzinfo:
        raise PydanticCustomError("hours", 'must look like "22:00-07:00"')
    return begin, end
