"""The mode over any history: bounces, page, schedule, restarts, days of 23 and 25 hours."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mode_world import (
    BUTTON,
    SETTLE,
    Cut,
    Page,
    Push,
    Restart,
    See,
    Step,
    ToBoundary,
    Wait,
    World,
    instants,
)
from stepped import run_by_hand

from gated.model import ScanType
from gated.store import ledger

modes = st.sampled_from([ScanType.ENTRY, ScanType.EXIT])
pushes = st.builds(
    Push,
    st.lists(st.one_of(st.integers(1, SETTLE - 1), st.integers(SETTLE - 1, 600)), max_size=9).map(
        tuple
    ),
)
minutes = st.integers(0, 180).map(lambda n: n * 60_000)
hours = st.integers(3, 26).map(lambda n: n * 3_600_000)
steps = st.one_of(
    pushes,
    st.builds(Wait, minutes),
    st.builds(ToBoundary, st.integers(-150, 30)),
    st.builds(Page, modes),
    st.builds(See, st.one_of(pushes, st.builds(Page, modes))),
    st.builds(Restart, st.one_of(st.integers(0, 5000), minutes, hours), pushes, st.booleans()),
    st.builds(Cut, st.integers(1, 5000)),
)


# The days on which the clocks change, and one on which they do not.

DAYS = [
    ("Europe/Berlin", date(2026, 3, 29)),  # 02:00 is 03:00
    ("Europe/Berlin", date(2026, 10, 25)),  # 03:00 is 02:00 once more
    ("Australia/Lord_Howe", date(2026, 10, 4)),  # 02:00 is 02:30
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # 02:00 is 01:30 once more
    ("America/St_Johns", date(2026, 7, 1)),
]
ENTRIES = st.tuples(
    st.sampled_from(["01:30", "01:45", "02:00", "02:15", "02:30", "03:00", "20:00"]),
    st.sampled_from(["entry", "exit"]),
)

SHM = Path("/dev/shm")
QUICK_DISK = SHM if SHM.is_dir() else None


async def live(
    where: tuple[str, date], entries: list[tuple[str, str]], before_h: int, history: list[Step]
) -> None:
    zone, day = where
    start = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    start += timedelta(hours=before_h)
    boundaries = sorted(
        (
            (round((moment - start) / timedelta(milliseconds=1)), at, number, ScanType(action))
            for number, (at, action) in enumerate(entries)
            for moment in instants(zone, day, at)
            if moment > start
        ),
    )
    document = {
        "gate": {"name": "A gate", "timezone": zone},
        "panel": {"kind": "gpio", "button": BUTTON, "button_debounce_ms": SETTLE},
        "schedule": [{"at": at, "action": action} for at, action in entries],
    }
    with tempfile.TemporaryDirectory(dir=QUICK_DISK) as folder:
        due = [(at, mode) for at, _, _, mode in boundaries]
        world = World(Path(folder), start, document, due)
        await world.open()
        try:
            await world.quiet()
            for step in history:
                await world.do(step)
            await world.pass_to(world.now + SETTLE)
            # To the end of the day after: nothing is done once more.
            await world.pass_to(max(world.now, 40 * 3_600_000))
            await world.restart(Restart(1000, Push(()), stays_down=False))
            scans = await world.store.read(lambda db: list(ledger.every(db)))
        finally:
            await world.close()
    assert [scan.type for scan in scans] == [mode for _, mode in world.seen]
    assert all(one.mode is not other.mode for one, other in pairwise(world.account.changes))


@pytest.mark.parametrize("where", DAYS, ids=lambda where: f"{where[0]} {where[1]}")
@settings(max_examples=9)
@given(st.lists(ENTRIES, max_size=4), st.integers(-2, 1), st.lists(steps, max_size=8))
def test_the_mode_is_what_the_last_press_page_or_hour_said_over_any_history(
    where: tuple[str, date], entries: list[tuple[str, str]], before_h: int, history: list[Step]
) -> None:
    run_by_hand(live(where, entries, before_h, history))
