"""What is kept of the event, as text."""

from __future__ import annotations

import json
from datetime import UTC

from hypothesis import given
from hypothesis import strategies as st

from gated.model import Dates, Event
from gated.store.rows import describe_event, event_of

moments = st.none() | st.datetimes(timezones=st.just(UTC))
dates = st.builds(Dates, moments, moments, moments)


@given(
    st.builds(
        Event,
        dates=dates,
        series=st.dictionaries(st.integers(1), dates, max_size=3),
        gate=st.none() | st.integers(1),
        gate_known=st.booleans(),
        valid_keys=st.lists(st.text(max_size=9), max_size=2).map(tuple),
    )
)
def test_an_event_comes_back_as_it_was_kept(event: Event) -> None:
    assert event_of(describe_event(event)) == event


def test_an_event_that_an_earlier_version_kept_is_understood() -> None:
    kept = dict.fromkeys(("date_from", "date_to"), "2026-11-25T10:00:00+00:00")
    earlier = json.dumps({**kept, "timezone": "Europe/Berlin", "date_admission": None})
    event = event_of(earlier)
    assert (event.timezone, event.series, event.gate_known) == ("Europe/Berlin", {}, False)
    assert event.dates.date_from is not None
