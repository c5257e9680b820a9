"""The panel on gpiozero's mock pins: what the pins do, and what happens when they do not."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from gpiozero import LED, Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from gated import config
from gated.errors import PanelError
from gated.model import ScanType
from gated.panel import Input, Lamps, open_panel
from gated.panel.gpio import GpioPanel
from gated.signals import SIGNALS, STATUS, Signal, StatusPattern, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FAST = 50.0
GREEN, RED, ENTRY, EXIT, STATUS_LAMP, BUZZER, BUTTON = 17, 27, 22, 23, 24, 18, 25
RELAY = 5
OUTPUTS = (GREEN, RED, ENTRY, EXIT, STATUS_LAMP, BUZZER)
ENDLESS = Signal("endless", "For tests.", (Step(3600.0, green=True, tone_hz=1000),))


class LoosePin(MockPWMPin):  # type: ignore[misc]
    """A pin whose wire can come off, and whose pulses stop where they are, as lgpio's do."""

    loose = False

    def _set_frequency(self, value: float | None) -> None:
        self._frequency = value

    def _set_state(self, value: float) -> None:
        if self.loose:
            raise OSError("Input/output error")
        super()._set_state(value)


class Bench:
    """A panel with everything it says, and the pins it says it on."""

    def __init__(self, **settings: Any) -> None:
        self.factory = MockFactory(pin_class=LoosePin)
        self.presses: list[int] = []
        self.inputs: list[Input] = []
        self.seen: list[Lamps] = []
        self.failures: list[PanelError] = []
        self.recoveries = 0
        self.panel = GpioPanel(
            config.Panel(**settings),
            pin_factory=self.factory,
            on_input=self._heard,
            on_change=lambda: self.seen.append(self.panel.lamps()),
            on_failure=self.failures.append,
            on_well=self._recovered,
            speed=FAST,
        )

    def _recovered(self) -> None:
        self.recoveries += 1

    def _heard(self, given: Input) -> None:
        self.inputs.append(given)
        self.presses.append(threading.get_ident())

    def pin(self, number: int) -> Any:
        return self.factory.pin(number)

    def states(self, number: int) -> list[float]:
        return [state.state for state in self.pin(number).states]

    def high(self) -> set[int]:
        return {number for number in OUTPUTS if self.pin(number).state}

    async def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(10_000):
            if condition():
                return
            await asyncio.sleep(0.001)
        raise TimeoutError

    async def until_shown(self, signal: Signal) -> None:
        changes = len(changes_of(signal))
        await self.until(lambda: len(self.seen) >= changes)


def changes_of(signal: Signal) -> list[Lamps]:
    """What a signal makes of dark lamps, one for every change, down to dark again."""
    lamps = [Lamps(green=step.green, red=step.red, buzzer_hz=step.tone_hz) for step in signal.steps]
    return [
        after
        for before, after in zip([Lamps(), *lamps], [*lamps, Lamps()], strict=True)
        if before != after
    ]


async def test_the_first_step_is_on_the_pins_when_show_returns() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.show(SIGNALS["accepted"])

        assert bench.states(GREEN) == [False, True]
        assert bench.states(RED) == [False]
        assert bench.pin(BUZZER).frequency == 1568
        assert bench.states(BUZZER) == [False, 0.5]


@pytest.mark.parametrize("signal", list(SIGNALS.values()), ids=list(SIGNALS))
async def test_a_signal_is_played_step_by_step_and_ends_dark(signal: Signal) -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.show(signal)
        await bench.until_shown(signal)

        assert bench.seen == changes_of(signal)
        assert panel.lamps() == Lamps()
        assert bench.high() == set()
        assert bench.pin(BUZZER).frequency is None


async def test_three_green_flashes_are_three_on_the_pin() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.show(SIGNALS["attention"])
        await bench.until_shown(SIGNALS["attention"])

        assert bench.states(GREEN) == [False, True, False, True, False, True, False]
        assert bench.states(BUZZER) == [False, 0.5, 0, 0.5, 0, 0.5, 0]
        assert bench.states(RED) == [False]


async def test_an_active_buzzer_is_switched_and_not_pulsed() -> None:
    bench = Bench(buzzer_kind="active")
    async with bench.panel as panel:
        panel.show(SIGNALS["accepted"])

        assert panel.lamps().buzzer_hz == 1568
        assert bench.pin(BUZZER).frequency is None

        await bench.until_shown(SIGNALS["accepted"])
        assert bench.states(BUZZER) == [False, True, False]
        assert bench.seen == changes_of(SIGNALS["accepted"])


async def test_what_a_loose_active_buzzer_sounds_is_read_from_its_pin() -> None:
    bench = Bench(buzzer_kind="active")
    async with bench.panel as panel:
        bench.pin(BUZZER).loose = True
        with pytest.raises(PanelError, match="buzzer does not answer"):
            panel.show(ENDLESS)

        assert panel.lamps() == Lamps(green=True)
        bench.pin(BUZZER).loose = False


async def test_a_new_signal_replaces_the_running_one() -> None:
    bench = Bench()
    first = Signal("first", "For tests.", (Step(0.2, red=True, tone_hz=400), Step(0.2, red=True)))
    async with bench.panel as panel:
        panel.show(first)
        panel.show(ENDLESS)

        assert bench.high() == {GREEN, BUZZER}
        assert bench.pin(BUZZER).frequency == 1000

        await asyncio.sleep(2 * first.seconds / FAST)
        assert bench.high() == {GREEN, BUZZER}
        assert bench.states(RED) == [False, True, False]
        assert bench.states(GREEN) == [False, True]


async def test_the_same_signal_again_starts_over() -> None:
    bench = Bench()
    wink = Signal("wink", "For tests.", (Step(0.2, red=True), Step(0.2), Step(3600.0, red=True)))
    async with bench.panel as panel:
        panel.show(wink)
        await bench.until(lambda: len(bench.seen) == 3)
        panel.show(wink)
        await bench.until(lambda: len(bench.seen) == 5)

        # Lit as it was when it started over, so only the dark in between is a change.
        assert [lamps.red for lamps in bench.seen] == [True, False, True, False, True]


async def test_the_mode_lamps_say_one_mode() -> None:
    bench = Bench()
    async with bench.panel as panel:
        assert bench.high() == set()

        panel.set_mode(ScanType.ENTRY)
        assert bench.high() == {ENTRY}
        assert panel.lamps() == Lamps(mode_entry=True)

        panel.set_mode(ScanType.EXIT)
        assert bench.high() == {EXIT}
        assert panel.lamps() == Lamps(mode_exit=True)


async def test_a_signal_leaves_mode_and_status_lamps_alone() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.set_mode(ScanType.EXIT)
        panel.set_status(STATUS["ready"])
        panel.show(SIGNALS["refused"])
        assert bench.high() == {EXIT, STATUS_LAMP, RED, BUZZER}

        await bench.until(lambda: panel.lamps() == Lamps(mode_exit=True, status=True))
        assert bench.states(EXIT) == [False, True]
        assert bench.states(STATUS_LAMP) == [False, True]


async def test_a_steady_status_stays_lit() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.set_status(STATUS["ready"])
        await asyncio.sleep(2.5 * STATUS["ready"].on_s / FAST)

        assert bench.states(STATUS_LAMP) == [False, True]


async def test_a_blinking_status_goes_on_until_another_comes() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.set_status(STATUS["error"])
        await bench.until(lambda: len(bench.seen) >= 9)
        panel.set_status(STATUS["ready"])
        after = len(bench.states(STATUS_LAMP))
        await asyncio.sleep(3 * 0.15 / FAST)

        assert bench.states(STATUS_LAMP)[:9] == [False, *[True, False] * 4]
        assert bench.states(STATUS_LAMP)[-1] == 1.0
        assert len(bench.states(STATUS_LAMP)) == after


async def test_the_same_status_told_again_does_not_start_over() -> None:
    bench = Bench()
    slow = StatusPattern("slow", "For tests.", 0.05 * FAST, 3600.0 * FAST)
    async with bench.panel as panel:
        panel.set_status(slow)
        await bench.until(lambda: not panel.lamps().status)
        panel.set_status(slow)

        assert bench.states(STATUS_LAMP) == [False, True, False]


async def test_on_change_tells_of_changes_only() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.set_mode(ScanType.ENTRY)
        panel.set_mode(ScanType.ENTRY)
        panel.show(ENDLESS)
        panel.show(ENDLESS)

        assert bench.seen == [
            Lamps(mode_entry=True),
            Lamps(mode_entry=True, green=True, buzzer_hz=1000),
        ]


async def test_leaving_in_the_middle_of_everything_makes_it_dark_and_gives_the_pins_back() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.set_mode(ScanType.ENTRY)
        panel.set_status(STATUS["error"])
        panel.show(ENDLESS)
        assert bench.high() == {ENTRY, STATUS_LAMP, GREEN, BUZZER}

    assert bench.high() == set()
    assert bench.pin(BUZZER).frequency is None
    assert {bench.pin(number).function for number in OUTPUTS} == {"input"}
    assert bench.panel.lamps() == Lamps()
    assert bench.seen[-1] == Lamps()
    states = bench.states(STATUS_LAMP)
    await asyncio.sleep(0.03)
    assert bench.states(STATUS_LAMP) == states
    for number in (*OUTPUTS, BUTTON):
        LED(number, pin_factory=bench.factory).close()
    assert bench.failures == []


async def test_an_exception_inside_makes_everything_dark_too() -> None:
    bench = Bench()

    async def crash() -> None:
        async with bench.panel as panel:
            panel.show(ENDLESS)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await crash()
    assert bench.high() == set()


async def test_a_loose_pin_at_exit_is_told_and_stops_no_other_from_going_dark() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.set_mode(ScanType.ENTRY)
        panel.show(ENDLESS)
        bench.pin(STATUS_LAMP).loose = True

    assert bench.high() == set()
    assert [str(error) for error in bench.failures] == [
        "The panel was not switched off cleanly (Input/output error): check that it is dark."
    ]
    LED(STATUS_LAMP, initial_value=None, pin_factory=bench.factory).close()


async def test_the_panel_can_be_taken_again_and_begins_dark() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.set_mode(ScanType.EXIT)
        panel.set_status(STATUS["error"])
        panel.show(SIGNALS["error"])
    async with bench.panel as panel:
        bench.seen.clear()
        await asyncio.sleep(1.0 / FAST)
        assert bench.seen == []
        assert bench.high() == set()

        panel.set_mode(ScanType.EXIT)
        panel.set_status(STATUS["error"])
        assert bench.high() == {STATUS_LAMP, EXIT}
        assert bench.seen == [Lamps(mode_exit=True), Lamps(mode_exit=True, status=True)]


async def test_a_bouncing_press_counts_once() -> None:
    bench = Bench(button_debounce_ms=1000)
    async with bench.panel:
        for _ in range(5):
            bench.pin(BUTTON).drive_low()
            bench.pin(BUTTON).drive_high()
        bench.pin(BUTTON).drive_low()
        await bench.until(lambda: bool(bench.presses))
        await asyncio.sleep(0.01)

        assert len(bench.presses) == 1


async def test_every_press_counts_and_no_release() -> None:
    bench = Bench(button_debounce_ms=1)
    async with bench.panel:
        for presses in (1, 2, 3):
            bench.pin(BUTTON).drive_low()
            await asyncio.sleep(0.005)
            assert len(bench.presses) == presses
            bench.pin(BUTTON).drive_high()
            await asyncio.sleep(0.005)
            assert len(bench.presses) == presses


async def test_a_press_in_another_thread_is_told_in_the_event_loop() -> None:
    bench = Bench()
    async with bench.panel:
        await asyncio.to_thread(bench.pin(BUTTON).drive_low)
        await bench.until(lambda: bool(bench.presses))

        assert bench.presses == [threading.get_ident()]


async def test_a_button_to_3v3_is_pressed_when_high() -> None:
    bench = Bench(button_pull_up=False)
    async with bench.panel:
        assert bench.pin(BUTTON).pull == "down"
        bench.pin(BUTTON).drive_high()
        await bench.until(lambda: bool(bench.presses))

        assert len(bench.presses) == 1


async def test_a_button_held_down_at_start_is_not_a_press() -> None:
    bench = Bench(button_debounce_ms=1)
    held = bench.pin(BUTTON)
    held._set_pull = lambda value: setattr(held, "_pull", value)
    held._change_state(False)
    async with bench.panel:
        await asyncio.sleep(0.005)
        held.drive_high()
        await asyncio.sleep(0.005)

        assert bench.presses == []


async def test_a_press_whose_edges_nobody_tells_counts_all_the_same() -> None:
    bench = Bench(button_debounce_ms=1)
    bench.pin(BUTTON)._call_when_changed = lambda *_: None
    async with bench.panel:
        for _ in range(2):
            bench.inputs.clear()
            bench.pin(BUTTON).drive_low()
            await bench.until(lambda: bool(bench.inputs))
            bench.pin(BUTTON).drive_high()
            await asyncio.sleep(0.15)
            assert bench.inputs == [Input.SHORT_PRESS]


async def test_after_exit_the_button_is_not_heard() -> None:
    bench = Bench()
    async with bench.panel:
        pass
    bench.pin(BUTTON).drive_low()
    await asyncio.sleep(0.005)

    assert bench.presses == []


async def test_pins_that_are_not_wired_are_not_touched() -> None:
    names = ("green", "red", "mode_entry", "mode_exit", "status", "buzzer", "button")
    bench = Bench(**dict.fromkeys(names))
    async with bench.panel as panel:
        panel.set_mode(ScanType.ENTRY)
        panel.set_status(STATUS["ready"])
        panel.show(ENDLESS)

        assert panel.lamps() == Lamps()
        assert bench.seen == []
    assert bench.factory.pins == {}


async def test_one_lamp_alone_works() -> None:
    names = ("red", "mode_entry", "mode_exit", "status", "buzzer", "button")
    bench = Bench(**dict.fromkeys(names))
    async with bench.panel as panel:
        panel.show(ENDLESS)

        assert panel.lamps() == Lamps(green=True)
        assert [info.name for info in bench.factory.pins] == ["GPIO17"]


async def test_active_low_lamps_are_lit_when_their_pins_are_low() -> None:
    bench = Bench(lamps_active_high=False)
    lamps = {GREEN, RED, ENTRY, EXIT, STATUS_LAMP}
    async with bench.panel as panel:
        assert bench.high() == lamps
        assert panel.lamps() == Lamps()

        panel.show(ENDLESS)
        panel.set_mode(ScanType.EXIT)
        assert bench.high() == {RED, ENTRY, STATUS_LAMP, BUZZER}
        assert panel.lamps() == Lamps(green=True, mode_exit=True, buzzer_hz=1000)
    assert bench.high() == lamps
    assert bench.states(GREEN) == [False, True, False, True]


async def test_a_pin_in_use_is_told_in_one_sentence_and_nothing_stays_taken() -> None:
    bench = Bench()
    other = LED(BUZZER, pin_factory=bench.factory)
    with pytest.raises(PanelError, match=r"^Pin 18 cannot be the buzzer \(.*in use.*\): .*\.$"):
        await bench.panel.__aenter__()

    for number in (GREEN, RED, ENTRY, EXIT, STATUS_LAMP, BUTTON):
        LED(number, pin_factory=bench.factory).close()
    other.close()
    async with bench.panel as panel:
        panel.show(ENDLESS)
        assert bench.high() == {GREEN, BUZZER}


async def test_a_pin_that_another_program_holds_is_told_with_what_to_do() -> None:
    class Busy(MockFactory):  # type: ignore[misc]
        def pin(self, name: int, **kwargs: Any) -> Any:
            raise Exception("'GPIO busy'")  # noqa: TRY002 - lgpio.error says it like this

    panel = open_panel(
        config.Panel(),
        pin_factory=Busy(),
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=lambda error: None,
    )
    with pytest.raises(PanelError) as raised:
        await panel.__aenter__()
    assert str(raised.value) == (
        "Pin 17 cannot be the green (GPIO busy): "
        "stop what else uses it or give [panel] green another pin."
    )


async def test_a_lamp_that_fails_is_told_and_the_others_are_lit_and_go_out() -> None:
    bench = Bench()
    async with bench.panel as panel:
        bench.pin(GREEN).loose = True
        sentence = r"^\[panel\] green does not answer \(Input/output error\): check its wiring\.$"
        with pytest.raises(PanelError, match=sentence):
            panel.show(SIGNALS["attention"])
        assert bench.high() == {BUZZER}

        bench.pin(GREEN).loose = False
        await bench.until(lambda: bool(bench.seen) and bench.seen[-1] == Lamps())
        assert bench.states(BUZZER)[-1] == 0
        assert bench.failures == []


async def test_a_lamp_that_goes_on_failing_is_not_told_again_by_the_same_signal() -> None:
    bench = Bench()
    async with bench.panel as panel:
        bench.pin(GREEN).loose = True
        with pytest.raises(PanelError):
            panel.show(SIGNALS["attention"])
        await bench.until(lambda: bench.states(BUZZER) == [False, *[0.5, 0] * 3])
        await asyncio.sleep(0.2 / FAST)

        assert bench.failures == []
        bench.pin(GREEN).loose = False


async def test_a_lamp_that_failed_is_well_once_it_does_what_it_could_not() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.set_mode(ScanType.ENTRY)
        bench.pin(ENTRY).loose = bench.pin(EXIT).loose = True
        with pytest.raises(PanelError):
            panel.set_mode(ScanType.EXIT)
        bench.pin(EXIT).loose = False
        with pytest.raises(PanelError):
            panel.set_mode(ScanType.EXIT)
        bench.pin(ENTRY).loose = False
        panel.set_mode(ScanType.ENTRY)
        panel.show(SIGNALS["accepted"])
        # The one lit, the other put out: neither is what failed.
        assert bench.recoveries == 0

        panel.set_mode(ScanType.EXIT)
        assert bench.recoveries == 1
        panel.set_mode(ScanType.EXIT)
        assert bench.recoveries == 1


async def test_a_failure_later_in_a_signal_is_told_once_and_does_not_end_it() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.show(SIGNALS["error"])
        bench.pin(BUZZER).loose = True
        await bench.until(lambda: bench.states(RED) == [False, *[True, False] * 4])

        assert [str(error) for error in bench.failures] == [
            "[panel] buzzer does not answer (Input/output error): check its wiring."
        ]
        bench.pin(BUZZER).loose = False


async def test_a_failing_mode_lamp_does_not_keep_the_other_from_changing() -> None:
    bench = Bench()
    async with bench.panel as panel:
        panel.set_mode(ScanType.ENTRY)
        bench.pin(ENTRY).loose = True
        with pytest.raises(PanelError):
            panel.set_mode(ScanType.EXIT)

        assert bench.high() == {ENTRY, EXIT}
        bench.pin(ENTRY).loose = False
        panel.set_mode(ScanType.EXIT)
        assert bench.high() == {EXIT}


async def test_a_status_that_could_not_be_lit_is_tried_when_told_again() -> None:
    bench = Bench()
    async with bench.panel as panel:
        bench.pin(STATUS_LAMP).loose = True
        with pytest.raises(PanelError):
            panel.set_status(STATUS["ready"])
        bench.pin(STATUS_LAMP).loose = False
        panel.set_status(STATUS["ready"])

        assert bench.high() == {STATUS_LAMP}


async def test_the_configured_mock_factory_drives_a_passive_buzzer() -> None:
    failures: list[PanelError] = []
    panel = open_panel(
        config.Panel(pin_factory="mock"),
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=failures.append,
    )
    async with panel:
        panel.show(ENDLESS)
        assert panel.lamps() == Lamps(green=True, buzzer_hz=1000)
    assert panel.lamps() == Lamps()
    assert failures == []
    assert Device.pin_factory is None


CONSTANTS = "BOTH_EDGES = RISING_EDGE = FALLING_EDGE = SET_PULL_NONE = 0\n"
NO_CHIP = f"""{CONSTANTS}
class error(Exception):
    pass
def gpiochip_open(chip):
    raise error("can not open gpiochip")
"""


@pytest.fixture
def no_lgpio_left() -> Iterator[None]:
    yield
    for name in ("lgpio", "gpiozero.pins.lgpio"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("lgpio", "sentence"),
    [
        (
            "raise ImportError(\"No module named 'lgpio'\")",
            "(No module named 'lgpio'): install python3-lgpio or set [panel] kind",
        ),
        ("", "install python3-lgpio or set [panel] kind"),
        ("open('.lgd-nfy-3')", "set LG_WD to a directory"),
        (CONSTANTS, "This is not a Raspberry Pi"),
        (NO_CHIP, "(can not open gpiochip): let the user of gated into the group gpio"),
    ],
    ids=["not installed", "placeholder from PyPI", "directory read-only", "no Pi", "no right"],
)
async def test_lgpio_that_cannot_work_is_told_in_one_sentence(
    lgpio: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    no_lgpio_left: None,
) -> None:
    (tmp_path / "lgpio.py").write_text(lgpio)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    if lgpio == NO_CHIP:
        monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xA02082)
    elif lgpio == CONSTANTS:
        monkeypatch.setattr("gpiozero.pins.local.open", no_such_file, raising=False)
    panel = GpioPanel(
        config.Panel(),
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=lambda error: None,
    )
    with pytest.raises(PanelError) as raised:
        await panel.__aenter__()

    said = str(raised.value)
    assert sentence in said
    assert said.endswith(".")
    assert "\n" not in said


A_CHIP = f"""{CONSTANTS}
GROUP_FREE = SET_PULL_UP = SET_PULL_DOWN = 0
calls = []
outputs = set()
class error(Exception):
    pass
class callback:
    def __init__(self, *call):
        calls.append(("callback", *call[:2]))
    def cancel(self):
        calls.append(("cancel",))
def gpio_claim_output(chip, pin):
    outputs.add(pin)
def gpio_get_mode(chip, pin):
    return 2 if pin in outputs else 0
def gpio_read(chip, pin):
    return 0
def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return lambda *call: calls.append((name, *call)) or 7
"""


async def test_lgpio_is_left_with_the_buzzer_low_and_the_chip_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_lgpio_left: None
) -> None:
    (tmp_path / "lgpio.py").write_text(A_CHIP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xA02082)
    failures: list[PanelError] = []
    panel = GpioPanel(
        config.Panel(),
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=failures.append,
    )
    async with panel:
        calls = sys.modules["lgpio"].calls
        panel.show(ENDLESS)
        assert calls[-4:] == [
            ("gpio_write", 7, GREEN, True),
            ("gpio_write", 7, RED, False),
            ("tx_pwm", 7, BUZZER, 1000, 0),
            ("tx_pwm", 7, BUZZER, 1000, 50),
        ]
        calls.clear()

    assert failures == []
    assert [call for call in calls if BUZZER in call[2:3]][:2] == [
        ("tx_pwm", 7, BUZZER, 0, 0),
        ("gpio_write", 7, BUZZER, False),
    ]
    assert ("gpio_write", 7, GREEN, False) in calls
    assert calls[-1] == ("gpiochip_close", 7)


@pytest.mark.parametrize("stays", [True, False])
async def test_lgpio_leaves_the_relay_as_it_is_only_where_the_way_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_lgpio_left: None, *, stays: bool
) -> None:
    (tmp_path / "lgpio.py").write_text(A_CHIP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("gpiozero.pins.local.get_pi_revision", lambda: 0xA02082)
    panel = GpioPanel(
        config.Panel(passage=config.Passage(relay=RELAY)),
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=lambda error: pytest.fail(str(error)),
    )
    async with panel:
        calls = sys.modules["lgpio"].calls
        panel.set_relay(True, stays=stays)
        assert calls[-1] == ("gpio_write", 7, RELAY, True)
        calls.clear()
    told = {call[0] for call in calls if RELAY in call[2:3]}

    assert told == (set() if stays else {"gpio_write", "gpio_claim_input"})
    assert ("gpio_write", 7, GREEN, False) in calls
    assert calls[-1] == ("gpiochip_close", 7)


def no_such_file(*_: object, **__: object) -> None:
    raise FileNotFoundError(2, "No such file or directory")
