"""The panel of a machine without lamps: one line of text for everything it would show."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gated.errors import PanelError
from gated.model import ScanType
from gated.panel import Lamps
from gated.panel.player import Player
from gated.signals import DARK, Signal, StatusPattern, Step

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self, TextIO

_MODES = {ScanType.ENTRY: "check-in", ScanType.EXIT: "check-out"}


class ConsolePanel:
    """Prints to `stream`, or nothing without one; `lamps()` follows the steps all the same.

    The stream stays open. `speed` makes all signals faster, for tests.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        on_change: Callable[[], None],
        on_failure: Callable[[PanelError], None],
        speed: float = 1.0,
    ) -> None:
        self._stream = stream
        self._on_change = on_change
        self._lamps = Lamps()
        self._mode: ScanType | None = None
        self._pattern: StatusPattern | None = None
        self._signal = Player(self._write_step, on_failure=on_failure, speed=speed)
        self._status = Player(self._write_status, on_failure=on_failure, speed=speed)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._signal.stop()
        self._status.stop()
        self._mode = None
        self._pattern = None
        self._become(Lamps())

    def show(self, signal: Signal) -> None:
        """See Panel."""
        self._signal.play([*((step.seconds, step) for step in signal.steps), (0.0, DARK)])
        self._print(f"{signal.name.replace('_', ' ')}: {signal.meaning}")

    def set_mode(self, mode: ScanType) -> None:
        """See Panel."""
        if mode is self._mode:
            return
        self._mode = mode
        self._become(
            replace(
                self._lamps,
                mode_entry=mode is ScanType.ENTRY,
                mode_exit=mode is ScanType.EXIT,
            )
        )
        self._print(f"mode: {_MODES[mode]}")

    def set_status(self, pattern: StatusPattern) -> None:
        """See Panel."""
        if pattern == self._pattern:
            return
        self._status.play(pattern.beats, repeat=len(pattern.beats) > 1)
        self._pattern = pattern
        self._print(f"status: {pattern.name}: {pattern.meaning}")

    def set_torch(self, lit: bool) -> None:  # noqa: FBT001 - a switch
        """See Panel."""
        self._print(f"torch: {'on' if lit else 'off'}")

    def try_part(self, name: str) -> float:
        """See Panel."""
        raise PanelError(f"there is no {name} to try: this panel is text")

    def set_relay(self, open_: bool, *, stays: bool = False) -> None:  # noqa: ARG002, FBT001
        """See Panel."""
        if open_ is not self._lamps.relay:
            self._become(replace(self._lamps, relay=open_))
            self._print("passage: open" if open_ else "passage: closed")

    def lamps(self) -> Lamps:
        """See Panel."""
        return self._lamps

    def _write_step(self, step: Step) -> None:
        self._become(
            replace(
                self._lamps, green=step.green, red=step.red, blue=step.blue, buzzer_hz=step.tone_hz
            )
        )

    def _write_status(self, lit: bool) -> None:  # noqa: FBT001 - Player passes the value alone
        self._become(replace(self._lamps, status=lit))

    def _become(self, lamps: Lamps) -> None:
        if lamps != self._lamps:
            self._lamps = lamps
            self._on_change()

    def _print(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(f"{line}\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise PanelError(
                f"The console cannot be written to ({error}): "
                'keep the terminal open or set [panel] kind = "none".'
            ) from error
