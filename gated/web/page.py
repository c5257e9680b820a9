"""The HTTP server of the local page: the status of one gate, live, and a few buttons."""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from gated.errors import ConfigError, GatedError, LoginRefused, Problem
from gated.logs import printable
from gated.web import guard
from gated.web.caller import Caller, sent_object
from gated.web.guard import Refused, Role
from gated.web.listening import listen, url_of
from gated.web.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from gated.camera.aiming import Aiming
    from gated.web.actions import Action
    from gated.web.sessions import Sessions

logger = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
LARGEST_BODY = 4096
STATE_TIMEOUT_S = 5.0
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Not no-referrer: that would turn the Origin of our own buttons into "null".
    "Referrer-Policy": "same-origin",
    "Server": "gated",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Page:
    """Serves the page inside `async with`.

    `state` gives the whole state, `lamps` the lamps alone and quickly, `picture` a JPEG of the
    newest frame or None; `aiming` judges it for who aims the camera. An action that cannot be done
    raises GatedError, whose sentence the page shows; `record` writes down who pressed what before
    it is done. With `tls`, a certificate and its key, it speaks https. Raises ConfigError if it
    cannot listen.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        state: Callable[[], Awaitable[dict[str, Any]]],
        lamps: Callable[[], dict[str, int]],
        picture: Callable[[], Awaitable[bytes | None]],
        aiming: Aiming,
        actions: Iterable[Action],
        sessions: Sessions,
        record: Callable[[str, str], Awaitable[None]],
        name: str = "",
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.port = port
        self._host = host
        self._name = name or host
        self._state = state
        self._picture = picture
        self._aiming = aiming
        self.actions = tuple(actions)
        self.sessions = sessions
        self._record = record
        self._tls = tls
        self._stream = Stream(state=state, lamps=lamps)
        self._open = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        return url_of(self._host, self.port, scheme="https" if self._tls else "http")

    def changed(self) -> None:
        """The state changed: push it soon, a few times a second at most. Event loop only."""
        self._stream.changed()

    def lamps_changed(self) -> None:
        """The lamps changed: push them at once. Event loop only."""
        self._stream.lamps_changed()

    async def __aenter__(self) -> Self:
        tls = _tls_context(*self._tls) if self._tls else None
        app = self._application()
        async with AsyncExitStack() as opened:
            self.port = await listen(opened, app, self._host, self.port, section="web", tls=tls)
            # Closed before what listens, which waits for responses that are still going on.
            await opened.enter_async_context(self._stream)
            self._open = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._screen], client_max_size=LARGEST_BODY)
        app.on_response_prepare.append(_harden)
        app.router.add_get("/", self._get_index)
        app.router.add_static("/static/", STATIC)
        app.router.add_get("/healthz", self._get_health)
        app.router.add_get("/api/state", self._get_state)
        app.router.add_get("/api/events", self._get_events, allow_head=False)
        app.router.add_get("/api/picture", self._get_picture)
        app.router.add_get("/api/aim", self._get_aim)
        app.router.add_get("/api/aim/picture", self._get_aim_picture)
        for path, handler in (
            ("/api/login", self._post_login),
            ("/api/logout", self._post_logout),
            ("/api/actions/{name}", self._post_action),
        ):
            # Every method, so that an action tried by GET is refused and logged like any other.
            app.router.add_route("*", path, handler)
        return app

    @web.middleware
    async def _screen(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        reached = request.transport and request.transport.get_extra_info("sockname")
        if not guard.names_this_gate(
            request.headers.get("Host", ""),
            configured=self._name,
            reached=reached[0] if reached else "",
        ):
            return _refusal(421, "This is not the address of this gate; use its IP address.")
        try:
            return await handler(request)
        except Refused as refused:
            _log_refusal(request, refused)
            response = _refusal(refused.status, str(refused))
            response.headers.update(refused.headers)
            return response
        except GatedError as error:
            return _refusal(503, _sentence(error))
        except TimeoutError:
            return _refusal(503, "The gate is up but does not say how it is.")

    async def _get_index(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html")

    async def _get_health(self, _request: web.Request) -> web.StreamResponse:
        state = await self._fresh_state()
        errors = [part for part in state["health"] if part["level"] == "error"]
        if errors:
            text = "\n".join(f"{part['part']}: {part['words']}" for part in errors)
            return web.Response(text=text, status=503)
        return web.Response(text="ok")

    async def _get_state(self, request: web.Request) -> web.StreamResponse:
        state = await self._fresh_state()
        return web.json_response(guard.seen_by(self._caller(request).role, state))

    async def _get_events(self, request: web.Request) -> web.StreamResponse:
        caller = self._caller(request)
        return await self._stream.serve(request, access=lambda: caller.role)

    async def _get_picture(self, request: web.Request) -> web.StreamResponse:
        self._caller(request).need(Role.STAFF)
        return _shown(await self._picture())

    async def _get_aim(self, request: web.Request) -> web.StreamResponse:
        self._caller(request).need(Role.STAFF)
        return web.json_response(await self._aiming.look())

    async def _get_aim_picture(self, request: web.Request) -> web.StreamResponse:
        self._caller(request).need(Role.STAFF)
        return _shown(await self._aiming.jpeg())

    async def _post_login(self, request: web.Request) -> web.StreamResponse:
        caller = self._caller(request)
        arguments = await sent_object(request)
        if not caller.is_private:
            raise Refused(
                403,
                "Nobody logs in over a connection that others can read: use the page on the gate"
                " itself, through a tunnel, or give it a certificate ([web] certificate).",
            )
        try:
            cookie = await self.sessions.log_in(str(arguments.get("secret", "")), caller.address)
        except LoginRefused as error:
            wait_s = round(error.wait_s)
            headers = {"Retry_After": str(wait_s)} if wait_s else {}
            raise Refused(429 if wait_s else 401, _sentence(error), **headers) from None
        except GatedError as error:
            raise Refused(503, _sentence(error)) from None
        await self._record(self.sessions.origin(cookie), "log in")
        response = web.json_response({"access": str(self.sessions.role(cookie))})
        caller.give(response, cookie)
        return response

    async def _post_logout(self, request: web.Request) -> web.StreamResponse:
        caller = self._caller(request)
        await sent_object(request)
        caller.log_out()
        self.changed()
        response = web.json_response({"access": str(Role.VIEW)})
        caller.take(response)
        return response

    async def _post_action(self, request: web.Request) -> web.StreamResponse:
        caller = self._caller(request)
        arguments = await sent_object(request)
        caller.need(Role.STAFF)
        name = request.match_info["name"]
        action = next((one for one in self.actions if one.name == name), None)
        if action is None:
            raise Refused(404, "This gate has no such action.")
        caller.need(action.role)
        caller.touch()
        try:
            await self._record(caller.origin, action.words(arguments))
            answer = await action.run(arguments, caller.origin)
        except GatedError as error:
            raise Refused(409, _sentence(error)) from None
        return web.json_response({"done": True, **(answer or {})})

    def _caller(self, request: web.Request) -> Caller:
        return Caller(request, self.sessions, port=self.port)

    async def _fresh_state(self) -> dict[str, Any]:
        async with asyncio.timeout(STATE_TIMEOUT_S):
            return await self._state()


def _log_refusal(request: web.Request, refused: Refused) -> None:
    """Leave a trace of what somebody tried."""
    logger.warning(
        "page refused %s %s from %s: %s",
        request.method,
        printable(request.path, 80),
        request.remote,
        refused,
    )


def _sentence(error: GatedError) -> str:
    words = str(error)
    return f"{words[:1].upper()}{words[1:].removesuffix('.')}."


def _tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        why = getattr(error, "reason", None) or error.strerror or str(error)
        what = f"{certificate} and {key} cannot be used: {why}"
        raise ConfigError([Problem("[web] certificate", what)]) from None
    return context


def _shown(picture: bytes | None) -> web.Response:
    if picture is None:
        return _refusal(404, "The camera has no picture yet.")
    return web.Response(body=picture, content_type="image/jpeg")


def _refusal(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    is_static = request.path.startswith("/static/")
    response.headers["Cache-Control"] = "no-cache" if is_static else "no-store"
