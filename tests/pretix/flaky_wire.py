"""A stretch of wire before the server on which answers get lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Wire:
    """`url` leads to the server; `loses` tells lost answers by request line and status."""

    url: str
    loses: Callable[[str, int], bool]
    lost: list[str] = field(default_factory=list)


@asynccontextmanager
async def flaky_wire(port: int, *, loses: Callable[[str, int], bool]) -> AsyncIterator[Wire]:
    """Forward one request a connection to a server on loopback; the server always gets it."""
    wire = Wire("", loses)

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _request(reader)
            first_line = request.partition(b"\r\n")[0].decode()
            to_server, from_us = await asyncio.open_connection("127.0.0.1", port)
            from_us.write(request)
            answer = await to_server.read(-1)
            from_us.close()
            if wire.loses(first_line, int(answer.split()[1])):
                wire.lost.append(first_line)
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, IndexError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield wire


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + await reader.readexactly(length)
