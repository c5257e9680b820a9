"""The JSON of lists, positions, orders and check-ins in each dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.simulator.exchange import stamp

if TYPE_CHECKING:
    from gated.simulator.exchange import Call, Site
    from gated.simulator.records import CheckinRecord, ListRecord, OrderRecord, PositionRecord


def list_summary(site: Site, each: ListRecord) -> dict[str, Any]:
    """Write the list as redeem answers name it."""
    return {
        "id": each.id,
        "name": each.name,
        "event": each.event or site.world.event,
        "subevent": each.subevent,
        "include_pending": each.include_pending,
    }


def checkin_history(
    site: Site, position: PositionRecord, list_id: int | None = None
) -> list[dict[str, Any]]:
    """Write a position's entries and exits, newest datetime first; of one list or of all."""
    rows = [row for row in position.checkins if list_id is None or row.list == list_id]
    rows.sort(key=lambda row: (row.datetime, row.id), reverse=True)
    return [_checkin(site, row) for row in rows]


def _checkin(site: Site, row: CheckinRecord) -> dict[str, Any]:
    written: dict[str, Any] = {
        "id": row.id,
        "datetime": stamp(row.datetime),
        "list": row.list,
        "auto_checked_in": False,
    }
    if site.traits.knows_validity:
        written |= {"gate": None, "device": row.device, "device_id": row.device}
    written["type"] = row.type
    return written


def position_on_list(site: Site, position: PositionRecord, list_id: int) -> dict[str, Any]:
    """Write a position as the endpoints below a check-in list do."""
    order = site.world.order_of(position)
    written = _position(site, position, checkin_history(site, position, list_id))
    written["require_attention"] = position.attention or order.attention
    written["order__status"] = order.status
    if site.traits.knows_validity:
        written["order__valid_if_pending"] = order.valid_if_pending
        written["order__require_approval"] = order.require_approval
        written["order__locale"] = "en"
        written |= _validity(position)
    return written


def order(site: Site, call: Call, row: OrderRecord, *, canceled: bool) -> dict[str, Any]:
    """Write an order with its positions, on request with the canceled ones."""
    slug = site.world.event
    place = f"{site.world.organizer}/{slug}/order/{row.code}/{row.secret}/"
    new = site.traits.knows_validity
    positions = [site.world.positions[number] for number in row.positions]
    written: dict[str, Any] = {
        "code": row.code,
        **({"event": slug} if new else {}),
        "status": row.status,
        "testmode": False,
        "secret": row.secret,
        "email": row.email,
        "phone": None,
        "locale": "en",
        "datetime": stamp(row.datetime),
        "expires": stamp(row.expires),
        "payment_date": None,
        "payment_provider": None,
        "fees": [],
        "total": _total(positions),
        **({"tax_rounding_mode": "line"} if new else {}),
        "comment": "",
        **({"custom_followup_at": None} if new else {}),
        "invoice_address": None,
        "positions": [_in_order(site, each) for each in positions if canceled or not each.canceled],
        "downloads": [],
        "checkin_attention": row.attention,
        **({"checkin_text": None} if new else {}),
        "last_modified": stamp(row.last_modified),
        "payments": [],
        "refunds": [],
        "require_approval": row.require_approval,
        "sales_channel": "web",
        "url": f"{call.base}{site.traits.link_prefix}/{place}",
    }
    if new:
        written |= {
            "customer": None,
            "valid_if_pending": row.valid_if_pending,
            "api_meta": {},
            "cancellation_date": None,
            "plugin_data": {},
        }
    return written


def _total(positions: list[PositionRecord]) -> str:
    cents = sum(round(float(each.price) * 100) for each in positions if not each.canceled)
    return f"{cents // 100}.{cents % 100:02d}"


def _in_order(site: Site, position: PositionRecord) -> dict[str, Any]:
    written = _position(site, position, checkin_history(site, position))
    written["canceled"] = position.canceled
    if site.traits.knows_validity:
        written |= _validity(position)
    return written


def _validity(position: PositionRecord) -> dict[str, Any]:
    return {
        "valid_from": stamp(position.valid_from),
        "valid_until": stamp(position.valid_until),
        "blocked": ["admin"] if position.blocked else None,
    }


def _position(
    site: Site, position: PositionRecord, checkins: list[dict[str, Any]]
) -> dict[str, Any]:
    name = shown_name(site, position)
    return {
        "id": position.id,
        "order": position.order,
        "positionid": position.positionid,
        "item": position.item,
        "variation": position.variation,
        "price": position.price,
        "attendee_name": name,
        "attendee_name_parts": {"_scheme": "full", "full_name": name} if name else {},
        "company": None,
        "street": None,
        "zipcode": None,
        "city": None,
        "country": None,
        "state": None,
        "attendee_email": position.email,
        "voucher": None,
        "tax_rate": "0.00",
        "tax_value": "0.00",
        "secret": position.secret,
        "addon_to": position.addon_to,
        "subevent": position.subevent,
        "checkins": checkins,
        **({"print_logs": []} if site.traits.knows_validity else {}),
        "downloads": [],
        "answers": [],
        "tax_rule": None,
        "pseudonymization_id": position.pseudonymization_id,
        "seat": None,
    }


def shown_name(site: Site, position: PositionRecord) -> str | None:
    """Return the attendee's name; an add-on without one borrows its ticket's."""
    if position.attendee_name is None and position.addon_to is not None:
        return site.world.positions[position.addon_to].attendee_name
    return position.attendee_name
