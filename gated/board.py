"""What the board says of itself: how warm it is, and whether its power is good."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Bits of get_throttled: now, and 16 higher "since the start".
# Source: Raspberry Pi documentation, computers/os, vcgencmd get_throttled.
_BITS = (
    (0, "the voltage is too low"),
    (1, "the clock is capped"),
    (2, "it is throttled"),
    (3, "it is at its soft limit of temperature"),
)
_SINCE = 16
_FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Power:
    """The board's word on voltage and throttling, as `vcgencmd get_throttled` has it."""

    bits: int

    @property
    def is_low(self) -> bool:
        """Whether the voltage is too low at this moment."""
        return bool(self.bits & 1)

    @property
    def was_low(self) -> bool:
        """Whether the voltage was too low since the start."""
        return bool(self.bits & 1 << _SINCE)

    @property
    def now(self) -> tuple[str, ...]:
        """What is wrong at this moment, in words."""
        return tuple(words for bit, words in _BITS if self.bits & 1 << bit)

    @property
    def before(self) -> tuple[str, ...]:
        """What was wrong since the start and is no more."""
        return tuple(
            words
            for bit, words in _BITS
            if self.bits & 1 << bit + _SINCE and not self.bits & 1 << bit
        )


def temperature_c(root: Path = Path("/")) -> float | None:
    """How warm the processor is, in degrees Celsius; None where nothing measures it."""
    zones = root.glob("sys/class/thermal/thermal_zone*/")
    # "cpu-thermal" on a Pi; elsewhere whichever comes first.
    for zone in sorted(zones, key=lambda zone: ("cpu" not in _text(zone / "type"), zone.name)):
        with suppress(ValueError):
            return int(_text(zone / "temp")) / 1000
    return None


def power(root: Path = Path("/"), *, vcgencmd: str = "vcgencmd") -> Power | None:
    """What the firmware says; None off a Pi. May wait for the firmware: not in the loop."""
    told = _text(root / _FIRMWARE) or _ask_firmware(vcgencmd)
    # "0" of the file, "throttled=0x50005" of the command.
    with suppress(ValueError):
        return Power(int(told.rpartition("=")[2], 16))
    return None


def model(root: Path = Path("/")) -> str:
    """What board this is, or an empty text where none says so."""
    return _text(root / "proc/device-tree/model").rstrip("\0")


def _text(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8").strip()
    return ""


def _ask_firmware(vcgencmd: str) -> str:
    with suppress(OSError, subprocess.SubprocessError):
        command = [vcgencmd, "get_throttled"]
        done = subprocess.run(  # noqa: S603  a fixed command, or a test's
            command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True
        )
        return done.stdout.strip()
    return ""
