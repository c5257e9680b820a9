"""GET .../checkinlists/{list}/positions/ and one position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.simulator.endpoints_lists import counts_on, list_named, valid_positions
from gated.simulator.exchange import Refusal, answer, detail, row_id
from gated.simulator.paging import paginated
from gated.simulator.payloads import position_on_list, shown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gated.simulator.exchange import Call, Reply, Site
    from gated.simulator.records import ListRecord, PositionRecord

SHORTEST_SEARCH = 3
"""Characters below which a token that may only check in finds nobody."""


def show_positions(site: Site, call: Call) -> Reply:
    """Answer one page of the list's tickets; filters it does not know are ignored."""
    on = list_named(site, call)
    world = site.world
    ids: Sequence[int]
    if not may_browse(call):
        ids = []
    elif secret := call.param("secret"):
        found = world.find(secret)
        any_status = call.flag("ignore_status") is True
        ok = found is not None and counts_on(site, on, found, any_status=any_status)
        ids = [found.id] if found is not None and ok else []
    else:
        by_checkins = call.param("has_checkin") or call.param("ordering")
        stamp = (id(world), world.touches if by_checkins else world.revision)
        ids = site.walks.rows(
            call, stamp=stamp, look=lambda: [row.id for row in _ordered(site, call, on)]
        )
    positions = world.positions
    return paginated(site, call, ids, lambda each: position_on_list(site, positions[each], on.id))


def show_position(site: Site, call: Call) -> Reply:
    """Answer one position by id, whatever the status of its order."""
    on = list_named(site, call)
    found = site.world.positions.get(row_id(call.names["position"]))
    if found is None or found.canceled or not call.may.has("can_view_orders"):
        raise Refusal(detail(404, "No OrderPosition matches the given query."))
    return answer(position_on_list(site, found, on.id))


def may_browse(call: Call) -> bool:
    """Whether the token sees positions without naming one."""
    return call.may.has("can_view_orders") or len(call.param("search") or "") >= SHORTEST_SEARCH


def search(site: Site, rows: Iterable[PositionRecord], text: str) -> list[PositionRecord]:
    """Find positions by name, e-mail, order code or the beginning of their secret."""
    word = text.casefold()
    return [row for row in rows if _is_found(site, row, word)]


def by_name(site: Site) -> Callable[[PositionRecord], tuple[Any, ...]]:
    """Return the key of the server's usual order; own names count, borrowed ones do not."""
    first = site.traits.nameless_first

    def key(row: PositionRecord) -> tuple[Any, ...]:
        nameless = row.attendee_name is None
        return (nameless != first, row.attendee_name or "", row.positionid, row.id)

    return key


def _ordered(site: Site, call: Call, on: ListRecord) -> list[PositionRecord]:
    rows = _filtered(site, call, on)
    if (call.param("ordering") or "").lstrip("-") == "last_checked_in":
        descending = site.traits.latest_checkin_ties_descend
        rows.sort(key=lambda row: row.id, reverse=descending)
        came = [row for row in rows if _last_checkin(row, on.id) is not None]
        came.sort(key=lambda row: _last_checkin(row, on.id), reverse=True)
        return came + [row for row in rows if _last_checkin(row, on.id) is None]
    rows.sort(key=by_name(site))
    return rows


def _filtered(site: Site, call: Call, on: ListRecord) -> list[PositionRecord]:
    any_status = call.flag("ignore_status") is True
    rows: Iterable[PositionRecord] = valid_positions(site, on, any_status=any_status)
    if order := call.param("order"):
        rows = [row for row in rows if row.order == order]
    if item := call.param("item"):
        rows = [row for row in rows if str(row.item) == item]
    if name := call.param("attendee_name"):
        rows = [row for row in rows if (row.attendee_name or "").casefold() == name.casefold()]
    if text := call.param("search"):
        rows = search(site, rows, text)
    came = call.flag("has_checkin")
    if came is not None:
        rows = [row for row in rows if (_last_checkin(row, on.id) is not None) is came]
    return list(rows)


def _last_checkin(row: PositionRecord, list_id: int) -> Any:
    return max((each.datetime for each in row.checkins if each.list == list_id), default=None)


def _is_found(site: Site, row: PositionRecord, word: str) -> bool:
    name, email = shown_name(site, row) or "", row.email or ""
    return (
        word in name.casefold()
        or word in email.casefold()
        or row.order.casefold().startswith(word)
        or row.secret.casefold().startswith(word)
    )
