"""HTTP to the ticket server: one method a call, values out, our errors."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from gated import __version__
from gated.errors import BadReply, NotAuthorized, ServerRefused, ServerUnreachable
from gated.server import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from gated.config import Server
    from gated.model import CheckinList, Listed, Scan

_LATER = frozenset({408, 425, 429, 502, 503, 504})
_LARGEST_ANSWER = 16 * 1024 * 1024


class Client:
    """One event on one server, with one token.

    Every call raises ServerUnreachable, NotAuthorized or BadReply; those that act on a ticket
    also ServerRefused. `reachable` is None before the first answer; `on_reach` is called when it
    changes.
    """

    def __init__(
        self,
        server: Server,
        token: str,
        *,
        on_reach: Callable[[bool], None] | None = None,
    ) -> None:
        self.reachable: bool | None = None
        self.on_answer: Callable[[], None] | None = None
        self.lists = server.checkin_lists
        self._event = f"/api/v1/organizers/{server.organizer}/events/{server.event}"
        self._url = server.url
        # A bare token is a device's, as enrolment gives it; a team's says so.
        scheme = "" if token.startswith(("Device ", "Token ")) else "Device "
        self._headers = {
            "Authorization": scheme + token,
            "Accept": "application/json",
            "User-Agent": f"gated/{__version__}",
        }
        self._timeout = aiohttp.ClientTimeout(total=server.timeout_s)
        self.on_reach = on_reach
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            timeout=self._timeout,
            connector=aiohttp.TCPConnector(limit=6),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session:
            await self._session.close()

    async def version(self) -> str:
        """Tell the server's version; the cheapest way to learn whether it is there."""
        return wire.version(await self._get("/api/v1/version"))

    async def checkin_lists(self) -> dict[int, tuple[CheckinList, int]]:
        """Tell the event's check-in lists, each with how many positions it should have."""
        found: dict[int, tuple[CheckinList, int]] = {}
        page, is_last = 1, False
        while not is_last:
            lists, is_last = wire.checkin_lists_page(
                await self._get(f"{self._event}/checkinlists/", {"page": page})
            )
            found |= {one.id: (one, count) for one, count in lists}
            page += 1
        return found

    async def positions(self, list_id: int, page: int) -> wire.PositionsPage:
        """Fetch a page of a list, whoever is paid or not: the unpaid may be inside."""
        query = {"ignore_status": "true", "page": page}
        return wire.positions_page(await self._get(self._positions(list_id), query))

    async def ask(self, list_id: int, secret: str) -> tuple[Listed, ...]:
        """Fetch the tickets of one secret, as they are this moment."""
        query = {"ignore_status": "true", "secret": secret}
        page = wire.positions_page(await self._get(self._positions(list_id), query))
        return tuple(one for one in page.listed if one.secret == secret)

    async def find(self, list_id: int, position_id: int, order_code: str) -> Listed | None:
        """Fetch one position by its order: `positions/{id}/` is forbidden to scan profiles."""
        number, is_last = 1, False
        while not is_last:
            query = {"ignore_status": "true", "search": order_code, "page": number}
            page = wire.positions_page(await self._get(self._positions(list_id), query))
            for one in page.listed:
                if one.ticket.position_id == position_id:
                    return one
            number, is_last = number + 1, page.is_last
        return None

    async def redeem(self, scan: Scan, *, force: bool, pending: bool) -> None:
        """Record an entry or exit of a known position; repeating is safe by its nonce."""
        path = f"{self._positions(scan.list_id)}{scan.position_id}/redeem/"
        body = wire.redeem_body(scan, force=force, pending=pending)
        _accept(wire.redeemed(await self._post(path, body)))

    async def checkout(self, scan: Scan, *, force: bool, key: str) -> None:
        """Record an exit with checkout/single; repeating is safe by its idempotency key."""
        body = wire.checkout_body(scan, force=force)
        headers = {"X-Idempotency-Key": key}
        _accept(wire.checked_out(await self._post(self._checkout(), body, headers)))

    async def report(self, scan: Scan, raw_barcode: str) -> None:
        """Report a refused scan with failed_checkins."""
        path = f"{self._event}/checkinlists/{scan.list_id}/failed_checkins/"
        await self._post(path, wire.failed_checkin_body(scan, raw_barcode))

    async def takes_checkouts(self) -> bool:
        """Tell whether checkout/single is there for this token, by a call that does nothing."""
        return await self._answers_400(self._checkout(), "position_id")

    async def takes_reports(self, list_id: int) -> bool:
        """Tell whether failed_checkins is there for this token, by a call that does nothing."""
        path = f"{self._event}/checkinlists/{list_id}/failed_checkins/"
        return await self._answers_400(path, "raw_barcode")

    def _positions(self, list_id: int) -> str:
        return f"{self._event}/checkinlists/{list_id}/positions/"

    def _checkout(self) -> str:
        return f"{self._event}/checkout/single/"

    async def _answers_400(self, path: str, naming: str) -> bool:
        try:
            status, kind, answer = await self._request("POST", path, body={})
        except NotAuthorized:
            return False
        if status in {404, 405}:
            return False
        if status == 400:
            return naming.encode() in answer
        # A portal or a crash says nothing about what the server can do.
        _judge(path, status, kind, answer)
        raise BadReply(f"the server accepted an empty request to {path}")

    async def _get(self, path: str, query: Mapping[str, object] | None = None) -> bytes:
        # %20 and %2B, never +: a secret may hold any character, a hostile code even half of one.
        suffix = "?" + urlencode(query, quote_via=quote, errors="replace") if query else ""
        return _judge(path, *await self._request("GET", path + suffix))

    async def _post(
        self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> bytes:
        return _judge(path, *await self._request("POST", path, body=body, headers=headers))

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, bytes]:
        """Send, and sort out what is no answer at all; a 401 or 403 is NotAuthorized."""
        if self._session is None:
            raise ServerUnreachable("the connection is not open")
        try:
            async with self._session.request(
                method,
                URL(self._url + path, encoded=True),
                json=body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                answer = await _read(response)
                status, kind = response.status, response.content_type
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            self._reached(reachable=False)
            raise ServerUnreachable(f"the server does not answer: {_said(error)}") from error
        if status in _LATER:
            self._reached(reachable=status == 429)
            raise ServerUnreachable(f"the server says later ({status})")
        self._reached(reachable=True)
        if self.on_answer:
            self.on_answer()
        if status in {401, 403}:
            raise NotAuthorized(f"the server says {status}: {_detail(answer)}")
        return status, kind, answer

    def _reached(self, *, reachable: bool) -> None:
        if reachable is not self.reachable:
            self.reachable = reachable
            if self.on_reach:
                self.on_reach(reachable)


def _judge(path: str, status: int, kind: str, answer: bytes) -> bytes:
    """Give back what a 2xx says; everything else is an error of ours."""
    if 300 <= status < 400:
        raise BadReply("the server redirects: check [server] url")
    if status >= 500 or status == 409:
        # 409: an earlier try holds the idempotency key, perhaps for ever.
        raise BadReply(f"the server failed on this request ({status})")
    if kind != "application/json":
        raise BadReply(f"the server answered {status} with {kind}, not JSON: check [server] url")
    if 200 <= status < 300:
        return answer
    refusal = wire.refusal(answer)
    if status == 404 and refusal.message.startswith("No Event matches"):
        raise NotAuthorized("the token has no right to check out in this event")
    if status == 404 and refusal.message.startswith("No CheckinList matches"):
        raise BadReply("the server does not know this check-in list: check [server] checkin_lists")
    if status not in {400, 404}:
        raise BadReply(f"the server answered {status} to {path}: {refusal.message}")
    reason = refusal.reason or ("invalid" if status == 404 else "error")
    raise ServerRefused(refusal.message or reason, status=status, reason=reason)


def _accept(refusal: wire.Refusal | None) -> None:
    if refusal:
        reason = refusal.reason or "error"
        raise ServerRefused(refusal.message or reason, status=200, reason=reason)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, but not for ever: a lying server must not fill the memory."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(65536):
        size += len(part)
        if size > _LARGEST_ANSWER:
            raise BadReply("the server's answer is too large")
        parts.append(part)
    return b"".join(parts)


def _detail(answer: bytes) -> str:
    try:
        return wire.refusal(answer).message or "no reason given"
    except BadReply:
        return "no reason given"


def _said(error: BaseException) -> str:
    match error:
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientPayloadError():
            return "the answer broke off"
        case aiohttp.ClientSSLError() | aiohttp.ClientConnectorCertificateError():
            return str(error)
        case aiohttp.ClientConnectorError():
            return f"no connection to {error.host}:{error.port}"
        case aiohttp.ClientOSError() | aiohttp.ServerDisconnectedError():
            return "the connection was broken"
    return str(error) or type(error).__name__
