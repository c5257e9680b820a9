"""Who may see and do what on the local page: pure questions about addresses and headers."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


class Role(StrEnum):
    """What somebody at the page may do: look without guests, work the gate, everything."""

    VIEW = "view"
    STAFF = "staff"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether who is this may do what needs that."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Refused(Exception):
    """An answer of the page that is no: a status and a sentence, told and logged."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


def is_local(peer: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a request was made on this machine.

    A proxy on this machine speaks for somebody elsewhere, so what it forwards is not local.
    """
    address = _address(peer or "")
    return address is not None and address.is_loopback and not any(h in headers for h in FORWARDED)


def names_this_gate(host: str, *, configured: str, reached: str) -> bool:
    """Whether a Host header means us: a loopback name, `[web] host` or the IP that was reached.

    Any other name is one that somebody else's DNS pointed here.
    """
    name = _hostname(host)
    if not name:
        return False
    address = _address(name)
    if address is None:
        return name in {"localhost", configured.lower()}
    return address.is_loopback or address == _address(reached)


def is_same_origin(origin: str, host: str, *, scheme: str = "http") -> bool:
    """Whether an Origin header is this page itself, given the Host header beside it."""
    return origin.lower() == f"{scheme}://{host}".lower()


def without_guests(state: dict[str, Any]) -> dict[str, Any]:
    """The state for who has not logged in: no tickets, and none of the demo's switches.

    What the server or a person wrote about a scan may tell of its guest, too.
    """
    scans = [
        {key: scan[key] for key in scan if key not in {"ticket", "server"}}
        for scan in state["scans"]
    ]
    seen = {**state, "scans": scans, "demo": None}
    if census := state.get("census"):
        seen["census"] = {**census, "differences": []}
    if outbox := state.get("outbox"):
        seen["outbox"] = {**outbox, "troubled": []}
    return seen


def seen_by(role: Role, state: dict[str, Any]) -> dict[str, Any]:
    """The state as somebody of this role may see it."""
    shown = without_guests(state) if role is Role.VIEW else state
    return {**shown, "access": str(role)}


def _hostname(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return ""
    bare = parts.netloc == host and "@" not in host
    return (parts.hostname or "").rstrip(".") if bare else ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.split("%", maxsplit=1)[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if address.version == 6 else None
    return mapped or address
