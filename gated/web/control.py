"""The control socket: how `gated status` and the like speak to the running daemon."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import socket
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from aiohttp import web

from gated.errors import ConfigError, GatedError, Problem, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    Say = Callable[[dict[str, Any]], Awaitable[None]]
    """Sends one JSON object back, as often as it likes."""
    Command = Callable[[dict[str, Any], Say], Awaitable[None]]
    """Takes the caller's JSON object; GatedError becomes the last line of the answer."""


class Control:
    """Serves commands on a Unix socket inside `async with`.

    Who may connect is a matter of the file's mode: user and group. Raises ConfigError if it
    cannot listen, or if another gate does.
    """

    def __init__(
        self,
        path: Path,
        commands: Mapping[str, Command],
    ) -> None:
        self._path = path
        self._commands = commands
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{command}", self._run)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _clear(self._path)
            await web.UnixSite(self._runner, self._path).start()
            self._path.chmod(0o660)
        except OSError as error:
            await self._runner.cleanup()
            what = f"cannot listen on {self._path}: {error.strerror or error}"
            raise ConfigError([Problem("[control] socket", what)]) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()
        self._path.unlink(missing_ok=True)

    async def _run(self, request: web.Request) -> web.StreamResponse:
        command = self._commands.get(request.match_info["command"])
        if command is None:
            return web.json_response({"error": "the daemon does not know this command"}, status=404)
        arguments = json.loads(await request.read() or b"{}")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)

        async def say(line: dict[str, Any]) -> None:
            await response.write(json.dumps(line).encode() + b"\n")

        try:
            await command(arguments, say)
        except GatedError as error:
            await say({"error": str(error), "exit_status": error.exit_status})
        await response.write_eof()
        return response


def is_running(path: Path) -> bool:
    """Whether a daemon listens on this socket."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        return True
    return False


async def call(
    path: Path,
    command: str,
    arguments: Mapping[str, Any] | None = None,
    *,
    silence_s: float = 10.0,
) -> AsyncIterator[dict[str, Any]]:
    """Run a command of the daemon and give the lines of its answer.

    Raises GatedError with the daemon's sentence, or ServerUnreachable when there is none, it went
    away, or it said nothing for `silence_s`.
    """
    connector = aiohttp.UnixConnector(path=str(path))
    timeout = aiohttp.ClientTimeout(total=None, sock_read=silence_s)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
            session.post(f"http://gated/{command}", json=dict(arguments or {})) as response,
        ):
            async for line in response.content:
                answer = json.loads(line)
                if "error" in answer:
                    error = GatedError(answer["error"])
                    error.exit_status = answer.get("exit_status", 1)
                    raise error
                yield answer
    except aiohttp.ClientConnectorError as error:
        why = error.os_error.strerror or str(error.os_error)
        raise ServerUnreachable(f"no running gate at {path}: {why}") from error
    except TimeoutError as error:
        raise ServerUnreachable(f"the gate said nothing for {silence_s:g} s") from error
    except (aiohttp.ClientError, asyncio.IncompleteReadError) as error:
        raise ServerUnreachable("the gate broke off: it stopped, or its log says why") from error


def _clear(path: Path) -> None:
    """Remove what a killed gate left there, and nothing else. Raises OSError."""
    if is_running(path):
        raise OSError(errno.EADDRINUSE, "another gate listens there")
    if path.is_socket():
        path.unlink()
    elif path.exists():
        raise OSError(errno.EEXIST, "there is a file that is no socket")
