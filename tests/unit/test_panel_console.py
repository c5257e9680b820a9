"""The panel of a machine without lamps, and which kind of panel is opened."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gated import config
from gated.errors import PanelError
from gated.model import ScanType
from gated.panel import Lamps, open_panel
from gated.panel.console import ConsolePanel
from gated.panel.gpio import GpioPanel
from gated.signals import SIGNALS, STATUS, Signal, StatusPattern, Step

if TYPE_CHECKING:
    from gated.panel import Panel

FAST = 50.0
ENDLESS = Signal("endless", "For tests.", (Step(3600.0, green=True, tone_hz=1000),))


class Desk:
    """A console panel with everything it says."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.seen: list[Lamps] = []
        self.failures: list[PanelError] = []
        self.panel = ConsolePanel(
            self.stream,
            on_change=lambda: self.seen.append(self.panel.lamps()),
            on_failure=self.failures.append,
            speed=FAST,
        )

    async def until_seen(self, changes: int) -> None:
        for _ in range(10_000):
            if len(self.seen) >= changes:
                return
            await asyncio.sleep(0.001)
        raise TimeoutError


async def test_every_signal_mode_and_status_is_one_line() -> None:
    desk = Desk()
    async with desk.panel as panel:
        panel.set_mode(ScanType.ENTRY)
        panel.set_status(STATUS["ready"])
        panel.show(SIGNALS["accepted"])
        panel.show(SIGNALS["already_left"])
        panel.set_mode(ScanType.EXIT)

    assert desk.stream.getvalue().splitlines() == [
        "mode: check-in",
        f"status: ready: {STATUS['ready'].meaning}",
        "accepted: Let the guest pass.",
        f"already left: {SIGNALS['already_left'].meaning}",
        "mode: check-out",
    ]


async def test_mode_and_status_told_again_are_not_printed_again() -> None:
    desk = Desk()
    async with desk.panel as panel:
        for _ in range(3):
            panel.set_mode(ScanType.EXIT)
            panel.set_status(STATUS["offline"])

    assert len(desk.stream.getvalue().splitlines()) == 2


async def test_its_lamps_follow_the_steps() -> None:
    desk = Desk()
    async with desk.panel as panel:
        panel.show(SIGNALS["accepted"])
        assert panel.lamps() == Lamps(green=True, buzzer_hz=1568)

        await desk.until_seen(4)
        assert desk.seen == [
            Lamps(green=True, buzzer_hz=1568),
            Lamps(green=True, buzzer_hz=2093),
            Lamps(green=True),
            Lamps(),
        ]


async def test_its_mode_and_status_lamps_stay_while_a_signal_plays() -> None:
    desk = Desk()
    async with desk.panel as panel:
        panel.set_mode(ScanType.EXIT)
        panel.set_status(STATUS["ready"])
        panel.show(ENDLESS)

        assert panel.lamps() == Lamps(green=True, mode_exit=True, status=True, buzzer_hz=1000)


async def test_its_status_lamp_blinks() -> None:
    desk = Desk()
    async with desk.panel as panel:
        panel.set_status(StatusPattern("quick", "For tests.", 0.1, 0.1))
        await desk.until_seen(5)

    assert [lamps.status for lamps in desk.seen[:5]] == [True, False, True, False, True]


async def test_a_new_signal_takes_the_place_of_the_running_one() -> None:
    desk = Desk()
    async with desk.panel as panel:
        panel.show(ENDLESS)
        panel.show(ENDLESS)
        panel.show(SIGNALS["refused"])

        assert desk.seen == [
            Lamps(green=True, buzzer_hz=1000),
            Lamps(red=True, buzzer_hz=370),
        ]


async def test_it_is_dark_after_exit_and_stays_so() -> None:
    desk = Desk()
    async with desk.panel as panel:
        panel.set_mode(ScanType.ENTRY)
        panel.set_status(STATUS["error"])
        panel.show(SIGNALS["error"])
    changes = len(desk.seen)
    assert desk.panel.lamps() == desk.seen[-1] == Lamps()

    await asyncio.sleep(0.03)
    assert len(desk.seen) == changes
    assert not desk.stream.closed


async def test_a_console_that_is_gone_is_told_and_the_lamps_go_on() -> None:
    desk = Desk()
    async with desk.panel as panel:
        desk.stream.close()
        with pytest.raises(PanelError, match=r"^The console cannot be written to \(.*\): .*\.$"):
            panel.show(SIGNALS["accepted"])

        await desk.until_seen(4)
        assert panel.lamps() == Lamps()


def opened(kind: str, stream: io.StringIO | None = None) -> Panel:
    return open_panel(
        config.Panel.model_validate({"kind": kind, "pin_factory": "mock"}),
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=lambda error: None,
        stream=stream,
    )


def test_the_configured_kind_is_opened() -> None:
    assert isinstance(opened("gpio"), GpioPanel)
    assert isinstance(opened("console"), ConsolePanel)
    assert isinstance(opened("none"), ConsolePanel)


async def test_the_console_panel_prints_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    async with opened("console") as panel:
        panel.show(SIGNALS["accepted"])

    assert capsys.readouterr().out == "accepted: Let the guest pass.\n"


async def test_no_panel_prints_nothing_but_has_lamps_for_the_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    stream = io.StringIO()
    async with opened("none", stream) as panel:
        panel.show(ENDLESS)
        panel.set_mode(ScanType.EXIT)
        panel.set_status(STATUS["ready"])

        assert panel.lamps() == Lamps(green=True, mode_exit=True, status=True, buzzer_hz=1000)
    assert stream.getvalue() == ""
    assert capsys.readouterr().out == ""


def test_a_console_panel_loads_no_gpiozero() -> None:
    script = """
import sys
from gated import config
from gated.panel import open_panel
nothing = lambda *_: None
open_panel(config.Panel(kind="console"), on_input=nothing, on_change=nothing, on_failure=nothing)
sys.exit("gpiozero" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
