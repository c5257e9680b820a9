"""Server-sent events: every open page gets the newest state, and no queue grows for a slow one."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

from gated.errors import GatedError
from gated.web.guard import Role, seen_by

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)


class Listener:
    """One open page: what it was not sent yet, the newest of each kind only."""

    def __init__(self, transport: asyncio.Transport | None, *, access: Callable[[], Role]) -> None:
        self.access = access
        self.transport = transport
        self.writing = False
        self.wake = asyncio.Event()
        self._greeted = False
        self._pending: dict[str, bytes] = {}

    def offer_state(self, message: bytes) -> None:
        """Take a whole state. It has the lamps in it, so lamps not yet sent are void."""
        self._greeted = True
        self._pending = {"state": message}
        self.wake.set()

    def offer_lamps(self, message: bytes) -> None:
        """Take the lamps; a page that was sent no state yet gets them with its first one."""
        if self._greeted:
            self._pending["lamps"] = message
            self.wake.set()

    def take(self) -> bytes:
        """What to send now; empty when nothing is due."""
        self.wake.clear()
        due = b"".join(self._pending.values())
        self._pending.clear()
        return due

    def hang_up(self) -> None:
        """Cut the connection without a word."""
        if self.transport:
            self.transport.abort()


class Stream:
    """Pushes states (coalesced) and lamps (at once) to every open page."""

    def __init__(
        self,
        *,
        state: Callable[[], Awaitable[dict[str, Any]]],
        lamps: Callable[[], dict[str, int]],
        gap_s: float = 0.2,
        refresh_s: float = 5.0,
        beat_s: float = 15.0,
        stuck_s: float = 30.0,
        most: int = 32,
    ) -> None:
        self._state = state
        self._lamps = lamps
        self._gap_s = gap_s
        self._refresh_s = refresh_s
        self._beat_s = beat_s
        self._stuck_s = stuck_s
        self._most = most
        self._listeners: set[Listener] = set()
        self._due = asyncio.Event()
        self._closing = False
        self._failing = False
        self._shown: dict[str, int] = {}
        self._pushing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._pushing = asyncio.create_task(self._push_for_ever(), name="web-push")
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        if self._pushing:
            self._pushing.cancel()
            with suppress(asyncio.CancelledError):
                await self._pushing

    def close(self) -> None:
        """End every stream; nobody is waited for who does not read."""
        self._closing = True
        for listener in self._listeners:
            listener.wake.set()
            if listener.writing:
                listener.hang_up()

    def changed(self) -> None:
        """Something changed: push a whole state soon."""
        self._due.set()

    def lamps_changed(self) -> None:
        """Push the lamps at once. Cheap when nobody listens or nothing changed."""
        if not self._listeners:
            return
        lamps = self._lamps()
        if lamps == self._shown:
            return
        self._shown = dict(lamps)
        message = _message("lamps", lamps)
        for listener in self._listeners:
            listener.offer_lamps(message)

    async def serve(
        self, request: web.Request, *, access: Callable[[], Role]
    ) -> web.StreamResponse:
        """Answer one page until it leaves, stops reading or the gate stops.

        `access` is asked anew for every state: who is logged out sees no guests from then on.
        """
        if self._closing or len(self._listeners) >= self._most:
            sentence = "Too many pages of this gate are open; close one and try again."
            return web.json_response({"error": sentence}, status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        _give_up_on_lost_peers(request, after_s=self._stuck_s)
        listener = Listener(request.transport, access=access)
        self._listeners.add(listener)
        self.changed()
        try:
            await self._feed(listener, response)
        except TimeoutError:
            listener.hang_up()
        except ConnectionError:
            pass
        finally:
            self._listeners.discard(listener)
        return response

    async def _feed(self, listener: Listener, response: web.StreamResponse) -> None:
        message = b"retry: 2000\n\n"
        while True:
            listener.writing = True
            async with asyncio.timeout(self._stuck_s):
                await response.write(message)
            listener.writing = False
            if self._closing:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(self._beat_s):
                    await listener.wake.wait()
            message = listener.take() or b": still here\n\n"

    async def _push_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                # Ages and rates move without anybody saying so.
                async with asyncio.timeout(self._refresh_s):
                    await self._due.wait()
            self._due.clear()
            if self._listeners:
                await self._push()
            await asyncio.sleep(self._gap_s)

    async def _push(self) -> None:
        try:
            state = await self._state()
            # The state may have been gathered over a moment in which the lamps went on.
            self._shown = dict(self._lamps())
            state = {**state, "lamps": self._shown}
            states = {role: _message("state", seen_by(role, state)) for role in Role}
        except Exception as error:
            # One bad state must not end the stream of lamps.
            level = logging.DEBUG if self._failing else logging.WARNING
            bug = not isinstance(error, GatedError)
            log.log(level, "the page has no state to show: %s", error, exc_info=bug)
            self._failing = True
            return
        if self._failing:
            log.info("the page has a state to show again")
            self._failing = False
        for listener in self._listeners:
            listener.offer_state(states[listener.access()])


def _message(kind: str, content: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(content)}\n\n".encode()


def _give_up_on_lost_peers(request: web.Request, *, after_s: float) -> None:
    # A phone that walked out of range would otherwise hold its place for a quarter of an hour.
    connection = request.transport and request.transport.get_extra_info("socket")
    if connection and sys.platform == "linux":
        limit_ms = int(after_s * 1000)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
