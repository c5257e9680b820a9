"""Lamps, buzzer and button: what every kind of panel promises, and how one is chosen."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, TextIO

    from gated import config
    from gated.errors import PanelError
    from gated.model import ScanType
    from gated.signals import Signal, StatusPattern


@dataclass(frozen=True, slots=True)
class Lamps:
    """What is lit and sounding right now; `buzzer_hz` 0 is silence."""

    green: bool = False
    red: bool = False
    blue: bool = False
    mode_entry: bool = False
    mode_exit: bool = False
    status: bool = False
    relay: bool = False
    buzzer_hz: int = 0


class Input(StrEnum):
    """What somebody, or something, did at the panel."""

    SHORT_PRESS = "short_press"
    LONG_PRESS = "long_press"
    KEY_CLOSED = "key_closed"
    KEY_OPEN = "key_open"
    SENSOR_CLOSED = "sensor_closed"
    SENSOR_OPEN = "sensor_open"
    ALARM = "alarm"
    NO_ALARM = "no_alarm"


class Panel(Protocol):
    """Tells people the verdict, the mode and the gate's health.

    Everything is called in the event loop's thread and returns at once.
    """

    def show(self, signal: Signal) -> None:
        """Start a signal in place of the running one; its first step is written on return.

        Raises PanelError when a part of it fails; the rest is shown all the same.
        """

    def set_mode(self, mode: ScanType) -> None:
        """Light the lamp of this mode only. Raises PanelError."""

    def set_status(self, pattern: StatusPattern) -> None:
        """Blink the status lamp like this until told otherwise. Raises PanelError."""

    def set_torch(self, lit: bool) -> None:  # noqa: FBT001 - a switch
        """Switch the light for the camera. Raises PanelError."""

    def try_part(self, name: str) -> float:
        """Blink or sound one part by itself, then leave it as the gate has it.

        Tells for how many seconds. Raises PanelError, also when no such part is wired.
        """

    def set_relay(self, open_: bool, *, stays: bool = False) -> None:  # noqa: FBT001 - a switch
        """Let people pass, or not; `stays` outlives the panel. Raises PanelError."""

    def lamps(self) -> Lamps:
        """What is lit, read back where the hardware allows it. Raises PanelError."""

    async def __aenter__(self) -> Self:
        """Take the hardware. Raises PanelError, with nothing left taken."""

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Everything dark and silent, and the hardware given back, whatever fails on the way."""


def open_panel(
    panel: config.Panel,
    *,
    on_input: Callable[[Input], None],
    on_change: Callable[[], None],
    on_failure: Callable[[PanelError], None],
    on_well: Callable[[], None] = lambda: None,
    volume: Callable[[], int] = lambda: 100,
    pin_factory: object | None = None,
    way_open: bool = False,
    stream: TextIO | None = None,
) -> Panel:
    """Build the configured kind of panel; `async with` it to take the hardware.

    All callbacks are called in the event loop: `on_input` once for whatever was done at it,
    `on_change` when a lamp or the buzzer changed, `on_failure` for failures that no caller
    hears of because they happen in the middle of a signal or on exit, `on_well` when all pins
    that failed have done since what they could not. `volume` is asked before each tone, in
    percent. A given gpiozero `pin_factory` stands in for the configured one and is not closed;
    `way_open` is how the relay is taken; `stream` is where the console panel writes, stdout if
    not given.
    """
    if panel.kind == "gpio":
        # gpiozero is loaded only where there are pins.
        from gated.panel.gpio import GpioPanel  # noqa: PLC0415

        return GpioPanel(
            panel,
            pin_factory=pin_factory,
            way_open=way_open,
            volume=volume,
            on_input=on_input,
            on_change=on_change,
            on_failure=on_failure,
            on_well=on_well,
        )
    from gated.panel.console import ConsolePanel  # noqa: PLC0415 - it imports this module

    return ConsolePanel(
        None if panel.kind == "none" else (stream or sys.stdout),
        on_change=on_change,
        on_failure=on_failure,
    )
