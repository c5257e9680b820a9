"""What the server says about itself: its version, organizers and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.simulator.endpoints_device import version
from gated.simulator.exchange import Refusal, answer, detail, stamp
from gated.simulator.paging import paginated

if TYPE_CHECKING:
    from gated.simulator.exchange import Call, Reply, Site
    from gated.simulator.records import DateRecord, EventRecord


def show_version(site: Site, call: Call) -> Reply:
    """Answer the version; any token will do."""
    del call
    return answer(version(site))


def show_organizers(site: Site, call: Call) -> Reply:
    """Answer the one organizer."""
    slug = site.world.organizer
    more = {"public_url": f"{call.base}/{slug}/", "plugins": []} if _is_new(site) else {}
    rows = [{"name": slug.title(), "slug": slug, **more}]
    return paginated(site, call, rows, lambda row: row)


def show_events(site: Site, call: Call) -> Reply:
    """Answer the events that the token may see."""
    rows = list(site.world.events.values()) if call.may.all_events else []
    rows.sort(key=lambda row: (row.date_from, row.slug))
    return paginated(site, call, rows, lambda row: _written(site, call, row))


def show_event(site: Site, call: Call) -> Reply:
    """Answer one event."""
    found = site.world.events.get(call.names["event"])
    if found is None:
        raise Refusal(detail(404, "No Event matches the given query."))
    keys = {"pretix_sig1": found.valid_keys}
    return answer(_written(site, call, found) | {"valid_keys": keys})


def show_series(site: Site, call: Call) -> Reply:
    """Answer the dates of a series."""
    rows = site.world.events[call.names["event"]].series
    return paginated(site, call, rows, lambda row: _written_date(call, row))


def _written_date(call: Call, row: DateRecord) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": {"en": row.name},
        "date_from": stamp(row.date_from),
        "date_to": row.date_to and stamp(row.date_to),
        "active": True,
        "date_admission": row.date_admission and stamp(row.date_admission),
        "presale_start": None,
        "presale_end": None,
        "location": None,
        "event": call.names["event"],
        "is_public": True,
        "meta_data": {},
    }


def _written(site: Site, call: Call, row: EventRecord) -> dict[str, Any]:
    written: dict[str, Any] = {
        "name": {"en": row.name},
        "slug": row.slug,
        "live": True,
        "testmode": False,
        "currency": "EUR",
        "date_from": stamp(row.date_from),
        "date_to": stamp(row.date_to),
        "date_admission": None,
        "is_public": True,
        "presale_start": None,
        "presale_end": None,
        "location": None,
        "geo_lat": None,
        "geo_lon": None,
        "has_subevents": bool(row.series),
        "meta_data": {},
        "seating_plan": None,
        "plugins": [],
        "seat_category_mapping": {},
        "timezone": row.timezone,
        "item_meta_properties": {},
    }
    if _is_new(site):
        written |= {
            "all_sales_channels": True,
            "limit_sales_channels": [],
            "public_url": f"{call.base}/{site.world.organizer}/{row.slug}/",
        }
    written["sales_channels"] = ["web"]
    return written


def _is_new(site: Site) -> bool:
    return site.traits.knows_validity
