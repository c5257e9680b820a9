"""What is seen of a gate from afar: /metrics for Prometheus, /healthz and /readyz for the rest."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from gated.web.listening import listen, url_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from gated.web.gauges import Gauges
    from gated.web.meter import Meter
    from gated.web.vitals import Vitals

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "gated",
    "X-Content-Type-Options": "nosniff",
}


class Metrics:
    """Serves numbers inside `async with`, to whoever reaches the port.

    Raises ConfigError if it cannot listen.
    """

    def __init__(
        self, *, host: str, port: int, meter: Meter, gauges: Gauges, vitals: Vitals
    ) -> None:
        self.port = port
        self._host = host
        self._meter = meter
        self._gauges = gauges
        self._vitals = vitals
        self._plain = _Plain(meter.registry)
        self._open = AsyncExitStack()
        meter.registry.register(gauges)

    @property
    def url(self) -> str:
        """Where a program on this machine finds it."""
        return url_of(self._host, self.port)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.on_response_prepare.append(_harden)
        app.router.add_get("/metrics", self._get_metrics)
        app.router.add_get("/healthz", self._get_health)
        app.router.add_get("/readyz", self._get_readiness)
        async with AsyncExitStack() as opened:
            self.port = await listen(opened, app, self._host, self.port, section="metrics")
            pulse = asyncio.create_task(self._meter.feel_pulse(), name="pulse")
            opened.push_async_callback(_end, pulse)
            self._open = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def _get_metrics(self, _request: web.Request) -> web.Response:
        await self._gauges.read()
        # Writing it down takes milliseconds on a Pi: a guest's turn in the loop comes first.
        text = await asyncio.to_thread(generate_latest, self._plain)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _get_health(self, _request: web.Request) -> web.Response:
        if ill := await self._vitals.ill():
            return web.json_response({"alive": False, "error": ill}, status=503)
        return web.json_response({"alive": True})

    async def _get_readiness(self, _request: web.Request) -> web.Response:
        if why := await self._vitals.unready():
            return web.json_response({"ready": False, "error": "; ".join(why)}, status=503)
        return web.json_response({"ready": True})


class _Plain(Collector):
    """A registry without the times at which the library made its counters."""

    def __init__(self, registry: Collector) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [one for one in family.samples if not one.name.endswith("_created")]
            yield family


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _harden(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
