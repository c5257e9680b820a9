"""The way to the server: a network, its name, a connection, its certificate, its rights."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gated.errors import NotAuthorized
from gated.preflight.finding import Finding, good, red, unknown
from gated.preflight.visit import visit

if TYPE_CHECKING:
    from gated.preflight.here import Here

_ANSWER_S = 10.0
_SOON_DAYS = 7
_NO_SERVER = "no server is set up yet"


def network(here: Here) -> Finding:
    """A cable with something at its other end, or a Wi-Fi that is connected."""
    folders = sorted(here.root.glob("sys/class/net/*"))
    links = {one.name: _state(here, one.name) for one in folders if one.name != "lo"}
    up = [name for name, state in links.items() if state == "up"]
    if up:
        return good(f"{', '.join(up)} is up")
    if any(state == "unknown" for state in links.values()):
        return unknown("the network devices here do not say whether they are connected")
    if _is_loopback(here):
        return unknown("no network is connected; the server is on this box")
    names = ", ".join(links) or "no device"
    return red(f"no network is connected ({names})", "plug in the cable, or set up Wi-Fi: nmtui")


async def name(here: Here) -> Finding:
    """Whether the server's name leads to an address."""
    if not here.config.server.url:
        return unknown(_NO_SERVER)
    host, port = _address(here)
    with suppress(ValueError):
        return good(f"{ipaddress.ip_address(host)} needs no look-up")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        remedy = "check [server] url, and the name server: resolvectl status"
        return red(f"the name {host} leads nowhere: {error.strerror}", remedy)
    return good(f"{host} is {', '.join(sorted({str(one[4][0]) for one in found}))}")


async def connection(here: Here) -> Finding:
    """Whether the server's port can be reached at all."""
    if not here.config.server.url:
        return unknown(_NO_SERVER)
    host, port = _address(here)
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        remedy = f"have the firewall let this box through to {host}, port {port}"
        return red(f"{host}:{port} does not answer", remedy)
    except OSError as error:
        words = f"there is no way to {host}:{port}: {error.strerror or error}"
        return red(words, "check the network, and [server] url")
    await _close(writer)
    return good(f"{host}:{port} answers")


async def certificate(here: Here) -> Finding:
    """Whether the certificate is trusted, and for how much longer."""
    url = here.config.server.url
    if not url:
        return unknown(_NO_SERVER)
    if urlsplit(url).scheme == "http":
        return unknown("plain http to this box itself: there is no certificate")
    host, port = _address(here)
    try:
        async with asyncio.timeout(_ANSWER_S):
            _, writer = await asyncio.open_connection(
                host, port, ssl=ssl.create_default_context(), server_hostname=host
            )
    except ssl.SSLCertVerificationError as error:
        remedy = (
            "check the clock of this box and [server] url; a certificate of a CA of your own:"
            " put the CA into /usr/local/share/ca-certificates, sudo update-ca-certificates"
        )
        return red(f"the certificate is not trusted: {error.verify_message}", remedy)
    except (ssl.SSLError, OSError) as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        return red(f"no secure connection: {why}", "check [server] url and the network")
    try:
        told = writer.get_extra_info("peercert") or {}
    finally:
        await _close(writer)
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(told["notAfter"])), UTC)
    days = (until - here.clock.wall()).days
    if days < _SOON_DAYS:
        remedy = "have whoever runs the server renew it"
        return red(f"the certificate ends in {days} days, on {until:%Y-%m-%d}", remedy)
    return good(f"trusted, for {days} more days")


async def rights(here: Here) -> Finding:
    """What the server lets this token do."""
    if not here.config.server.checkin_lists:
        return unknown("no event and check-in list are chosen yet")
    found = await visit(here)
    if isinstance(found.error, NotAuthorized):
        remedy = "make a new device at the server, or give this one back its rights"
        return red(str(found.error), remedy)
    if found.error or found.can is None:
        return red(str(found.error), "see the lines about the network above")
    vital = [one for one in found.can.missing if one.name in {"positions", "redeem"}]
    if vital:
        return red(vital[0].cost, f"the server must allow {vital[0].needs}")
    costs = "; ".join(one.cost for one in found.can.missing)
    return good(f"it may read the list and check in{f' ({costs})' if costs else ''}")


def _state(here: Here, device: str) -> str:
    with suppress(OSError):
        return (here.root / "sys/class/net" / device / "operstate").read_text("ascii").strip()
    return "unknown"


def _address(here: Here) -> tuple[str, int]:
    parts = urlsplit(here.config.server.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _is_loopback(here: Here) -> bool:
    host = _address(here)[0]
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
