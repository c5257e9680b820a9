"""Who is calling and what they may do: tokens, events, security profiles, rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gated.simulator.exchange import Refusal, detail
from gated.simulator.records import Kind, TokenRights

if TYPE_CHECKING:
    from gated.simulator.exchange import Call, Site

NO_CREDENTIALS = "Authentication credentials were not provided."
NO_PERMISSION = "You do not have permission to perform this action."


def authenticate(
    site: Site, call: Call, *, scheme: str = "Token", status: int = 401
) -> TokenRights:
    """Return the rights of the caller's token, or refuse.

    `scheme` is what the refusal names; endpoints that name Device take devices only.
    """
    try:
        return _rights(site, call.authorization, devices_only=scheme == Kind.DEVICE)
    except _Unknown as why:
        reply = detail(status, str(why))
        if status == 401:
            reply = reply.with_headers(WWW_Authenticate=scheme)
        raise Refusal(reply) from None


def check_scope(site: Site, call: Call, rights: TokenRights) -> None:
    """Refuse organizers and events that are unknown or not the token's."""
    organizer, event = call.names.get("organizer"), call.names.get("event")
    foreign = organizer is not None and organizer != site.world.organizer
    hidden = event is not None and not (rights.all_events and event in site.world.events)
    if foreign or hidden:
        raise Refusal(detail(403, NO_PERMISSION))


def check_profile(site: Site, route: str, rights: TokenRights) -> None:
    """Refuse a device whose security profile does not open the route."""
    if rights.kind is not Kind.DEVICE:
        return
    opened = site.dialect.profiles.get(rights.security_profile)
    if opened is not None and route not in opened:
        raise Refusal(detail(403, "Request denied by device security profile."))


class _Unknown(Exception):
    pass


def _rights(site: Site, authorization: str | None, *, devices_only: bool) -> TokenRights:
    scheme, *words = (authorization or "").split() or [""]
    kinds = {kind.lower(): kind for kind in Kind}
    kind = kinds.get(scheme.lower())
    if kind is None or (devices_only and kind is not Kind.DEVICE):
        raise _Unknown(NO_CREDENTIALS)
    if not words:
        raise _Unknown("Invalid token header. No credentials provided.")
    if len(words) > 1:
        raise _Unknown("Invalid token header. Token string should not contain spaces.")
    rights = site.world.tokens.get(words[0])
    if rights is None or rights.kind is not kind:
        raise _Unknown("Invalid token.")
    if rights.revoked:
        raise _Unknown("Device access has been revoked.")
    if not rights.active:
        raise _Unknown("Token inactive or deleted.")
    return rights
