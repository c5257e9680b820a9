"""The panel on the GPIO header, driven through gpiozero."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gpiozero import (
    DigitalInputDevice,
    GPIOPinInUse,
    OutputDevice,
    PinUnknownPi,
    PWMOutputDevice,
)
from gpiozero.pins.mock import MockFactory, MockPWMPin

from gated.errors import PanelError
from gated.model import ScanType
from gated.panel import Input, Lamps
from gated.panel.inputs import Button, Watched
from gated.panel.outputs import ActiveBuzzer, Output, PassiveBuzzer, Relay, sentence, told
from gated.panel.player import Player
from gated.signals import DARK, Signal, StatusPattern, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from gated import config

_LAMPS = ("green", "red", "blue", "mode_entry", "mode_exit", "status")
_OTHERWISE = 'or set [panel] kind = "console"'
_TRY_S, _TRIES, _TRY_HZ = 0.4, 3, 880


@dataclass(frozen=True, slots=True)
class _Contact:
    name: str
    pin: int
    pull_up: bool
    settle_ms: int


class GpioPanel:
    """Lamps, buzzer and button on pins. Pins that are None are not wired and ignored.

    A `pin_factory` given here is used and left open; otherwise the configured one is opened
    with the panel and closed with it. `speed` makes all signals faster, for tests.
    """

    def __init__(
        self,
        panel: config.Panel,
        *,
        on_input: Callable[[Input], None],
        on_change: Callable[[], None],
        on_failure: Callable[[PanelError], None],
        pin_factory: Any = None,
        way_open: bool = False,
        volume: Callable[[], int] = lambda: 100,
        speed: float = 1.0,
    ) -> None:
        self._panel = panel
        self._volume = volume
        self._on_input = on_input
        self._on_change = on_change
        self._on_failure = on_failure
        self._pin_factory = pin_factory
        self._way_open = way_open
        self._parts: dict[str, Output] = {}
        self._written: dict[str, int] = {}
        self._signal = Player(self._write_step, on_failure=on_failure, speed=speed)
        self._status = Player(self._write_status, on_failure=on_failure, speed=speed)
        self._trial = Player(self._write_trial, on_failure=on_failure, speed=speed)
        self._tried = ""
        self._stays_open = False
        self._steady: dict[str, int] = {}
        self._pattern: StatusPattern | None = None
        self._taken = ExitStack()

    async def __aenter__(self) -> Self:
        with ExitStack() as taken:
            factory = self._pin_factory
            if factory is None:
                factory = _open_factory(self._panel.pin_factory)
                taken.callback(self._give_back, factory.close)
            parts = {
                name: self._take(name, pin, factory, taken)
                for name in (*_LAMPS, "torch", "buzzer")
                if (pin := getattr(self._panel, name)) is not None
            }
            if self._panel.passage.relay is not None:
                parts["relay"] = self._take_relay(self._panel.passage, factory, taken)
            if self._panel.button is not None:
                self._take_button(self._panel.button, factory, taken)
            self._take_sensor(self._panel.passage, factory, taken)
            self._take_alarm(self._panel.emergency, factory, taken)
            self._parts = parts
            self._taken = taken.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        for player in (self._signal, self._status, self._trial):
            player.stop()
        self._parts = {}
        self._written = {}
        self._steady = {}
        self._pattern = None
        self._taken.close()
        self._on_change()

    def show(self, signal: Signal) -> None:
        """See Panel."""
        self._signal.play([*((step.seconds, step) for step in signal.steps), (0.0, DARK)])

    def set_mode(self, mode: ScanType) -> None:
        """See Panel."""
        self._hold({"mode_entry": mode is ScanType.ENTRY, "mode_exit": mode is ScanType.EXIT})

    def set_status(self, pattern: StatusPattern) -> None:
        """See Panel."""
        if pattern == self._pattern:
            return
        self._status.play(pattern.beats, repeat=len(pattern.beats) > 1)
        self._pattern = pattern

    def set_torch(self, lit: bool) -> None:  # noqa: FBT001 - a switch
        """See Panel."""
        self._hold({"torch": lit})

    def try_part(self, name: str) -> float:
        """See Panel."""
        if name not in self._parts:
            raise PanelError(f"no {name} is wired: see [panel] {name} in the config")
        if name == "relay" and self._steady.get("relay"):
            raise PanelError("the way is open now: try the relay while it is closed")
        if self._tried:
            self._write_trial(None)
        self._tried = name
        if name == "status":
            self._status.stop()
        level = _TRY_HZ if name == "buzzer" else 1
        self._trial.play([*[(_TRY_S, level), (_TRY_S, 0)] * _TRIES, (0.0, None)])
        return 2 * _TRIES * _TRY_S

    def set_relay(self, open_: bool, *, stays: bool = False) -> None:  # noqa: FBT001 - a switch
        """See Panel."""
        self._stays_open = open_ and stays
        if self._tried == "relay":  # guests, and an emergency, before whoever tries it
            self._trial.stop()
            self._tried = ""
        self._hold({"relay": open_})

    def lamps(self) -> Lamps:
        """See Panel."""
        with told("The pins cannot be read", "check the wiring and restart gated"):
            levels = {name: part.read() for name, part in self._parts.items()}
        lit = {name: levels.get(name, 0) > 0 for name in (*_LAMPS, "relay")}
        return Lamps(**lit, buzzer_hz=levels.get("buzzer", 0))

    def _take(self, name: str, pin: int, factory: Any, taken: ExitStack) -> Output:
        with _told_taking(name, pin):
            part: Output
            if name != "buzzer":
                active_high = self._panel.lamps_active_high
                part = Output(OutputDevice(pin, active_high=active_high, pin_factory=factory))
            elif self._panel.buzzer_kind == "passive":
                part = PassiveBuzzer(
                    PWMOutputDevice(pin, frequency=None, pin_factory=factory), self._volume
                )
            else:
                part = ActiveBuzzer(OutputDevice(pin, pin_factory=factory), self._volume)
        return self._own(part, taken)

    def _take_relay(self, passage: config.Passage, factory: Any, taken: ExitStack) -> Output:
        assert passage.relay is not None  # noqa: S101 - asked before
        fail_open = passage.fail == "open"
        with _told_taking("relay", passage.relay):
            device = OutputDevice(
                passage.relay,
                active_high=passage.relay_active_high,
                initial_value=fail_open is not self._way_open,
                pin_factory=factory,
            )
        return self._own(Relay(device, fail_open=fail_open), taken)

    def _own(self, part: Output, taken: ExitStack) -> Output:
        taken.callback(self._give_back, part.device.close)
        # Runs before close: a pin that is merely given back may keep its level.
        taken.callback(self._give_back, partial(self._release, part))
        return part

    def _release(self, part: Output) -> None:
        if self._stays_open and isinstance(part, Relay):
            part.leave()
        else:
            part.release()

    def _take_button(self, pin: int, factory: Any, taken: ExitStack) -> None:
        mode = self._panel.mode
        pull_up, settle_ms = self._panel.button_pull_up, self._panel.button_debounce_ms
        if mode.kind == "key_switch":
            device = _Contact("button", pin, pull_up, settle_ms)
            key = self._watch(device, factory, taken, self._turn_key)
            # Where the key stands counts from the start.
            asyncio.get_running_loop().call_soon(self._turn_key, key.closed)
            return
        long_s = mode.long_press_s if mode.lock == "long_press" else None
        button = Button(self._on_input, long_s=long_s)
        self._watch(_Contact("button", pin, pull_up, settle_ms), factory, taken, button.turn)

    def _turn_key(self, closed: bool) -> None:  # noqa: FBT001 - as Watched calls it
        self._on_input(Input.KEY_CLOSED if closed else Input.KEY_OPEN)

    def _take_sensor(self, passage: config.Passage, factory: Any, taken: ExitStack) -> None:
        if passage.sensor is None:
            return

        def turn(closed: bool) -> None:  # noqa: FBT001 - as Watched calls it
            self._on_input(Input.SENSOR_CLOSED if closed else Input.SENSOR_OPEN)

        contact = _Contact(
            "sensor", passage.sensor, passage.sensor_pull_up, passage.sensor_debounce_ms
        )
        sensor = self._watch(contact, factory, taken, turn)
        if sensor.closed:
            asyncio.get_running_loop().call_soon(turn, True)  # noqa: FBT003 - as Watched calls it

    def _take_alarm(self, emergency: config.Emergency, factory: Any, taken: ExitStack) -> None:
        """The contact is closed while all is well: a wire that is cut is an alarm."""
        if emergency.input is None:
            return

        def turn(closed: bool) -> None:  # noqa: FBT001 - as Watched calls it
            self._on_input(Input.NO_ALARM if closed else Input.ALARM)

        contact = _Contact("emergency", emergency.input, emergency.pull_up, emergency.debounce_ms)
        alarm = self._watch(contact, factory, taken, turn)
        # How it stands counts from the start; it may have changed while the gate was off.
        asyncio.get_running_loop().call_soon(turn, alarm.closed)

    def _watch(
        self,
        contact: _Contact,
        factory: Any,
        taken: ExitStack,
        on_turn: Callable[[bool], None],
    ) -> Watched:
        with _told_taking(contact.name, contact.pin):
            device = DigitalInputDevice(contact.pin, pull_up=contact.pull_up, pin_factory=factory)
        taken.callback(self._give_back, device.close)
        with _told_taking(contact.name, contact.pin):
            watched = Watched(
                lambda: bool(device.is_active),
                settle_s=contact.settle_ms / 1000,
                on_turn=on_turn,
            )
            device.when_activated = lambda: watched.edge_elsewhere(closed=True)
            device.when_deactivated = lambda: watched.edge_elsewhere(closed=False)
        taken.callback(watched.stop)
        return watched

    def _give_back(self, act: Callable[[], None]) -> None:
        try:
            with told("The panel was not switched off cleanly", "check that it is dark"):
                act()
        except PanelError as error:
            self._on_failure(error)

    def _write_step(self, step: Step) -> None:
        # The lamps first: the buzzer may take its time.
        self._write(
            {"green": step.green, "red": step.red, "blue": step.blue, "buzzer": step.tone_hz}
        )

    def _write_status(self, lit: bool) -> None:  # noqa: FBT001 - Player passes the value alone
        self._write({"status": lit})

    def _write_trial(self, level: int | None) -> None:
        """None ends it: the part is again as the gate wants it."""
        name = self._tried
        if level is not None:
            self._write({name: level})
            return
        self._tried = ""
        self._write({name: self._steady.get(name, 0)})
        if name == "status" and (pattern := self._pattern):
            self._pattern = None
            self.set_status(pattern)

    def _hold(self, levels: Mapping[str, int]) -> None:
        """What stays until it is told otherwise."""
        self._steady |= levels
        self._write(levels)

    def _write(self, levels: Mapping[str, int]) -> None:
        failures: list[PanelError] = []
        changed = False
        for name, level in levels.items():
            part = self._parts.get(name)
            if part is None:
                continue
            try:
                with told(f"[panel] {name} does not answer", "check its wiring"):
                    part.write(level)
            except PanelError as error:
                failures.append(error)
            else:
                changed |= self._written.get(name, 0) != level
                self._written[name] = level
        if changed:
            self._on_change()
        if failures:
            raise failures[0]


def _open_factory(name: str) -> Any:
    if name == "mock":
        return MockFactory(pin_class=MockPWMPin)
    try:
        # lgpio exists on a Pi only.
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415
    except (ImportError, AttributeError) as error:  # its placeholder on PyPI is an empty module
        raise PanelError(
            f"lgpio is missing ({sentence(error)}): install python3-lgpio {_OTHERWISE}."
        ) from error
    except OSError as error:
        raise PanelError(
            f"lgpio cannot keep its files in the working directory ({sentence(error)}): "
            "set LG_WD to a directory that gated may write to."
        ) from error
    try:
        return LGPIOFactory()
    except PinUnknownPi as error:
        raise PanelError(
            f"This is not a Raspberry Pi ({sentence(error)}): run gated on one {_OTHERWISE}."
        ) from error
    except Exception as error:
        raise PanelError(
            f"The GPIO pins cannot be opened ({sentence(error)}): "
            f"let the user of gated into the group gpio {_OTHERWISE}."
        ) from error


@contextmanager
def _told_taking(name: str, pin: int) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        why = sentence(error)
        if isinstance(error, GPIOPinInUse) or "busy" in why.lower():
            advice = f"stop what else uses it or give [panel] {name} another pin"
        else:
            advice = f"check [panel] {name} {_OTHERWISE}"
        raise PanelError(f"Pin {pin} cannot be the {name} ({why}): {advice}.") from error


def mock_pins() -> MockFactory:
    """Pins of gpiozero's mock factory, which remember what was written and can be pressed."""
    return MockFactory(pin_class=MockPWMPin)
