"""HTTP with one server: sends, reads, and turns what is no proper answer into our errors."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from yarl import URL

from gated import __version__
from gated.errors import (
    BadReply,
    DeviceRevoked,
    KeyLocked,
    NoSuchEndpoint,
    NotAuthorized,
    ServerFailed,
    ServerRefused,
    ServerUnreachable,
)
from gated.server import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from types import TracebackType

_LATER = frozenset({408, 425, 429, 502, 503, 504})
_LARGEST_ANSWER = 16 * 1024 * 1024
_REVOKED = "Device access has been revoked."


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `page_generated` is the server's X-Page-Generated header or empty."""

    status: int
    kind: str
    body: bytes
    page_generated: str = ""
    retry_after_s: float = 0.0


class Connection:
    """Sends requests with one token to one server, and knows whether it answers.

    Every request raises ServerUnreachable, NotAuthorized or BadReply; a 400 or 404 that the
    server means is ServerRefused. `reachable` is None before the first answer; `on_reach` is
    called when it changes, `on_answer` with every answer, `on_date` with the Date of every one
    that is the API's, the moment it comes, and the seconds since it was asked for; `on_revoked`
    with every DeviceRevoked, `on_welcome` with every answer that takes the token for good.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout_s: float,
        on_reach: Callable[[bool], None] | None = None,
    ) -> None:
        self.url = url
        self.reachable: bool | None = None
        self.on_reach = on_reach
        self.on_answer: Callable[[], None] | None = None
        self.on_date: Callable[[datetime, float], None] | None = None
        self.on_revoked: Callable[[], None] | None = None
        self.on_welcome: Callable[[], None] | None = None
        # A bare token is a device's, as enrolment gives it; a team's says so.
        scheme = "" if token.startswith(("Device ", "Token ")) else "Device "
        self._headers = {"Accept": "application/json", "User-Agent": f"gated/{__version__}"}
        if token:
            self._headers["Authorization"] = scheme + token
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    def mark(self, hashed: Callable[[str], bytes]) -> str:
        """A short name for the token, of which nothing can be learnt."""
        return hashed(self._headers["Authorization"])[:4].hex()

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

    async def get(self, path: str, query: Mapping[str, object] | None = None) -> Answer:
        """GET, with what a 2xx says; everything else is an error."""
        # %20 and %2B, never +: a secret may hold any character, a hostile code even half of one.
        suffix = "?" + urlencode(query, quote_via=quote, errors="replace") if query else ""
        return judge(path, await self.request("GET", path + suffix))

    async def post(
        self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST a JSON object, with what a 2xx says; everything else is an error."""
        return judge(path, await self.request("POST", path, body=body, headers=headers))

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Send, tell who listens what the answer says of the server, and give the answer.

        No answer at all, or "later", is ServerUnreachable; a 401 or 403 is NotAuthorized.
        """
        answer = await self._send(method, path, body, headers or {}, timeout_s)
        if answer.status in _LATER:
            self._reached(reachable=answer.status == 429)
            raise ServerUnreachable(
                f"the server says later ({answer.status})", wait_s=answer.retry_after_s
            )
        self._reached(reachable=True)
        if self.on_answer:
            self.on_answer()
        if answer.status in {401, 403}:
            refusal = _not_authorized(answer)
            if self.on_revoked and isinstance(refusal, DeviceRevoked):
                self.on_revoked()
            raise refusal
        if self.on_welcome and 200 <= answer.status < 300 and answer.kind == "application/json":
            self.on_welcome()
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        headers: Mapping[str, str],
        timeout_s: float | None,
    ) -> Answer:
        """Whatever comes back, read whole. Raises ServerUnreachable, or BadReply if too large."""
        if self._session is None:
            raise ServerUnreachable("the connection is not open")
        data = None if body is None else msgspec.json.encode(body)
        if data is not None:
            headers = {"Content-Type": "application/json", **headers}
        loop = asyncio.get_running_loop()
        asked = loop.time()
        try:
            async with self._session.request(
                method,
                URL(self.url + path, encoded=True),
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s) if timeout_s else self._timeout,
            ) as response:
                self._tell_date(response, loop.time() - asked)
                return Answer(
                    status=response.status,
                    kind=response.content_type,
                    body=await _read(response),
                    page_generated=response.headers.get("X-Page-Generated", ""),
                    retry_after_s=_seconds(response.headers.get("Retry-After", "")),
                )
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            self._reached(reachable=False)
            never = isinstance(error, aiohttp.ClientConnectorError)
            raise ServerUnreachable(
                f"the server does not answer: {_said(error)}", sent=not never
            ) from error

    def _tell_date(self, response: aiohttp.ClientResponse, round_trip_s: float) -> None:
        """What is no JSON may come from a portal that knows no time."""
        date = response.headers.get("Date")
        if self.on_date is None or date is None or response.content_type != "application/json":
            return
        with contextlib.suppress(ValueError):
            at = parsedate_to_datetime(date)
            self.on_date(at.replace(tzinfo=at.tzinfo or UTC), round_trip_s)

    def _reached(self, *, reachable: bool) -> None:
        if reachable is not self.reachable:
            self.reachable = reachable
            if self.on_reach:
                self.on_reach(reachable)


def judge(path: str, answer: Answer) -> Answer:
    """Give back a 2xx of the API; everything else is an error of ours, as Connection says."""
    status = answer.status
    if 300 <= status < 400:
        raise BadReply("the server redirects: check [server] url")
    if status == 409:
        raise KeyLocked("the server is still busy with an earlier try (409)")
    if status >= 500:
        raise ServerFailed(f"the server failed on this request ({status})")
    if answer.kind != "application/json":
        kind = NoSuchEndpoint if status == 404 else BadReply
        raise kind(f"the server answered {status} with {answer.kind}, not JSON: check [server] url")
    if 200 <= status < 300:
        return answer
    refusal = wire.refusal(answer.body)
    if status == 404 and refusal.message.startswith("No Event matches"):
        raise NotAuthorized("the token has no right to check out in this event")
    if status == 404 and refusal.message.startswith("No CheckinList matches"):
        raise BadReply("the server does not know this check-in list: check [server] checkin_lists")
    if status not in {400, 404}:
        raise BadReply(f"the server answered {status} to {path}: {refusal.message}")
    reason = refusal.reason or ("invalid" if status == 404 else "error")
    raise ServerRefused(refusal.message or reason, status=status, reason=reason)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the body, but not for ever: a lying server must not fill the memory."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(65536):
        size += len(part)
        if size > _LARGEST_ANSWER:
            raise BadReply("the server's answer is too large")
        parts.append(part)
    return b"".join(parts)


def _seconds(retry_after: str) -> float:
    """Seconds; the other form of the header, a date, is left to our own pauses."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0


def _not_authorized(answer: Answer) -> NotAuthorized:
    """Revoked is only what the API itself calls so: whatever else stands between may say 401."""
    words = _detail(answer.body)
    revoked = (answer.status, answer.kind, words) == (401, "application/json", _REVOKED)
    kind = DeviceRevoked if revoked else NotAuthorized
    return kind(f"the server says {answer.status}: {words}")


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
