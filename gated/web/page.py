"""The HTTP server of the local page: the status of one gate, live, and a few buttons."""

from __future__ import annotations

import asyncio
import errno
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from gated.errors import ConfigError, GatedError, Problem
from gated.web import guard
from gated.web.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

STATIC = Path(__file__).parent / "static"
EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - listens on none
LARGEST_BODY = 4096
STATE_TIMEOUT_S = 5.0
STOP_TIMEOUT_S = 1.0
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
    newest frame or None. Each of `actions` takes the request's JSON object and raises GatedError,
    whose sentence the page shows, when it cannot be done. Raises ConfigError if it cannot listen.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        state: Callable[[], Awaitable[dict[str, Any]]],
        lamps: Callable[[], dict[str, int]],
        picture: Callable[[], Awaitable[bytes | None]],
        actions: Mapping[str, Callable[[dict[str, Any]], Awaitable[None]]],
    ) -> None:
        self.port = port
        self._host = host
        self._state = state
        self._picture = picture
        self._actions = actions
        self._stream = Stream(state=state, lamps=lamps)
        self._open = AsyncExitStack()

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = EVERYWHERE.get(self._host, self._host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def changed(self) -> None:
        """The state changed: push it soon, a few times a second at most. Event loop only."""
        self._stream.changed()

    def lamps_changed(self) -> None:
        """The lamps changed: push them at once. Event loop only."""
        self._stream.lamps_changed()

    async def __aenter__(self) -> Self:
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=STOP_TIMEOUT_S,
        )
        async with AsyncExitStack() as opened:
            await runner.setup()
            opened.push_async_callback(runner.cleanup)
            try:
                await web.TCPSite(runner, self._host or None, self.port).start()
            except OSError as error:
                raise _cannot_listen(self._host, self.port, error) from None
            self.port = runner.addresses[0][1]
            # Closed before the runner, which waits for responses that are still going on.
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
        app.router.add_post("/api/actions/{name}", self._post_action)
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
            configured=self._host,
            reached=reached[0] if reached else "",
        ):
            return _refusal(421, "This is not the address of this gate; use its IP address.")
        try:
            return await handler(request)
        except GatedError as error:
            return _refusal(503, str(error))
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
        if _is_local(request):
            return web.json_response({**state, "access": "full"})
        return web.json_response({**guard.without_guests(state), "access": "view"})

    async def _get_events(self, request: web.Request) -> web.StreamResponse:
        return await self._stream.serve(request, local=_is_local(request))

    async def _get_picture(self, request: web.Request) -> web.StreamResponse:
        if not _is_local(request):
            return _refusal(403, "The picture is shown on the gate itself only.")
        picture = await self._picture()
        if picture is None:
            return _refusal(404, "The camera has no picture yet.")
        return web.Response(body=picture, content_type="image/jpeg")

    async def _post_action(self, request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if not _is_local(request):
            return _refusal(403, "Buttons work on the gate itself only.")
        if request.content_type != "application/json":
            return _refusal(403, "An action is sent as application/json.")
        if origin is not None and not guard.is_same_origin(origin, request.headers["Host"]):
            return _refusal(403, "Another site may not press buttons here.")
        action = self._actions.get(request.match_info["name"])
        if action is None:
            return _refusal(404, "This gate has no such action.")
        try:
            arguments = json.loads(await request.read())
        except ValueError:
            return _refusal(400, "The action is not JSON.")
        if not isinstance(arguments, dict):
            return _refusal(400, "The action is not a JSON object.")
        try:
            await action(arguments)
        except GatedError as error:
            return _refusal(409, str(error))
        return web.json_response({"done": True})

    async def _fresh_state(self) -> dict[str, Any]:
        async with asyncio.timeout(STATE_TIMEOUT_S):
            return await self._state()


def _is_local(request: web.Request) -> bool:
    return guard.is_local(request.remote, request.headers)


def _refusal(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)


async def _harden(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    is_static = request.path.startswith("/static/")
    response.headers["Cache-Control"] = "no-cache" if is_static else "no-store"


def _cannot_listen(host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        problem = Problem("[web] port", f"{port} is taken by another program", "choose another")
    elif error.errno == errno.EACCES:
        problem = Problem("[web] port", f"{port} is for root only", "choose one from 1024 up")
    else:
        problem = Problem("[web] host", f"cannot listen on {host!r}: {error.strerror or error}")
    return ConfigError([problem])
