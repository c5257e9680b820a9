"""The panel on the GPIO header: its lamps, buzzer and relay, driven through gpiozero."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from gpiozero import OutputDevice, PWMOutputDevice

from gated.errors import PanelError
from gated.model import ScanType
from gated.panel import Lamps
from gated.panel.contacts import Contacts
from gated.panel.outputs import ActiveBuzzer, Output, PassiveBuzzer, Relay
from gated.panel.pins import open_factory, told, told_taking
from gated.panel.player import Player
from gated.signals import DARK, Signal, StatusPattern, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from gated import config
    from gated.panel import Input

_LAMPS = ("green", "red", "blue", "mode_entry", "mode_exit", "status")
_TRY_S, _TRIES, _TRY_HZ = 0.4, 3, 880


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
        on_well: Callable[[], None] = lambda: None,
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
        self._on_well = on_well
        self._pin_factory = pin_factory
        self._way_open = way_open
        self._parts: dict[str, Output] = {}
        self._written: dict[str, int] = {}
        self._failing: set[tuple[str, bool]] = set()
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
                factory = open_factory(self._panel.pin_factory)
                taken.callback(self._give_back, factory.close)
            parts = {
                name: self._take(name, pin, factory, taken)
                for name in (*_LAMPS, "torch", "buzzer")
                if (pin := getattr(self._panel, name)) is not None
            }
            if self._panel.passage.relay is not None:
                parts["relay"] = self._take_relay(self._panel.passage, factory, taken)
            contacts = Contacts(factory, taken, give_back=self._give_back, on_input=self._on_input)
            contacts.take(self._panel)
            self._parts = parts
            self._taken = taken.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        for player in (self._signal, self._status, self._trial):
            player.stop()
        self._parts = {}
        self._written = {}
        self._failing = set()
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
        with told_taking(name, pin):
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
        with told_taking("relay", passage.relay):
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
        changed, was_failing = False, bool(self._failing)
        for name, level in levels.items():
            part = self._parts.get(name)
            if part is None:
                continue
            try:
                with told(f"[panel] {name} does not answer", "check its wiring"):
                    part.write(level)
            except PanelError as error:
                failures.append(error)
                self._failing.add((name, bool(level)))
            else:
                # A lamp that cannot be lit may well be put out: that says nothing.
                self._failing.discard((name, bool(level)))
                changed |= self._written.get(name, 0) != level
                self._written[name] = level
        if changed:
            self._on_change()
        if was_failing and not self._failing:
            self._on_well()
        if failures:
            raise failures[0]
