"""What is written on the pins: lamps, buzzers and the relay."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Output:
    """A pin that is written; a lamp's level is 0 or 1, a buzzer's is its tone in Hz."""

    def __init__(self, device: Any) -> None:
        self.device = device

    def write(self, level: int) -> None:
        """Make it so."""
        self.device.value = bool(level)

    def read(self) -> int:
        """What the pin says it is."""
        return int(self.device.value)

    def release(self) -> None:
        """Leave it dark and silent."""
        self.write(0)


class Relay(Output):
    """Opens the way. With `fail_open` it holds the way closed instead, as long as it has current.

    So without current, be it that the gate stopped, it does what `[panel.passage] fail` says.
    """

    def __init__(self, device: Any, *, fail_open: bool) -> None:
        super().__init__(device)
        self._fail_open = fail_open

    def write(self, level: int) -> None:
        """1 is open."""
        super().write(bool(level) is not self._fail_open)

    def read(self) -> int:
        """1 is open."""
        return int(bool(super().read()) is not self._fail_open)

    def release(self) -> None:
        """Leave it without current, whatever that means for the way."""
        self.device.value = 0

    def leave(self) -> None:
        """Leave it as it is, as far as the kernel does.

        Raspberry Pi's own keeps the level: https://github.com/raspberrypi/linux/pull/6117
        """
        # Closing the pin would make an input of it.
        self.device.pin.close = lambda: None


class ActiveBuzzer(Output):
    """Sounds at its own pitch and as loud as it is, or not at all.

    The tone it reports is the one that was asked for.
    """

    _asked_hz = 0

    def __init__(self, device: Any, volume: Callable[[], int]) -> None:
        super().__init__(device)
        self._volume = volume

    def write(self, level: int) -> None:
        """Sound unless it is to be silent."""
        self._asked_hz = level if self._volume() else 0
        super().write(self._asked_hz)

    def read(self) -> int:
        """The tone, in Hz."""
        return self._asked_hz if self.device.value else 0


class PassiveBuzzer(Output):
    """Sounds at the frequency of the pulses it is given, and louder the longer they are."""

    def __init__(self, device: Any, volume: Callable[[], int]) -> None:
        super().__init__(device)
        self._volume = volume

    def write(self, level: int) -> None:
        """Sound at this frequency, in Hz."""
        if level and (volume := self._volume()):
            self.device.frequency = level
            # The fundamental of pulses of length d is sin(pi d) of what d = 1/2 gives.
            self.device.value = math.asin(volume / 100) / math.pi
        else:
            # No frequency stops lgpio's pulses, which may leave the pin high; then a
            # steady current would heat the coil.
            self.device.frequency = None
            self.device.value = 0

    def read(self) -> int:
        """The tone, in Hz."""
        return round(self.device.frequency or 0) if self.device.value else 0
