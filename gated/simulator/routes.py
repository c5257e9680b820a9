"""Which path is answered by what, for whom; and what happens to all the other paths."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gated.simulator import (
    endpoints_checkout,
    endpoints_device,
    endpoints_lists,
    endpoints_orders,
    endpoints_positions,
    endpoints_redeem,
    endpoints_rpc,
    endpoints_server,
)
from gated.simulator.access import NO_PERMISSION, authenticate, check_profile, check_scope
from gated.simulator.dialects import Dialect
from gated.simulator.exchange import NOT_FOUND, Call, Refusal, Reply, Site, detail, page
from gated.simulator.records import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

VIEW, CHECKIN, CHANGE = "can_view_orders", "can_checkin_orders", "can_change_orders"
BOTH = frozenset(Dialect)
FORK = frozenset({Dialect.FORK})
PRETIX = frozenset({Dialect.PRETIX})
"""Which servers know a route."""


@dataclass(frozen=True, slots=True)
class Route:
    """One address. `allow` is the header; `rights` are those of which the caller needs one."""

    name: str
    pattern: re.Pattern[str]
    method: str
    endpoint: Callable[[Site, Call], Reply]
    dialects: frozenset[Dialect] = BOTH
    rights: tuple[str, ...] = ()
    scheme: str = "Token"
    """What is asked for without credentials; empty asks for nothing."""
    denied: Reply = field(default_factory=lambda: detail(403, NO_PERMISSION))
    allow: str = ""


def respond(site: Site, call: Call) -> Reply:
    """Answer the call as the site's server would."""
    route, names = _match(site, call.path)
    if route is None:
        return _nowhere(site, call)
    call = replace(call, names=names)
    try:
        reply = _through(route, site, call)
    except Refusal as refusal:
        reply = refusal.reply
    is_page = dict(reply.headers).get("Content-Type", "").startswith("text/html")
    return reply if is_page else reply.with_headers(Allow=route.allow)


def _through(route: Route, site: Site, call: Call) -> Reply:
    if route.scheme:
        status = 403 if route.name == "version" else 401
        rights = authenticate(site, call, scheme=route.scheme, status=status)
        call = replace(call, rights=rights)
        check_scope(site, call, rights)
        check_profile(site, route.name, rights)
    if call.method != route.method and not (call.method == "HEAD" and route.method == "GET"):
        return detail(405, f'Method "{call.method}" not allowed.')
    if route.rights and not call.may.has(*route.rights):
        raise Refusal(route.denied)
    return route.endpoint(site, call)


def _match(site: Site, path: str) -> tuple[Route | None, dict[str, str]]:
    for route in _ROUTES:
        found = route.pattern.fullmatch(path) if site.dialect in route.dialects else None
        if found is not None:
            return route, found.groupdict()
    return None, {}


def _nowhere(site: Site, call: Call) -> Reply:
    """Redirect a path that only lacks its slash; where there is nothing, say so in HTML."""
    reads = call.method in {"GET", "HEAD"}
    if _match(site, call.path + "/")[0] is not None and (reads or site.traits.redirects_posts):
        location = f"{site.traits.link_prefix}{call.path}/"
        if call.query:
            location += "?" + "&".join(f"{name}={value}" for name, value in call.query)
        html = (("Content-Type", "text/html; charset=utf-8"), ("Location", location))
        return Reply(301, b"", html)
    return page(404, NOT_FOUND)


def _routes() -> Iterable[Route]:
    def route(name: str, path: str, **options: object) -> Route:
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
        method = str(options.setdefault("method", "GET"))
        usual = "GET, HEAD, OPTIONS" if method == "GET" else "POST, OPTIONS"
        options.setdefault("allow", usual)
        return Route(name, re.compile("/api/v1/" + pattern), **options)  # type: ignore[arg-type]

    server, device, lists = endpoints_server, endpoints_device, endpoints_lists
    positions, orders, rpc = endpoints_positions, endpoints_orders, endpoints_rpc
    checkout, redeeming = endpoints_checkout, endpoints_redeem

    yield route("version", "version", endpoint=server.show_version)
    yield route(
        "device.initialize",
        "device/initialize",
        method="POST",
        endpoint=device.initialize,
        scheme="",
    )
    for name in ("update", "roll", "revoke"):
        yield route(
            f"device.{name}",
            f"device/{name}",
            method="POST",
            endpoint=getattr(device, name),
            scheme=Kind.DEVICE,
        )
    yield route(
        "device.info", "device/info", endpoint=device.info, scheme=Kind.DEVICE, dialects=PRETIX
    )
    yield route(
        "device.eventselection",
        "device/eventselection",
        endpoint=device.select_event,
        scheme=Kind.DEVICE,
    )

    changeable = "GET, POST, HEAD, OPTIONS"
    single = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS"
    organizer = "organizers/{organizer}/"
    event = organizer + "events/{event}/"
    on_list = event + "checkinlists/{list}/"
    look = (VIEW, CHECKIN)
    act = (CHECKIN, CHANGE)

    yield route("organizers", "organizers/", endpoint=server.show_organizers)
    yield route("events", organizer + "events/", endpoint=server.show_events, allow=changeable)
    yield route("event", event, endpoint=server.show_event, allow=single)
    yield route("series", event + "subevents/", endpoint=server.show_series, allow=changeable)
    yield route(
        "lists", event + "checkinlists/", endpoint=lists.show_lists, rights=look, allow=changeable
    )
    yield route("list", on_list, endpoint=lists.show_list, rights=look, allow=single)
    yield route("status", on_list + "status/", endpoint=lists.show_status, rights=look)
    yield route("positions", on_list + "positions/", endpoint=positions.show_positions, rights=look)
    yield route(
        "position", on_list + "positions/{position}/", endpoint=positions.show_position, rights=look
    )
    yield route(
        "redeem",
        on_list + "positions/(?P<position>.+)/redeem/",  # a secret may hold a slash
        method="POST",
        endpoint=redeeming.redeem_position,
        rights=act,
    )
    yield route(
        "failed_checkins",
        on_list + "failed_checkins/",
        method="POST",
        endpoint=redeeming.report_failure,
        rights=act,
        dialects=PRETIX,
    )
    for name, check_out in (("single", checkout.check_out_one), ("bulk", checkout.check_out_all)):
        yield route(
            f"checkout.{name}",
            f"{event}checkout/{name}/",
            method="POST",
            endpoint=check_out,
            rights=act,
            denied=detail(404, "No Event matches the given query."),
            dialects=FORK,
        )
    yield route(
        "rpc.redeem",
        organizer + "checkin/redeem/",
        method="POST",
        endpoint=rpc.redeem_fork,
        dialects=FORK,
    )
    for name, method, endpoint in (
        ("redeem", "POST", rpc.redeem_pretix),
        ("search", "GET", rpc.search_pretix),
        ("annul", "POST", rpc.annul_pretix),
    ):
        yield route(
            f"rpc.{name}",
            f"{organizer}checkinrpc/{name}/",
            method=method,
            endpoint=endpoint,
            dialects=PRETIX,
        )
    yield route(
        "orders", event + "orders/", endpoint=orders.show_orders, rights=(VIEW,), allow=changeable
    )
    yield route(
        "order", event + "orders/{code}/", endpoint=orders.show_order, rights=(VIEW,), allow=single
    )
    yield route(
        "revokedsecrets", event + "revokedsecrets/", endpoint=orders.show_revoked, rights=(VIEW,)
    )
    yield route(
        "blockedsecrets",
        event + "blockedsecrets/",
        endpoint=orders.show_blocked,
        rights=(VIEW,),
        dialects=PRETIX,
    )
    yield route(
        "checkins",
        event + "checkins/",
        endpoint=orders.show_checkins,
        rights=(VIEW,),
        dialects=PRETIX,
    )


_ROUTES = tuple(_routes())
