"""What is counted and timed for Prometheus while it happens; nothing in it tells of a guest."""

from __future__ import annotations

import asyncio
import platform
import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, Info
from prometheus_client.process_collector import ProcessCollector

from gated import __version__
from gated.model import Reason, ScanType, Verdict

if TYPE_CHECKING:
    from gated.gate import Shown

_DECODE_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1)
_LAMP_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1)
_LAG_S = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5)
_BEAT_S = 1.0


class Meter:
    """Counters and histograms in a registry of their own, which outlives no gate.

    Each call takes microseconds and waits for nobody; `looked` may come from the camera thread.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        build = Info("gated_build", "What runs here.", registry=registry)
        build.info({"version": __version__, "python": platform.python_version()})
        self._scans = Counter(
            "gated_scans",
            "Guests answered, by the mode of the gate, the answer and its reason.",
            ("mode", "verdict", "reason"),
            registry=registry,
        )
        # A series that begins at its first scan has no rate for it.
        self._scans.labels(ScanType.ENTRY, Verdict.ADMIT.word, Reason.ENTERED)
        self._scans.labels(ScanType.EXIT, Verdict.ADMIT.word, Reason.LEFT)
        self._lamp = Histogram(
            "gated_frame_to_lamp_seconds",
            "From the frame that showed the code to the lamp; asked: after asking the server.",
            ("asked",),
            buckets=_LAMP_S,
            registry=registry,
        )
        self._by_asked = {asked: self._lamp.labels("yes" if asked else "no") for asked in (0, 1)}
        self._decode = Histogram(
            "gated_decode_seconds",
            "Looking for codes in one frame in which something stirs.",
            buckets=_DECODE_S,
            registry=registry,
        )
        self._lag = Histogram(
            "gated_loop_lag_seconds",
            "How late the event loop came to a task that was due, looked at once a second.",
            buckets=_LAG_S,
            registry=registry,
        )

    def shown(self, answer: Shown) -> None:
        """Count a guest who was answered."""
        decision = answer.decision
        self._scans.labels(answer.sighting.type, decision.verdict.word, decision.reason).inc()
        self._by_asked[answer.asked].observe(answer.ms / 1000)

    def looked(self, ms: float) -> None:
        """Take in how long looking for codes in a frame took."""
        self._decode.observe(ms / 1000)

    async def feel_pulse(self) -> None:
        """Measure for ever how late the loop is."""
        while True:
            due = time.monotonic() + _BEAT_S
            await asyncio.sleep(_BEAT_S)
            self._lag.observe(max(0.0, time.monotonic() - due))
