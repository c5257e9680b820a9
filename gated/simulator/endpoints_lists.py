"""GET .../checkinlists/, one of them, and how full it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.simulator.exchange import Refusal, answer, detail, row_id, stamp
from gated.simulator.paging import paginated
from gated.simulator.records import PAID, PENDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gated.simulator.exchange import Call, Reply, Site
    from gated.simulator.records import ListRecord, PositionRecord


def list_named(site: Site, call: Call) -> ListRecord:
    """Find the list that the path names among those of the path's event."""
    found = site.world.lists.get(row_id(call.names["list"]))
    if found is None or (found.event or site.world.event) != call.names["event"]:
        raise Refusal(detail(404, "No CheckinList matches the given query."))
    return found


def valid_positions(
    site: Site, on: ListRecord, *, any_status: bool = False
) -> Iterator[PositionRecord]:
    """Walk over the tickets that count on the list."""
    for position in site.world.positions.values():
        if counts_on(site, on, position, any_status=any_status):
            yield position


def counts_on(
    site: Site, on: ListRecord, position: PositionRecord, *, any_status: bool = False
) -> bool:
    """Whether one ticket is not canceled, belongs on the list and is paid enough for it."""
    if position.canceled or not on.covers(position.item) or on.event not in {"", site.world.event}:
        return False
    if on.subevent is not None and position.subevent != on.subevent:
        return False
    order = site.world.orders[position.order]
    return (
        any_status
        or order.status == PAID
        or (order.status == PENDING and on.include_pending)
        or (order.valid_if_pending and order.status == PENDING and site.traits.knows_validity)
    )


def show_lists(site: Site, call: Call) -> Reply:
    """Answer all lists of the event, with their counts."""
    lists = site.world.lists_of(call.names["event"])
    return paginated(site, call, lists, lambda each: _written(site, each))


def show_list(site: Site, call: Call) -> Reply:
    """Answer one list."""
    return answer(_written(site, list_named(site, call)))


def show_status(site: Site, call: Call) -> Reply:
    """Answer how many are expected, came and are inside, in all and per product."""
    on = list_named(site, call)
    expected: dict[int, int] = {}
    came: dict[int, int] = {}
    inside = 0
    for position in valid_positions(site, on):
        expected[position.item] = expected.get(position.item, 0) + 1
        if _has_entered(position, on.id):
            came[position.item] = came.get(position.item, 0) + 1
            inside += position.is_inside(on.id)
    items = [item for item in site.world.items.values() if on.covers(item.id)]
    return answer(
        {
            "event": {"name": site.world.events[call.names["event"]].name},
            "checkin_count": sum(came.values()),
            "position_count": sum(expected.values()),
            "inside_count": inside,
            "items": [
                {
                    "id": item.id,
                    "name": item.name,
                    "admission": item.admission,
                    "checkin_count": came.get(item.id, 0),
                    "position_count": expected.get(item.id, 0),
                    "variations": [],
                }
                for item in items
            ],
        }
    )


def _written(site: Site, each: ListRecord) -> dict[str, Any]:
    positions = checkins = 0
    for position in valid_positions(site, each):
        positions += 1
        checkins += _has_entered(position, each.id)
    new = site.traits.knows_validity
    written: dict[str, Any] = {
        "id": each.id,
        "name": each.name,
        "all_products": each.all_products,
        "limit_products": each.limit_products,
        "subevent": each.subevent,
        "checkin_count": checkins,
        "position_count": positions,
        "include_pending": each.include_pending,
        **({} if new else {"auto_checkin_sales_channels": []}),
        "allow_multiple_entries": each.allow_multiple_entries,
        "allow_entry_after_exit": each.allow_entry_after_exit,
        "rules": each.rules,
        "exit_all_at": stamp(each.exit_all_at),
    }
    if new:
        written |= {
            "addon_match": each.addon_match,
            "ignore_in_statistics": False,
            "consider_tickets_used": True,
        }
    return written


def _has_entered(position: PositionRecord, list_id: int) -> bool:
    return any(row.list == list_id and row.type == "entry" for row in position.checkins)
