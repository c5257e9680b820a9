"""The contacts of a panel, taken: the button or key, the passage sensor, the fire panel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gpiozero import DigitalInputDevice

from gated.panel import Input
from gated.panel.inputs import Button, Watched
from gated.panel.pins import told_taking

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from gated import config


class Contacts:
    """Takes contacts on pins of the factory; `taken` gives them back, each through `give_back`.

    `on_input` hears, in the loop, what each does from then on, and, where it counts from the
    start, soon how it stands.
    """

    def __init__(
        self,
        factory: Any,
        taken: ExitStack,
        *,
        give_back: Callable[[Callable[[], None]], None],
        on_input: Callable[[Input], None],
    ) -> None:
        self._factory = factory
        self._taken = taken
        self._give_back = give_back
        self._on_input = on_input
        self._loop = asyncio.get_running_loop()

    def take(self, panel: config.Panel) -> None:
        """Take every contact that is wired. Raises PanelError."""
        if panel.button is not None:
            self._take_button(panel.button, panel)
        if panel.passage.sensor is not None:
            self._take_sensor(panel.passage.sensor, panel.passage)
        if panel.emergency.input is not None:
            self._take_alarm(panel.emergency.input, panel.emergency)

    def _take_button(self, pin: int, panel: config.Panel) -> None:
        is_key = panel.mode.kind == "key_switch"
        if is_key:
            turn = self._telling(Input.KEY_CLOSED, Input.KEY_OPEN)
        else:
            long_s = panel.mode.long_press_s if panel.mode.lock == "long_press" else None
            turn = Button(self._on_input, long_s=long_s).turn
        pull_up, settle_ms = panel.button_pull_up, panel.button_debounce_ms
        button = self._watch("button", pin, turn, pull_up=pull_up, settle_ms=settle_ms)
        if is_key:  # where it stands counts from the start
            self._loop.call_soon(turn, button.closed)

    def _take_sensor(self, pin: int, passage: config.Passage) -> None:
        turn = self._telling(Input.SENSOR_CLOSED, Input.SENSOR_OPEN)
        pull_up, settle_ms = passage.sensor_pull_up, passage.sensor_debounce_ms
        sensor = self._watch("sensor", pin, turn, pull_up=pull_up, settle_ms=settle_ms)
        if sensor.closed:
            self._loop.call_soon(turn, True)  # noqa: FBT003 - as Watched calls it

    def _take_alarm(self, pin: int, emergency: config.Emergency) -> None:
        """The contact is closed while all is well: a wire that is cut is an alarm."""
        turn = self._telling(Input.NO_ALARM, Input.ALARM)
        pull_up, settle_ms = emergency.pull_up, emergency.debounce_ms
        alarm = self._watch("emergency", pin, turn, pull_up=pull_up, settle_ms=settle_ms)
        # How it stands counts from the start; it may have changed while the gate was off.
        self._loop.call_soon(turn, alarm.closed)

    def _telling(self, if_closed: Input, if_open: Input) -> Callable[[bool], None]:
        def turn(closed: bool) -> None:  # noqa: FBT001 - as Watched calls it
            self._on_input(if_closed if closed else if_open)

        return turn

    def _watch(
        self,
        name: str,
        pin: int,
        on_turn: Callable[[bool], None],
        *,
        pull_up: bool,
        settle_ms: int,
    ) -> Watched:
        with told_taking(name, pin):
            device = DigitalInputDevice(pin, pull_up=pull_up, pin_factory=self._factory)
        self._taken.callback(self._give_back, device.close)
        with told_taking(name, pin):
            watched = Watched(
                lambda: bool(device.is_active), settle_s=settle_ms / 1000, on_turn=on_turn
            )
            device.when_activated = lambda: watched.edge_elsewhere(closed=True)
            device.when_deactivated = lambda: watched.edge_elsewhere(closed=False)
        self._taken.callback(watched.stop)
        return watched
