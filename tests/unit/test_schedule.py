"""What falls when, in local time, through both changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.schedule import Entry, due, following, instant

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


@pytest.mark.parametrize(
    ("day", "at", "utc"),
    [
        (SPRING, "01:59", "2026-03-29T00:59"),
        (SPRING, "02:00", "2026-03-29T01:00"),  # the clocks show 03:00 at once
        (SPRING, "02:30", "2026-03-29T01:00"),
        (SPRING, "03:00", "2026-03-29T01:00"),
        (SPRING, "20:00", "2026-03-29T18:00"),
        (AUTUMN, "01:59", "2026-10-24T23:59"),
        (AUTUMN, "02:30", "2026-10-25T00:30"),  # and not an hour later again
        (AUTUMN, "03:00", "2026-10-25T02:00"),
        (AUTUMN, "20:00", "2026-10-25T19:00"),
    ],
)
def test_a_time_of_day_is_one_moment_where_clocks_change(day: date, at: str, utc: str) -> None:
    assert instant(day, time.fromisoformat(at), BERLIN) == datetime.fromisoformat(f"{utc}Z")


days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
times = st.times().map(lambda at: at.replace(microsecond=0, fold=0))


@given(days, times, st.sampled_from(ZONES))
def test_no_clock_of_that_day_showed_the_time_before(day: date, at: time, zone: ZoneInfo) -> None:
    moment = instant(day, at, zone)
    local = moment.astimezone(zone)
    just_before = (moment - timedelta(seconds=1)).astimezone(zone)

    assert local.replace(tzinfo=None) >= datetime.combine(day, at)
    assert just_before.replace(tzinfo=None) < datetime.combine(day, at)


@given(
    st.lists(st.builds(Entry, at=times, action=st.sampled_from(["entry", "exit"])), max_size=4),
    st.builds(datetime.combine, days, times, st.just(UTC)),
    st.lists(st.floats(0.1, 40), min_size=1, max_size=12),
    st.sampled_from(ZONES),
)
def test_however_often_one_looks_each_entry_falls_once_a_day(
    entries: list[Entry], start: datetime, hours: list[float], zone: ZoneInfo
) -> None:
    seen = []
    now = start
    for pause in hours:
        then, now = now, now + timedelta(hours=pause)
        seen += due(entries, zone, after=then, until=now)

    expected = [
        (moment, entry)
        for entry in entries
        for n in range(-2, 25)
        if start < (moment := instant(start.date() + timedelta(days=n), entry.at, zone)) <= now
    ]
    assert sorted(seen, key=lambda one: one[0]) == sorted(expected, key=lambda one: one[0])


def test_of_two_times_that_are_skipped_the_later_is_done_last() -> None:
    later, earlier = Entry(time(2, 30), "entry"), Entry(time(2, 15), "exit")
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)

    found = due([later, earlier], BERLIN, after=before, until=before + timedelta(hours=1))

    assert [entry for _, entry in found] == [earlier, later]
    assert {moment for moment, _ in found} == {datetime(2026, 3, 29, 1, tzinfo=UTC)}


def test_only_the_days_that_are_named_count_and_they_are_local_days() -> None:
    # Saturday 00:30 in Berlin is Friday in UTC.
    entry = Entry(time(0, 30), "exit", days=frozenset({5}))
    after = datetime(2026, 7, 1, tzinfo=UTC)

    assert following([entry], BERLIN, after=after) == (
        datetime(2026, 7, 3, 22, 30, tzinfo=UTC),
        entry,
    )


def test_after_years_without_the_time_only_the_last_week_is_gone_through() -> None:
    entry = Entry(time(20), "exit")
    missed = due(
        [entry],
        BERLIN,
        after=datetime(1970, 1, 1, tzinfo=UTC),
        until=datetime(2026, 7, 1, 12, tzinfo=UTC),
    )

    assert [moment.day for moment, _ in missed] == [24, 25, 26, 27, 28, 29, 30]


def test_an_empty_schedule_has_nothing_coming() -> None:
    assert following([], BERLIN, after=datetime(2026, 7, 1, tzinfo=UTC)) is None
