"""Listening on a port: opened with a sentence where that fails, closed without waiting."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from aiohttp import web

from gated.errors import ConfigError, Problem

if TYPE_CHECKING:
    import ssl
    from contextlib import AsyncExitStack

EVERYWHERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - listens on none
STOP_TIMEOUT_S = 1.0


async def listen(
    opened: AsyncExitStack,
    app: web.Application,
    host: str,
    port: int,
    *,
    section: str,
    tls: ssl.SSLContext | None = None,
) -> int:
    """Serve until `opened` is closed; gives the port, which 0 leaves to the system.

    Raises ConfigError, naming the section of the config, if it cannot listen.
    """
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=STOP_TIMEOUT_S
    )
    await runner.setup()
    opened.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, host or None, port, ssl_context=tls).start()
    except OSError as error:
        raise _cannot_listen(section, host, port, error) from None
    return int(runner.addresses[0][1])


def url_of(host: str, port: int, *, scheme: str = "http") -> str:
    """Where a program on this machine finds what listens there."""
    host = EVERYWHERE.get(host, host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}/"


def _cannot_listen(section: str, host: str, port: int, error: OSError) -> ConfigError:
    if error.errno == errno.EADDRINUSE:
        problem = Problem(
            f"[{section}] port", f"{port} is taken by another program", "choose another"
        )
    elif error.errno == errno.EACCES:
        problem = Problem(
            f"[{section}] port", f"{port} is for root only", "choose one from 1024 up"
        )
    else:
        what = f"cannot listen on {host!r}: {error.strerror or error}"
        problem = Problem(f"[{section}] host", what)
    return ConfigError([problem])
