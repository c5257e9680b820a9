"""GET .../orders/ and what else the incremental sync asks for: secrets and check-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.simulator.exchange import Refusal, answer, detail, parse_time, stamp
from gated.simulator.paging import paginated
from gated.simulator.payloads import order

if TYPE_CHECKING:
    from datetime import datetime

    from gated.simulator.exchange import Call, Reply, Site
    from gated.simulator.records import (
        BlockedSecret,
        CheckinRecord,
        OrderRecord,
        RevokedSecret,
    )


def show_orders(site: Site, call: Call) -> Reply:
    """Answer one page of orders, stamped with the time at which it was made."""
    world = site.world
    made = stamp(world.clock())
    rows = site.walks.rows(call, stamp=(id(world), world.touches), look=lambda: _orders(site, call))
    canceled = _with_canceled(call)
    reply = paginated(site, call, rows, lambda row: order(site, call, row, canceled=canceled))
    return reply.with_headers(X_Page_Generated=str(made))


def show_order(site: Site, call: Call) -> Reply:
    """Answer one order by its code."""
    found = site.world.orders.get(call.names["code"])
    if found is None:
        raise Refusal(detail(404, "No Order matches the given query."))
    return answer(order(site, call, found, canceled=_with_canceled(call)))


def show_revoked(site: Site, call: Call) -> Reply:
    """Answer the secrets that no longer count, newest first."""
    since = _since(call, "created_since")
    rows = [row for row in site.world.revoked if since is None or row.created >= since]
    return paginated(site, call, rows[::-1], _revoked)


def show_blocked(site: Site, call: Call) -> Reply:
    """Answer the secrets that are or were blocked, newest first."""
    since = _since(call, "updated_since")
    rows = [row for row in site.world.blocked.values() if since is None or row.updated >= since]
    return paginated(site, call, rows[::-1], _blocked)


def show_checkins(site: Site, call: Call) -> Reply:
    """Answer the check-in log, successful rows unless the query says otherwise."""
    since = _since(call, "created_since")
    successful = call.flag("successful") is not False
    rows = [
        row
        for row in site.world.checkins.values()
        if row.successful is successful and (since is None or row.created >= since)
    ]
    return paginated(site, call, rows, _checkin)


def _orders(site: Site, call: Call) -> list[OrderRecord]:
    if call.names["event"] != site.world.event:
        return []
    since, status, code = _since(call, "modified_since"), call.param("status"), call.param("code")
    rows = [
        row
        for row in site.world.orders.values()
        if (since is None or row.last_modified >= since)
        and (not status or row.status == status)
        and (not code or row.code == code)
    ]
    ordering = call.param("ordering") or "datetime"
    column = ordering.lstrip("-")
    if column not in {"datetime", "last_modified", "code", "status"}:
        column = "datetime"
    rows.sort(key=lambda row: (getattr(row, column), row.code))
    return rows[::-1] if ordering.startswith("-") else rows


def _with_canceled(call: Call) -> bool:
    return call.flag("include_canceled_positions") is True


def _since(call: Call, name: str) -> datetime | None:
    text = call.param(name)
    if not text:
        return None
    since = parse_time(text)
    if since is None:
        raise Refusal(answer({name: ["Enter a valid date/time."]}, status=400))
    return since


def _revoked(row: RevokedSecret) -> dict[str, Any]:
    return {"id": row.id, "secret": row.secret, "created": stamp(row.created)}


def _blocked(row: BlockedSecret) -> dict[str, Any]:
    return {
        "id": row.id,
        "secret": row.secret,
        "updated": stamp(row.updated),
        "blocked": row.blocked,
    }


def _checkin(row: CheckinRecord) -> dict[str, Any]:
    return {
        "id": row.id,
        "successful": row.successful,
        "error_reason": row.error_reason,
        "error_explanation": row.error_explanation,
        "position": row.position,
        "datetime": stamp(row.datetime),
        "list": row.list,
        "created": stamp(row.created),
        "auto_checked_in": False,
        "gate": None,
        "device": row.device,
        "device_id": row.device,
        "type": row.type,
    }
