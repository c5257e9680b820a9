"""The panel on the pins of a real Raspberry Pi: `pytest tests/hardware --hardware`.

Wiring, with nothing else on the header, each through a resistor of 1 kOhm
(BCM numbers; physical pins in brackets):

    green lamp   GPIO17 (11)  to  GPIO5  (29)
    red lamp     GPIO27 (13)  to  GPIO6  (31)
    buzzer       GPIO18 (12)  to  GPIO13 (33)
    button       GPIO25 (22)  to  GPIO12 (32)

Other pins: set GATED_TEST_PINS to "green,red,buzzer,button" and GATED_TEST_PROBES to the four
pins that they are wired to, in the same order.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from gated import config
from gated.errors import PanelError
from gated.panel import Lamps, open_panel
from gated.signals import SIGNALS, Signal, Step

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from gated.panel import Panel

pytestmark = pytest.mark.hardware

GREEN, RED, BUZZER, BUTTON = map(int, os.environ.get("GATED_TEST_PINS", "17,27,18,25").split(","))
AT_GREEN, AT_RED, AT_BUZZER, AT_BUTTON = map(
    int, os.environ.get("GATED_TEST_PROBES", "5,6,13,12").split(",")
)
TONE_HZ = 1000
LISTEN_S = 0.5


@pytest.fixture
def factory() -> Iterator[Any]:
    lgpio = pytest.importorskip("gpiozero.pins.lgpio", reason="install python3-lgpio")
    with lgpio.LGPIOFactory() as factory:
        yield factory


@pytest.fixture
def presses() -> list[float]:
    return []


@pytest.fixture
def failures() -> list[PanelError]:
    return []


@pytest.fixture
async def panel(
    factory: Any, presses: list[float], failures: list[PanelError]
) -> AsyncIterator[Panel]:
    settings = config.Panel(
        green=GREEN,
        red=RED,
        buzzer=BUZZER,
        button=BUTTON,
        mode_entry=None,
        mode_exit=None,
        status=None,
    )
    panel = open_panel(
        settings,
        pin_factory=factory,
        on_input=lambda _: presses.append(time.monotonic()),
        on_change=lambda: None,
        on_failure=failures.append,
    )
    async with panel:
        yield panel
    assert failures == []


def probe(factory: Any, number: int) -> Any:
    from gpiozero import DigitalInputDevice

    return DigitalInputDevice(number, pull_up=False, pin_factory=factory)


async def test_the_lamps_are_lit_when_show_returns(panel: Panel, factory: Any) -> None:
    with probe(factory, AT_GREEN) as green, probe(factory, AT_RED) as red:
        assert (green.value, red.value) == (0, 0)

        panel.show(SIGNALS["accepted"])
        assert (green.value, red.value) == (1, 0)

        panel.show(SIGNALS["refused"])
        assert (green.value, red.value) == (0, 1)
        assert panel.lamps() == Lamps(red=True, buzzer_hz=370)

        await asyncio.sleep(SIGNALS["refused"].seconds + 0.2)
        assert (green.value, red.value) == (0, 0)


async def test_the_buzzer_sounds_at_its_pitch_and_is_left_low(panel: Panel, factory: Any) -> None:
    with probe(factory, AT_BUZZER) as buzzer:
        pulses: list[float] = []
        buzzer.when_activated = lambda: pulses.append(time.monotonic())
        panel.show(Signal("tone", "For tests.", (Step(LISTEN_S, tone_hz=TONE_HZ),)))
        await asyncio.sleep(LISTEN_S + 0.2)

        # lgpio makes the pulses in a thread of its own: they are late now and then.
        assert 0.7 * TONE_HZ * LISTEN_S < len(pulses) < 1.1 * TONE_HZ * LISTEN_S
        for _ in range(20):
            panel.show(Signal("blip", "For tests.", (Step(0.05, tone_hz=TONE_HZ),)))
            await asyncio.sleep(0.1)
            assert buzzer.value == 0


async def test_a_chattering_press_counts_once(
    panel: Panel, factory: Any, presses: list[float]
) -> None:
    from gpiozero import OutputDevice

    with OutputDevice(AT_BUTTON, initial_value=True, pin_factory=factory) as finger:
        await asyncio.sleep(0.2)
        presses.clear()
        for expected in (1, 2, 3):
            for _ in range(5):
                finger.off()
                await asyncio.sleep(0.001)
                finger.on()
                await asyncio.sleep(0.001)
            finger.off()
            await asyncio.sleep(0.2)
            finger.on()
            await asyncio.sleep(0.2)
            assert len(presses) == expected


async def test_a_pin_in_use_is_told(panel: Panel, factory: Any) -> None:
    second = open_panel(
        config.Panel(green=GREEN),
        pin_factory=factory,
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=lambda error: None,
    )
    with pytest.raises(PanelError, match=f"Pin {GREEN} cannot be the green"):
        await second.__aenter__()


async def test_leaving_the_panel_makes_it_dark(factory: Any) -> None:
    panel = open_panel(
        config.Panel(
            green=GREEN,
            red=None,
            buzzer=BUZZER,
            button=None,
            mode_entry=None,
            mode_exit=None,
            status=None,
        ),
        pin_factory=factory,
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=lambda error: None,
    )
    with probe(factory, AT_GREEN) as green, probe(factory, AT_BUZZER) as buzzer:
        async with panel:
            panel.show(Signal("long", "For tests.", (Step(60.0, green=True, tone_hz=TONE_HZ),)))
            assert green.value == 1
        assert (green.value, buzzer.value) == (0, 0)
