"""How loud it is when, and that the front opens whatever is broken."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, time

import pytest

from gated import config
from gated.clock import Clock
from gated.front import open_front, volume
from gated.health import Bell, Health, Level
from gated.model import ScanType
from gated.panel.pins import mock_pins
from gated.schedule import is_within
from gated.signals import SIGNALS


@pytest.mark.parametrize(
    ("begin", "end", "now", "quiet"),
    [
        ("22:00", "07:00", "22:00", True),
        ("22:00", "07:00", "03:00", True),
        ("22:00", "07:00", "07:00", False),
        ("22:00", "07:00", "21:59", False),
        ("13:00", "15:00", "14:00", True),
        ("13:00", "15:00", "15:00", False),
        ("13:00", "15:00", "03:00", False),
    ],
)
def test_quiet_hours_may_go_over_midnight(begin: str, end: str, now: str, quiet: bool) -> None:
    hours = time.fromisoformat(begin), time.fromisoformat(end)

    assert is_within(hours, time.fromisoformat(now)) is quiet


def settings(**panel: object) -> config.Config:
    return config.parse({"gate": {"timezone": "Europe/Berlin"}, "panel": panel})


@pytest.mark.parametrize(
    ("at", "loud"),
    [
        # 22:00 in Berlin is 20:00 UTC in summer and 21:00 in winter.
        (datetime(2026, 7, 1, 19, 59, tzinfo=UTC), 80),
        (datetime(2026, 7, 1, 20, 0, tzinfo=UTC), 10),
        (datetime(2026, 1, 1, 20, 59, tzinfo=UTC), 80),
        (datetime(2026, 1, 1, 21, 0, tzinfo=UTC), 10),
    ],
)
def test_quiet_hours_are_in_the_gates_own_time_zone(at: datetime, loud: int) -> None:
    now = volume(
        settings(volume=80, quiet_hours="22:00-07:00", quiet_volume=10), Clock(wall=lambda: at)
    )
    assert now() == loud


def test_quiet_hours_never_make_it_louder() -> None:
    quiet = settings(volume=5, quiet_hours="00:00-23:59", quiet_volume=20)
    assert volume(quiet, Clock(wall=lambda: datetime(2026, 1, 1, 12, tzinfo=UTC)))() == 5


@pytest.mark.parametrize(("percent", "duty"), [(100, 0.5), (50, 1 / 6), (0, 0.0)])
async def test_a_passive_buzzer_is_softer_the_shorter_its_pulses_are(
    percent: int, duty: float
) -> None:
    pins = mock_pins()
    async with AsyncExitStack() as stack:
        front = await open_front(
            stack,
            settings(volume=percent),
            Clock.system(),
            Health(),
            on_input=lambda _: None,
            lamps_changed=Bell(),
            pin_factory=pins,
        )
        front.panel.show(SIGNALS["refused"])
        assert pins.pin(18).state == pytest.approx(duty)
        assert pins.pin(27).state == 1


async def test_an_active_buzzer_at_no_volume_is_silent() -> None:
    pins = mock_pins()
    async with AsyncExitStack() as stack:
        front = await open_front(
            stack,
            settings(volume=0, buzzer_kind="active"),
            Clock.system(),
            Health(),
            on_input=lambda _: None,
            lamps_changed=Bell(),
            pin_factory=pins,
        )
        front.panel.show(SIGNALS["refused"])
        assert pins.pin(18).state == 0
        assert front.panel.lamps().buzzer_hz == 0


async def test_a_screen_that_is_not_there_is_a_warning_and_the_lamps_work() -> None:
    health = Health()
    pins = mock_pins()
    document = {"display": {"kind": "ssd1306"}, "panel": {"kind": "gpio"}}
    async with AsyncExitStack() as stack:
        front = await open_front(
            stack,
            config.parse(document),
            Clock.system(),
            health,
            on_input=lambda _: None,
            lamps_changed=Bell(),
            pin_factory=pins,
        )
        front.refresh(ScanType.EXIT)
        front.panel.show(SIGNALS["refused"])
        assert pins.pin(27).state == 1
        for _ in range(1000):
            if health.of("display"):
                break
            await asyncio.sleep(0.01)
    found = health.of("display")
    assert found is not None
    assert found.level is Level.WARNING
