"""What is measured for a monitoring, where the config asks for it; else nothing is even loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gated.web.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from gated.camera.eyes import Eyes
    from gated.clock import Clock
    from gated.config import Config
    from gated.desk import Desk
    from gated.gate import Shown
    from gated.health import Health
    from gated.store.database import Store
    from gated.web.meter import Meter
    from gated.web.metrics import Metrics
    from gated.web.state import Overview


class Afar:
    """What is heard of the gate's work, and who is told; without `[metrics] port` nobody is."""

    def __init__(self, vitals: Vitals, meter: Meter | None, served: Metrics | None) -> None:
        self.vitals = vitals
        self.served = served
        self._meter = meter

    def shown(self, answer: Shown) -> None:
        """Hear of a guest who was answered."""
        if self._meter:
            self._meter.shown(answer)

    def looked(self, ms: float) -> None:
        """Hear how long looking for codes in a frame took; from any thread."""
        if self._meter:
            self._meter.looked(ms)


async def open_afar(
    stack: AsyncExitStack,
    config: Config,
    store: Store,
    clock: Clock,
    health: Health,
    *,
    desk: Desk,
    eyes: Eyes,
    differences: Callable[[], int],
    overview: Overview,
) -> Afar:
    """Serve until the stack is closed, if the config says where. Raises ConfigError.

    `differences` says about how many people server and gate disagree.
    """
    vitals = Vitals(store, clock, eyes, old_s=config.server.old_after_s)
    if config.metrics.port is None:
        return Afar(vitals, None, None)
    # The library takes as long to load as aiohttp does.
    from gated.web.gauges import Gauges  # noqa: PLC0415
    from gated.web.meter import Meter  # noqa: PLC0415
    from gated.web.metrics import Metrics  # noqa: PLC0415

    meter = Meter()
    gauges = Gauges(
        config,
        store,
        clock,
        health,
        desk=desk,
        eyes=eyes,
        differences=differences,
        overview=overview,
        vitals=vitals,
    )
    host, port = config.metrics.host, config.metrics.port
    metrics = Metrics(host=host, port=port, meter=meter, gauges=gauges, vitals=vitals)
    return Afar(vitals, meter, await stack.enter_async_context(metrics))
