"""The simulated ticket server on a real port of loopback."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from gated.simulator import delivery
from gated.simulator.dialects import Dialect
from gated.simulator.endpoints_checkout import due
from gated.simulator.exchange import SERVER_ERROR, Call, Reply, Site, answer, detail, page
from gated.simulator.faults import ActiveFault, Fault, Faults
from gated.simulator.idempotency import SAFE, IdempotencyKeys
from gated.simulator.organisers import organise
from gated.simulator.paging import Walks
from gated.simulator.received import ReceivedRequest, RequestLog
from gated.simulator.routes import respond

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from aiohttp.web_request import BaseRequest

    from gated.simulator.journal import Journal
    from gated.simulator.world import World

HOST = "127.0.0.1"
PORTAL = "<html><head><title>Welcome to the free WiFi</title></head><body>Log in</body></html>"


class TicketServer:
    """Serves one world. It listens inside `async with`, on a port of its own unless given one.

    `token` is a device token with full rights; other tokens are in `world.tokens`.
    """

    def __init__(
        self,
        world: World,
        *,
        dialect: Dialect = Dialect.FORK,
        port: int = 0,
        token: str = "demo-token",  # noqa: S107 - not a secret: it opens the demo
        faults: Faults | None = None,
        clock: Callable[[], datetime] | None = None,
        keep_alive: bool = True,
        journal: Journal | None = None,
    ) -> None:
        self.world = world
        self.dialect = dialect
        self.token = token
        self.faults = faults or Faults()
        self.requests = RequestLog()
        self.keys = IdempotencyKeys()
        self.on_answer: Callable[[ReceivedRequest], None] | None = None
        """Hears of every request once it is answered or dropped."""
        self._journal = journal
        self._site = Site(world, dialect, Walks())
        self._port = port
        self._keep_alive = keep_alive
        self._listener: asyncio.Server | None = None
        self._web: web.Server | None = None
        self._running: set[asyncio.Task[Any]] = set()
        self._in_bulk = 0
        if clock is not None:
            world.clock = clock
        if token not in world.tokens:
            device = world.add_device("Gate")
            device.api_token = token
            world.tokens[token] = device.rights
            world.note(device)
        if journal:
            journal.attach(world, self.keys)

    @property
    def url(self) -> str:
        """Where it listens, or did and will again."""
        return f"http://{HOST}:{self._port}"

    @property
    def plugged(self) -> bool:
        """Whether it can be reached."""
        return self._listener is not None

    async def __aenter__(self) -> Self:
        await self.plug()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.unplug()
        for task in self._running:
            task.cancel()
        await self.settled()
        await asyncio.sleep(0)

    async def plug(self) -> None:
        """Listen, on the same port as before."""
        if self.plugged:
            return
        loop = asyncio.get_running_loop()
        self._web = web.Server(self._handle, access_log=None)
        self._listener = await loop.create_server(
            self._web, HOST, self._port, reuse_address=True, backlog=128
        )
        self._port = self._listener.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Stop listening and break all connections; what is in hand is still recorded."""
        if self._listener is None or self._web is None:
            return
        self._listener.close()
        for connection in list(self._web.connections):
            delivery.reset(connection.transport)
        self._listener = self._web = None
        # One turn of the loop lets the broken connections say goodbye to their handlers.
        await asyncio.sleep(0)

    async def settled(self) -> None:
        """Wait until no request is in hand."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _handle(self, request: BaseRequest) -> web.StreamResponse:
        if not self.plugged:
            # Accepted just before the plug was pulled.
            delivery.reset(request.transport)
            return web.Response(status=499)
        running = asyncio.ensure_future(self._answer(request))
        self._running.add(running)
        running.add_done_callback(self._running.discard)
        try:
            return await running
        except ConnectionError:
            return web.Response(status=499)

    async def _answer(self, request: BaseRequest) -> web.StreamResponse:
        # Read past the framework's limit: the real servers take 11 MB.
        body = await request.content.read()
        call = Call(
            method=request.method,
            path=request.path,
            query=tuple(request.rel_url.query.items()),
            base=f"http://{request.host}",
            authorization=request.headers.get("Authorization"),
            content_type=request.headers.get("Content-Type", ""),
            body=body,
        )
        seen = _remembered(call, request.headers)
        self.requests.add(seen)
        struck = self.faults.strike(call.method, call.path)
        seen.faults = tuple(struck)
        try:
            reply = await self._reply(call, request.headers.get("X-Idempotency-Key"), struck)
            if reply is None:
                delivery.reset(request.transport)
                return web.Response(status=499)
            seen.status = reply.status
            response = await self._deliver(request, reply, struck)
            seen.sent = not struck.keys() & {Fault.TRUNCATED_BODY, Fault.RESET_AFTER_COMMIT}
            return response
        finally:
            if self.on_answer:
                self.on_answer(seen)

    async def _reply(
        self, call: Call, key: str | None, struck: Mapping[Fault, ActiveFault]
    ) -> Reply | None:
        """Return the answer, or None to drop the connection."""
        if Fault.RESET_BEFORE_COMMIT in struck:
            return None
        in_front = _in_front(struck)
        if in_front is not None:
            return in_front
        lock = (call.authorization or "", key) if key and call.method not in SAFE else None
        if lock is not None:
            kept = self.keys.begin(*lock, now=self.world.clock())
            self._remember()
            if kept is not None:
                return kept
        if Fault.LATENCY in struck:
            await asyncio.sleep(struck[Fault.LATENCY].latency_s)
        if Fault.WORKER_KILLED in struck or not await self._lived(call, struck):
            return None
        reply = self._worked(call, struck)
        if Fault.CHURN in struck:
            organise(self.world, self.faults.dice)
        killed = Fault.WORKER_KILLED_AFTER_COMMIT in struck
        if lock is not None and not killed:
            self.keys.finish(*lock, reply, forgets=self.dialect.traits.forgets)
        # Row and key at once, before a byte of the answer leaves.
        self._remember()
        return None if killed else reply

    async def _lived(self, call: Call, struck: Mapping[Fault, ActiveFault]) -> bool:
        """Whether the worker lives to the end: of a slow checkout/bulk it may not."""
        slow = struck.get(Fault.SLOW_BULK)
        if slow is None or not call.path.endswith("/checkout/bulk/"):
            return True
        takes_s = slow.person_s * due(self._site, call.body)
        self._in_bulk += 1
        try:
            await asyncio.sleep(min(takes_s, slow.limit_s))
        finally:
            self._in_bulk -= 1
        return takes_s < slow.limit_s

    def _remember(self) -> None:
        if self._journal:
            self._journal.commit()

    def _worked(self, call: Call, struck: Mapping[Fault, ActiveFault]) -> Reply:
        if Fault.HTML_500 in struck:
            return page(500, SERVER_ERROR)
        if Fault.DATABASE_LOCKED in struck or (self._in_bulk and call.method not in SAFE):
            return _locked(call)
        if call.path == "/api/v1/idempotency_query" and self.dialect is Dialect.PRETIX:
            return self.keys.query(call.authorization or "", call.param("key") or "")
        reply = respond(self._site, call)
        return page(500, SERVER_ERROR) if Fault.HTML_500_AFTER_COMMIT in struck else reply

    async def _deliver(
        self, request: BaseRequest, reply: Reply, struck: Mapping[Fault, ActiveFault]
    ) -> web.StreamResponse:
        if Fault.RESET_AFTER_COMMIT in struck:
            delivery.reset(request.transport)
            return web.Response(status=499)
        now = self.world.clock()
        if Fault.WRONG_DATE in struck:
            now += timedelta(seconds=struck[Fault.WRONG_DATE].offset_s)
        date = format_datetime(now, usegmt=True)
        if Fault.TRUNCATED_BODY in struck:
            return await delivery.send_half(request, reply, date=date)
        if Fault.SLOW_BODY in struck:
            pause_s = struck[Fault.SLOW_BODY].pause_s
            return await delivery.send_slowly(request, reply, date=date, pause_s=pause_s)
        return await delivery.send(request, reply, date=date, keep_alive=self._keep_alive)


def _in_front(struck: Mapping[Fault, ActiveFault]) -> Reply | None:
    """What somebody between client and server answers in its place."""
    if Fault.CAPTIVE_PORTAL in struck:
        html = (("Content-Type", "text/html"),)
        return Reply(200, PORTAL.encode(), html)
    if Fault.TOO_MANY_REQUESTS in struck:
        wait_s = struck[Fault.TOO_MANY_REQUESTS].retry_after_s
        sentence = f"Request was throttled. Expected available in {wait_s} seconds."
        return detail(429, sentence).with_headers(Retry_After=str(wait_s))
    if Fault.UNAVAILABLE in struck:
        return page(503, "503 Service Temporarily Unavailable")
    return None


def _locked(call: Call) -> Reply:
    if "/checkout/" in call.path:
        return answer({"error": "Checkout failed: database is locked"}, status=500)
    return page(500, SERVER_ERROR)


def _remembered(call: Call, headers: Mapping[str, str]) -> ReceivedRequest:
    shown = {name.lower(): value for name, value in headers.items()}
    if call.authorization is not None:
        shown["authorization"] = call.authorization.partition(" ")[0]
    return ReceivedRequest(
        method=call.method,
        path=call.path,
        query=dict(call.query),
        headers=shown,
        body=_decoded(call.body),
    )


def _decoded(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
