"""What is kept of the event."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from gated.model import Dates, Event
from gated.store import events, facts

if TYPE_CHECKING:
    from collections.abc import Iterator

moments = st.none() | st.datetimes(timezones=st.just(UTC))
dates = st.builds(Dates, moments, moments, moments)
told = st.builds(
    Event,
    dates=dates,
    is_series=st.booleans(),
    series=st.dictionaries(st.integers(1, 5), dates, max_size=3),
    gate=st.none() | st.integers(1),
    gate_known=st.booleans(),
    valid_keys=st.lists(st.text(max_size=9), max_size=2).map(tuple),
)


@contextmanager
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.row_factory = sqlite3.Row
        db.execute("CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT")
        yield db


@given(before=told, event=told)
def test_an_event_comes_back_as_it_was_told_last(before: Event, event: Event) -> None:
    with database() as db:
        for one in (before, event):
            events.keep(db, one)
            events.keep_dates(db, one.series)

        assert events.known(db, range(1, 6)) == event
        assert events.known(db) == events.known(db, [99])
        assert events.any_date(db) in (event.series.keys() or {0})
        assert not events.keep(db, event)
    db.close()


def test_nothing_is_known_of_an_event_that_nobody_told_of() -> None:
    with database() as db:
        assert events.known(db, [7]) is None


def test_an_event_that_an_earlier_version_kept_is_understood() -> None:
    kept = dict.fromkeys(("date_from", "date_to"), "2026-11-25T10:00:00+00:00")
    earlier = json.dumps({**kept, "timezone": "Europe/Berlin", "date_admission": None})
    with database() as db:
        facts.put(db, "event", earlier)
        event = events.known(db)
    assert event is not None
    assert (event.timezone, event.gate_known) == ("Europe/Berlin", False)
    assert event.dates.date_from is not None
