"""The control socket: how `gated status` and the like speak to the running daemon."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import TYPE_CHECKING, Any, Self

import aiohttp
from aiohttp import web

from gated.errors import ConfigError, GatedError, Problem, ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path


class Control:
    """Serves commands on a Unix socket inside `async with`.

    Each of `commands` takes the caller's JSON object and a function that sends one JSON object
    back, as often as it likes; GatedError becomes the last one. Who may connect is a matter of
    the file's mode: user and group. Raises ConfigError if it cannot listen.
    """

    def __init__(
        self,
        path: Path,
        commands: Mapping[
            str,
            Callable[
                [dict[str, Any], Callable[[dict[str, Any]], Awaitable[None]]], Awaitable[None]
            ],
        ],
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
            self._path.unlink(missing_ok=True)
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
    path: Path, command: str, arguments: Mapping[str, Any] | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Run a command of the daemon and give the lines of its answer.

    Raises GatedError with the daemon's sentence, or ServerUnreachable when it went away.
    """
    connector = aiohttp.UnixConnector(path=str(path))
    try:
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(f"http://gated/{command}", json=dict(arguments or {})) as response,
        ):
            async for line in response.content:
                answer = json.loads(line)
                if "error" in answer:
                    error = GatedError(answer["error"])
                    error.exit_status = answer.get("exit_status", 1)
                    raise error
                yield answer
    except (aiohttp.ClientError, asyncio.IncompleteReadError) as error:
        raise ServerUnreachable(f"the daemon does not answer: {error}") from error
