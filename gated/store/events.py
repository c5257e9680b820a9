"""What is kept of the event: itself as one fact, and each date of a series as one of its own.

A series may have thousands of dates; a scan reads those of its tickets.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from gated.model import Dates, Event
from gated.store import facts
from gated.store.rows import moment, stamp

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping
    from typing import Any

_DATES = ("date_from", "date_to", "date_admission")
_DATE = "date "


def keep(db: sqlite3.Connection, event: Event) -> bool:
    """Keep what the server told of the event itself; whether it is another than before."""
    description = json.dumps(
        {
            "timezone": event.timezone,
            **_described(event.dates),
            "valid_keys": event.valid_keys,
            "is_series": event.is_series,
            "gate": event.gate,
            "gate_known": event.gate_known,
        }
    )
    if description == facts.get(db, "event"):
        return False
    facts.put(db, "event", description)
    return True


def keep_dates(db: sqlite3.Connection, series: Mapping[int, Dates]) -> None:
    """Keep the dates of the series, and no others."""
    dates = {f"{_DATE}{key}": json.dumps(_described(one)) for key, one in series.items()}
    kept = dict(db.execute("SELECT name, value FROM facts WHERE name GLOB ?", (f"{_DATE}*",)))
    for name in kept.keys() - dates.keys():
        db.execute("DELETE FROM facts WHERE name = ?", (name,))
    for name, value in dates.items():
        if kept.get(name) != value:
            facts.put(db, name, value)


def known(db: sqlite3.Connection, subevents: Collection[int] = ()) -> Event | None:
    """The event with these dates of its series, as far as they are known."""
    description = facts.get(db, "event")
    if description is None:
        return None
    event = _event_of(description)
    kept = {key: facts.get(db, f"{_DATE}{key}") for key in subevents}
    series = {key: _dates(json.loads(text)) for key, text in kept.items() if text}
    return replace(event, series=series) if series else event


def any_date(db: sqlite3.Connection) -> int:
    """The id of some known date; 0 where there is none."""
    row = db.execute("SELECT name FROM facts WHERE name GLOB ? LIMIT 1", (f"{_DATE}*",)).fetchone()
    return int(row["name"].removeprefix(_DATE)) if row else 0


@lru_cache(maxsize=4)
def _event_of(description: str) -> Event:
    values = json.loads(description)
    return Event(
        timezone=values["timezone"],
        dates=_dates(values),
        valid_keys=tuple(values.get("valid_keys", ())),
        is_series=values.get("is_series", False),
        gate=values.get("gate"),
        gate_known=values.get("gate_known", False),
    )


def _described(dates: Dates) -> dict[str, str | None]:
    return {name: stamp(getattr(dates, name)) for name in _DATES}


def _dates(values: Mapping[str, Any]) -> Dates:
    return Dates(*(moment(values[name]) for name in _DATES))
