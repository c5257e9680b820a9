"""What the board says of itself, read from a folder that looks like a Pi's."""

from __future__ import annotations

from pathlib import Path

import pytest

from gated.board import Power, model, power, temperature_c


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_the_temperature_is_the_processors_not_that_of_whatever_comes_first(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/type", "wifi\n")
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "30000\n")
    put(tmp_path, "sys/class/thermal/thermal_zone1/type", "cpu-thermal\n")
    put(tmp_path, "sys/class/thermal/thermal_zone1/temp", "61835\n")

    assert temperature_c(tmp_path) == 61.835


def test_a_zone_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "")
    put(tmp_path, "sys/class/thermal/thermal_zone1/temp", "41000")

    assert temperature_c(tmp_path) == 41.0


def test_off_a_pi_nothing_is_made_up(tmp_path: Path) -> None:
    assert temperature_c(tmp_path) is None
    assert power(tmp_path, vcgencmd=str(tmp_path / "none")) is None
    assert model(tmp_path) == ""


@pytest.mark.parametrize(
    ("bits", "now", "before"),
    [
        (0x0, (), ()),
        (0x1, ("the voltage is too low",), ()),
        (0x50005, ("the voltage is too low", "it is throttled"), ()),
        (0x50000, (), ("the voltage is too low", "it is throttled")),
        (0xA0008, ("it is at its soft limit of temperature",), ("the clock is capped",)),
    ],
)
def test_the_bits_of_the_firmware_are_told_in_words(
    bits: int, now: tuple[str, ...], before: tuple[str, ...]
) -> None:
    assert Power(bits).now == now
    assert Power(bits).before == before


def test_low_voltage_is_known_now_and_since_the_start() -> None:
    assert (Power(0x50005).is_low, Power(0x50005).was_low) == (True, True)
    assert (Power(0x50000).is_low, Power(0x50000).was_low) == (False, True)
    assert (Power(0xE000E).is_low, Power(0xE000E).was_low) == (False, False)


def test_the_kernels_file_is_asked_before_the_command(tmp_path: Path) -> None:
    put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n")

    assert power(tmp_path, vcgencmd=str(tmp_path / "none")) == Power(0x50005)


def test_without_that_file_vcgencmd_is_asked(tmp_path: Path) -> None:
    command = tmp_path / "vcgencmd"
    command.write_text('#!/bin/sh\n[ "$1" = get_throttled ] && echo "throttled=0x50000"\n')
    command.chmod(0o755)

    assert power(tmp_path, vcgencmd=str(command)) == Power(0x50000)


def test_a_vcgencmd_that_fails_says_nothing(tmp_path: Path) -> None:
    command = tmp_path / "vcgencmd"
    command.write_text("#!/bin/sh\necho VCHI initialization failed\nexit 255\n")
    command.chmod(0o755)

    assert power(tmp_path, vcgencmd=str(command)) is None


def test_the_model_ends_where_the_device_tree_ends_it(tmp_path: Path) -> None:
    put(tmp_path, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")

    assert model(tmp_path) == "Raspberry Pi 4 Model B Rev 1.4"
