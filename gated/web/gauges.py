"""What Prometheus reads off the gate at the moment it asks; nothing in it tells of a guest."""

from __future__ import annotations

import asyncio
import math
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from gated import board
from gated.errors import StoreError
from gated.model import ScanType, Trust
from gated.store.figures import stock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from prometheus_client.core import Metric

    from gated.camera.eyes import Eyes
    from gated.camera.reader import Reader
    from gated.clock import Clock
    from gated.config import Config
    from gated.desk import Desk
    from gated.health import Health
    from gated.store.database import Store
    from gated.store.figures import Stock
    from gated.web.state import Overview
    from gated.web.vitals import Vitals

_ANSWER_S = 5.0
# The bits of board.Power, as vcgencmd's documentation names them.
_POWER = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")
_SINCE_START = 16
_TRUSTS = (Trust.SYNCHRONISED, Trust.LEARNT, Trust.UNKNOWN)


class Gauges(Collector):
    """Gives the registry what the last `read` found."""

    def __init__(
        self,
        config: Config,
        store: Store,
        clock: Clock,
        health: Health,
        *,
        desk: Desk,
        eyes: Eyes,
        differences: Callable[[], int],
        overview: Overview,
        vitals: Vitals,
        root: Path = Path("/"),
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._health = health
        self._desk = desk
        self._eyes = eyes
        self._differences = differences
        self._overview = overview
        self._vitals = vitals
        self._root = root
        self._found: list[Metric] = []

    def collect(self) -> Iterable[Metric]:
        """Give what was read."""
        return self._found

    async def read(self) -> None:
        """Read everything anew; a database that does not answer costs only its own numbers."""
        found = await self._stock()
        warm, power = await asyncio.to_thread(self._board)
        ill = await self._vitals.ill()
        self._found = [
            _gauge("gated_alive", "1 while the watchdog is fed.", not ill),
            _gauge("gated_store_answers", "1 while the database answers.", found is not None),
            *(self._of_stock(found) if found else ()),
            *self._of_server(),
            *self._of_clock(),
            *(_of_camera(self._eyes.reader) if self._eyes.reader else ()),
            *self._of_box(),
            *_of_board(warm, power),
        ]

    async def _stock(self) -> Stock | None:
        work = partial(stock, lists=self._config.server.checkin_lists)
        try:
            async with asyncio.timeout(_ANSWER_S):
                return await self._store.read(work)
        except (StoreError, TimeoutError):
            return None

    def _board(self) -> tuple[float | None, board.Power | None]:
        return board.temperature_c(self._root), board.power(self._root)

    def _of_stock(self, found: Stock) -> Iterator[Metric]:
        now = self._clock.wall()
        waits_s = (now - found.oldest_waiting).total_seconds() if found.oldest_waiting else 0.0
        age_s = (now - found.pulled_at).total_seconds() if found.pulled_at else math.inf
        yield _gauge("gated_people_inside", "People inside by all the gate knows.", found.inside)
        yield _labelled(
            "gated_outbox_scans",
            "Scans of the ledger by what became of them at the server.",
            "state",
            {str(state): count for state, count in found.scans.items()},
        )
        yield _gauge(
            "gated_outbox_oldest_seconds",
            "Age of the oldest scan the server was not told of; 0 where it was told of all.",
            max(0.0, waits_s),
        )
        yield _gauge("gated_list_tickets", "Tickets on the list.", found.tickets)
        yield _gauge(
            "gated_list_age_seconds",
            "Age of the list; infinite where it was never downloaded.",
            max(0.0, age_s),
        )
        yield _gauge(
            "gated_list_old_after_seconds",
            "From which age on the list counts as old: [server] old_after_s.",
            self._config.server.old_after_s,
        )
        yield _gauge("gated_store_schema", "The form of the database.", found.schema)

    def _of_server(self) -> Iterator[Metric]:
        age_s = self._overview.answer_age_s
        yield _gauge(
            "gated_server_answer_age_seconds",
            "Time since the ticket server's last answer; infinite where it never answered.",
            math.inf if age_s is None else age_s,
        )
        yield _gauge(
            "gated_differences",
            "People about whom the server and this gate disagree.",
            self._differences(),
        )

    def _of_clock(self) -> Iterator[Metric]:
        yield _labelled(
            "gated_clock_trust",
            "1 for where the time comes from.",
            "trust",
            {str(one): one is self._clock.trust for one in _TRUSTS},
        )
        yield _gauge(
            "gated_clock_off_seconds",
            "How far the system's clock is ahead of the time.",
            self._clock.off.total_seconds(),
        )

    def _of_box(self) -> Iterator[Metric]:
        yield _labelled(
            "gated_mode",
            "1 for what the gate does: entry checks in, exit checks out.",
            "mode",
            {str(one): one is self._desk.mode for one in ScanType},
        )
        yield _labelled(
            "gated_part_level",
            "How each part is: 0 well, 1 with a limp, 2 not working.",
            "part",
            {one.part: one.level for one in self._health.conditions},
        )
        yield _labelled(
            "gated_scanner_there",
            "1 while the scan engine is plugged in.",
            "scanner",
            {scanner.name: scanner.is_there for scanner in self._eyes.scanners},
        )
        disk = shutil.disk_usage(self._store.path.parent)
        yield _gauge("gated_disk_free_bytes", "What is left for the database.", disk.free)


def _of_camera(reader: Reader) -> Iterator[Metric]:
    quality = reader.eye.quality
    yield _gauge("gated_camera_fps", "Pictures a second, over the last two.", reader.fps)
    yield _gauge(
        "gated_camera_silent_seconds",
        "Time since the camera's last sign of life.",
        max(0.0, reader.silent_s),
    )
    for name, words, count in (
        ("frames", "Pictures taken.", reader.frames),
        ("reads", "Codes read; the same one counts in every picture.", reader.reads),
        ("restarts", "Times the camera was started anew.", max(0, reader.starts - 1)),
        ("openings", "Times something came into view.", quality.openings),
        ("openings_read", "Times in which a code was read.", quality.read),
        ("openings_unread", "Times in which a code was seen but not read.", quality.unread),
    ):
        yield CounterMetricFamily(f"gated_camera_{name}", words, value=count)


def _of_board(warm: float | None, power: board.Power | None) -> Iterator[Metric]:
    if warm is not None:
        yield _gauge("gated_board_temperature_celsius", "How warm the processor is.", warm)
    if power is not None:
        for name, when, shift in (
            ("gated_board_power", "at this moment", 0),
            ("gated_board_power_since_start", "since the board's start", _SINCE_START),
        ):
            bits = {what: power.bits >> shift + bit & 1 for bit, what in enumerate(_POWER)}
            yield _labelled(
                name, f"1 for what is or was wrong with the power {when}.", "what", bits
            )


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def _labelled(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for of, value in values.items():
        family.add_metric([of], float(value))
    return family
