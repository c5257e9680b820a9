"""Every signal on the pins, recorded with its times and compared to the letter."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from stepped import run

from gated import config
from gated.panel.gpio import GpioPanel
from gated.signals import SIGNALS, STATUS, Signal, StatusPattern

RECORDINGS = Path(__file__).with_name("signal_recordings.txt")
PINS = {
    "GPIO17": "green",
    "GPIO27": "red",
    "GPIO5": "blue",
    "GPIO22": "entry",
    "GPIO23": "exit",
    "GPIO24": "status",
    "GPIO18": "buzzer",
}


class Tape:
    """Pins that write down what happens to them, and when."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.running = False
        tape = self

        class Recorded(MockPWMPin):  # type: ignore[misc]
            def _set_frequency(self, value: float | None) -> None:
                changed = value != self._frequency
                super()._set_frequency(value)
                if changed:
                    tape.write(self, "off" if value is None else f"{value:g} Hz")

            def _set_state(self, value: float) -> None:
                changed = float(value) != float(self._state)
                super()._set_state(value)
                if changed:
                    tape.write(self, f"{float(value):.3g}")

        self.factory = MockFactory(pin_class=Recorded)

    def write(self, pin: Any, what: str) -> None:
        if not self.running:
            return
        at = f"{asyncio.get_running_loop().time():7.2f}"
        if not self.lines or not self.lines[-1].startswith(at):
            self.lines.append(at)
        self.lines[-1] += f"  {PINS[pin.info.name]} {what}"


def panel_on(tape: Tape, **settings: Any) -> GpioPanel:
    return GpioPanel(
        config.Panel(blue=5, button=None, **settings),
        pin_factory=tape.factory,
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=lambda error: pytest.fail(str(error)),
    )


def record(shown: Signal | StatusPattern, **settings: Any) -> list[str]:
    """The tape of one signal, or of ten seconds of a status pattern."""
    tape = Tape()

    async def play() -> None:
        async with panel_on(tape, **settings) as panel:
            tape.running = True
            if isinstance(shown, Signal):
                panel.show(shown)
                await asyncio.sleep(shown.seconds + 1)
            else:
                panel.set_status(shown)
                await asyncio.sleep(9.95)
            tape.running = False

    run(play())
    return tape.lines


def recordings() -> dict[str, list[str]]:
    """The file: a heading in brackets, then what the pins did."""
    found: dict[str, list[str]] = {}
    for line in RECORDINGS.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found[line.strip("[]")] = []
        elif line:
            found[list(found)[-1]].append(line)
    return found


ALL: dict[str, tuple[Signal | StatusPattern, dict[str, Any]]] = {
    **{f"signal {name}": (signal, {}) for name, signal in SIGNALS.items()},
    **{f"status {name}": (pattern, {}) for name, pattern in STATUS.items()},
    "signal accepted, active buzzer": (SIGNALS["accepted"], {"buzzer_kind": "active"}),
    "signal accepted, lamps active low": (SIGNALS["accepted"], {"lamps_active_high": False}),
}


@pytest.mark.parametrize("name", list(ALL))
def test_the_pins_do_exactly_what_is_recorded(name: str) -> None:
    shown, settings = ALL[name]

    assert record(shown, **settings) == recordings()[name]


def test_every_recording_is_of_something_that_there_is() -> None:
    assert list(recordings()) == list(ALL)


def test_a_signal_in_the_middle_of_another_leaves_nothing_of_it() -> None:
    tape = Tape()

    async def play() -> None:
        async with panel_on(tape) as panel:
            panel.show(SIGNALS["refused"])
            await asyncio.sleep(0.3)
            tape.running = True
            panel.show(SIGNALS["accepted"])
            await asyncio.sleep(5)
            tape.running = False

    run(play())

    whole = recordings()["signal accepted"]
    assert tape.lines[0] == "   0.30  green 1  red 0  buzzer 1568 Hz"
    assert len(tape.lines) == len(whole)
    # From there on as if nothing had been before, 0.3 seconds later.
    for mine, recorded in zip(tape.lines[1:], whole[1:], strict=True):
        assert float(mine[:7]) == pytest.approx(float(recorded[:7]) + 0.3)
        assert mine[7:] == recorded[7:]


if __name__ == "__main__":  # writes the recordings anew: look at what changed
    RECORDINGS.write_text(
        "\n".join(
            f"[{name}]\n" + "".join(f"{line}\n" for line in record(shown, **settings))
            for name, (shown, settings) in ALL.items()
        ),
        encoding="utf-8",
    )
