"""What time it is, and how well that is known, whatever happens to the system's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gated.clock import Clock
from gated.model import Trust

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEARS = timedelta(days=20_000)
SECOND = timedelta(seconds=1)


class Box:
    """A machine whose clocks go as told; `true` is what time it really is."""

    def __init__(self, *, system: datetime = NOON, synchronised: bool = False) -> None:
        self.true = NOON
        self.system = system
        self.synchronised = synchronised
        self.seconds = 100.0
        self.clock = Clock(
            wall=lambda: self.system,
            monotonic=lambda: self.seconds,
            boot_id="boot",
            synchronised=lambda: self.synchronised,
        )

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.system += timedelta(seconds=seconds)
        self.true += timedelta(seconds=seconds)

    def hear(self, *, off: timedelta = timedelta(), round_trip_s: float = 0.1) -> None:
        """An answer of the server's, its Date cut to the second."""
        self.clock.learn((self.true + off).replace(microsecond=0), round_trip_s)

    def error(self) -> timedelta:
        return abs(self.clock.wall() - self.true)


def test_a_synchronised_clock_is_believed() -> None:
    box = Box(synchronised=True)
    assert (box.clock.trust, box.clock.wall()) == (Trust.SYNCHRONISED, NOON)


def test_a_clock_that_nobody_set_is_not() -> None:
    box = Box(system=NOON - YEARS)
    assert not box.clock.is_known
    box.wait(30)
    box.clock.look()
    assert (box.clock.trust, box.clock.wall()) == (Trust.UNKNOWN, NOON - YEARS + 30 * SECOND)


@pytest.mark.parametrize("system", [NOON - YEARS, NOON + YEARS])
def test_the_servers_date_tells_the_time_to_a_second(system: datetime) -> None:
    box = Box(system=system)
    box.wait(0.7)
    box.hear()
    assert not box.clock.is_known
    box.clock.look()
    assert (box.clock.trust, box.error() <= SECOND) == (Trust.LEARNT, True)
    assert abs(box.clock.off - (system - NOON)) <= SECOND


def test_more_dates_leave_less_room() -> None:
    box = Box(system=NOON - YEARS)
    for _ in range(40):
        box.wait(0.37)
        box.hear(round_trip_s=0.02)
    box.clock.look()
    assert box.error() < SECOND / 20


def test_a_slow_answer_takes_nothing_from_what_quick_ones_told() -> None:
    box = Box(system=NOON - YEARS)
    for _ in range(40):
        box.wait(0.37)
        box.hear(round_trip_s=0.02)
    box.hear(round_trip_s=9)
    box.clock.look()
    assert box.error() < SECOND / 20


def test_a_clock_that_agrees_with_the_server_is_left_as_it_is() -> None:
    box = Box()
    box.wait(0.5)
    box.hear()
    box.clock.look()
    assert (box.clock.trust, box.error(), box.clock.off) == (Trust.LEARNT, timedelta(), timedelta())


def test_one_wrong_date_among_many_changes_nothing() -> None:
    box = Box()
    box.hear()
    box.hear(off=timedelta(hours=1))
    box.clock.look()
    assert box.error() <= SECOND


def test_a_server_whose_clock_was_put_right_is_followed_once_it_says_so_again() -> None:
    box = Box()
    box.hear(off=timedelta(hours=1))
    box.clock.look()
    box.hear()
    box.hear()
    box.clock.look()
    assert box.error() <= SECOND


def test_a_server_with_a_wrong_date_does_not_override_a_synchronised_clock() -> None:
    box = Box(synchronised=True)
    for _ in range(3):
        box.hear(off=timedelta(hours=1))
        box.clock.look()
    assert (box.clock.trust, box.error()) == (Trust.SYNCHRONISED, timedelta())
    # Nor one that has lost its time server since: it drifts less than a Date is rounded.
    box.synchronised = False
    box.clock.look()
    assert (box.clock.trust, box.error()) == (Trust.SYNCHRONISED, timedelta())


@pytest.mark.parametrize("trust", [Trust.UNKNOWN, Trust.LEARNT])
def test_a_clock_that_is_synchronised_later_is_believed_at_once(trust: Trust) -> None:
    box = Box(system=NOON - YEARS)
    if trust is Trust.LEARNT:
        box.hear(off=timedelta(hours=1))
        box.clock.look()
    assert box.clock.trust is trust
    box.system, box.synchronised = box.true, True
    box.clock.look()
    assert (box.clock.trust, box.error()) == (Trust.SYNCHRONISED, timedelta())


def test_a_date_before_gated_was_written_is_no_date() -> None:
    box = Box(system=NOON - YEARS)
    box.hear(off=-YEARS)
    box.clock.look()
    assert not box.clock.is_known


def test_a_clock_that_calls_1970_synchronised_is_not_believed() -> None:
    assert not Box(system=NOON - YEARS, synchronised=True).clock.is_known


@pytest.mark.parametrize("synchronised", [True, False])
@pytest.mark.parametrize("jump", [YEARS, -YEARS])
def test_a_jump_by_years_and_back_is_never_felt(jump: timedelta, *, synchronised: bool) -> None:
    box = Box(synchronised=synchronised)
    box.hear()
    box.clock.look()
    for change in (jump, -jump):
        box.system += change
        box.clock.look()
        assert box.error() <= SECOND
        box.wait(20)
        box.clock.look()
        assert box.error() <= SECOND


def test_a_synchronised_clock_that_stays_where_it_jumped_to_is_followed() -> None:
    box = Box(synchronised=True)
    box.system += timedelta(hours=1)
    for _ in range(14):
        box.clock.look()
        box.wait(5)
    assert box.clock.wall() == box.system


def test_what_was_known_before_a_restart_is_taken_up_but_a_synchronised_clock_knows_more() -> None:
    restarted = Box(system=NOON - YEARS)
    restarted.clock.recall(NOON - timedelta(seconds=100), Trust.LEARNT)
    assert (restarted.clock.trust, restarted.error()) == (Trust.LEARNT, timedelta())
    synchronised = Box(synchronised=True)
    synchronised.clock.recall(NOON - YEARS, Trust.LEARNT)
    assert (synchronised.clock.trust, synchronised.error()) == (Trust.SYNCHRONISED, timedelta())


def test_this_machine_has_a_clock() -> None:
    clock = Clock.system()
    assert clock.boot_id
    assert isinstance(clock.is_known, bool)
