"""How an answer leaves: whole, in dribbles, cut short, or not at all."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from aiohttp.web_request import BaseRequest

    from gated.simulator.exchange import Reply

PIECE = 16
"""Bytes between two pauses of a slow answer."""


def reset(transport: asyncio.BaseTransport | None) -> None:
    """Break a connection at once, as a crash or a pulled plug does, so that the client sees it."""
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        # Lingering for zero seconds makes the kernel send RST in place of an orderly end.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if isinstance(transport, asyncio.Transport):
        transport.abort()


async def send(
    request: BaseRequest, reply: Reply, *, date: str, keep_alive: bool
) -> web.StreamResponse:
    """Send all of it; raises ConnectionError if the client is gone."""
    response = _response(reply, date=date, keep_alive=keep_alive)
    await response.prepare(request)
    if reply.body and request.method != "HEAD":
        await response.write(reply.body)
    await response.write_eof()
    return response


async def send_slowly(
    request: BaseRequest, reply: Reply, *, date: str, pause_s: float
) -> web.StreamResponse:
    """Send it a few bytes at a time."""
    response = _response(reply, date=date, keep_alive=False)
    await response.prepare(request)
    for start in range(0, len(reply.body), PIECE):
        await response.write(reply.body[start : start + PIECE])
        await asyncio.sleep(pause_s)
    await response.write_eof()
    return response


async def send_half(request: BaseRequest, reply: Reply, *, date: str) -> web.StreamResponse:
    """Promise all of it, send half, and hang up."""
    response = _response(reply, date=date, keep_alive=False)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _response(reply: Reply, *, date: str, keep_alive: bool) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=list(reply.headers))
    response.headers["Date"] = date
    if reply.status != 304:
        response.content_length = len(reply.body)
    if not keep_alive:
        response.force_close()
    return response
