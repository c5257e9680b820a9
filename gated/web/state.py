"""The gate in figures: what the page shows and `gated status` prints."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gated import __version__
from gated.health import Level
from gated.logs import short
from gated.model import Reason, ScanType, Verdict
from gated.signal_table import status_table, table
from gated.signals import reason_words
from gated.store.figures import Figures, figures
from gated.store.rows import moment, stamp
from gated.sync.timekeeper import words as clock_words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from datetime import datetime

    from gated.clock import Clock
    from gated.config import Config
    from gated.desk import Desk
    from gated.gate import Shown
    from gated.health import Health
    from gated.model import Scan
    from gated.panel import Lamps
    from gated.server.dialects import Capabilities
    from gated.signal_table import Row
    from gated.signals import Book
    from gated.store.database import Store
    from gated.store.flow import Passed

_REMEMBERED = 200


def describe(found: Figures, now: datetime) -> dict[str, Any]:
    """The part of the state that the database gives, as JSON values."""
    oldest = moment(found.outbox.oldest)
    age = (now - found.pulled_at).total_seconds() if found.pulled_at else None
    return {
        "scans": [_scan(scan) for scan in found.scans],
        "counts": {
            "in": found.counts.entries,
            "out": found.counts.exits,
            "inside": found.counts.inside,
            "flow": {
                "minute": _passed(found.flow.minute),
                "quarter": _passed(found.flow.quarter),
                "quarters": {
                    begin: _passed(passed) for begin, passed in found.flow.quarters.items()
                },
            },
            "refused": {
                reason: {"count": count, "words": _refused_words(reason)}
                for reason, count in found.counts.refused.items()
            },
        },
        "outbox": {
            "waiting": found.outbox.waiting,
            "settled": found.outbox.settled,
            "shelved": found.outbox.shelved,
            "refused": found.outbox.refused,
            "troubled": [_scan(scan) for scan in found.troubled],
            "oldest_s": max(0.0, (now - oldest).total_seconds()) if oldest else None,
        },
        "list": {
            "tickets": found.tickets,
            "age_s": max(0.0, age) if age is not None else None,
            "names": found.list_names,
            "words": "" if found.pulled_at else "the list was not downloaded yet",
        },
    }


class Overview:
    """Puts together the whole state of a running gate."""

    def __init__(
        self,
        config: Config,
        store: Store,
        clock: Clock,
        health: Health,
        *,
        desk: Desk,
        coming: Callable[[], str],
        passage: Callable[[], dict[str, Any] | None],
        emergency: Callable[[], dict[str, Any]],
        lamps: Callable[[], Lamps],
        signals: Book,
        eyes: Callable[[], dict[str, Any]],
        capabilities: Callable[[], Capabilities | None],
        closing: Callable[[], Awaitable[dict[str, Any] | None]],
        census: Callable[[], dict[str, Any]],
        enrolment: Callable[[], dict[str, Any]],
        demo: Callable[[], dict[str, Any] | None] | None = None,
    ) -> None:
        self._config = config
        self._store = store
        self._clock = clock
        self._health = health
        self._desk = desk
        self._coming = coming
        self._passage = passage
        self._emergency = emergency
        self._lamps = lamps
        self._signals = signals
        self._eyes = eyes
        self._capabilities = capabilities
        self._closing = closing
        self._census = census
        self._enrolment = enrolment
        self._demo = demo
        # Counted, not stamped: a clock that is put right later would leave them in the past.
        self._started = clock.monotonic()
        self._last_ok: float | None = None
        self._remembered: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def remember(self, shown: Shown) -> None:
        """Keep what the database does not: how long it took, and how the code began."""
        self._remembered[shown.scans[0].nonce] = (shown.ms, short(shown.sighting.text))
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)

    def reached(self) -> None:
        """The server answered just now."""
        self._last_ok = self._clock.monotonic()

    @property
    def answer_age_s(self) -> float | None:
        """How long ago the server answered last; None before the first answer."""
        return None if self._last_ok is None else self._clock.monotonic() - self._last_ok

    def lamps(self) -> dict[str, int]:
        """The lamps alone."""
        return {name: int(value) for name, value in asdict(self._lamps()).items()}

    async def sentence(self) -> str:
        """The state in one line, for `systemctl status`. Raises StoreError."""
        standing = self._health.of("enrolment")
        if standing and standing.level:
            return standing.words
        lists = self._config.server.checkin_lists
        found = await self._store.read(lambda db: figures(db, lists, self._clock.wall()))
        mode = "check-in" if self._desk.mode is ScanType.ENTRY else "check-out"
        return (
            f"{mode}; in {found.counts.entries}, out {found.counts.exits},"
            f" refused {sum(found.counts.refused.values())}; {found.tickets} tickets,"
            f" {found.outbox.waiting} scans to be told"
        )

    def _panel(self) -> dict[str, Any]:
        """What the lamps can say, and what the status lamp says."""
        pattern = self._signals.status[self._health.pattern]
        return {
            "status": pattern.name,
            "words": pattern.meaning,
            "passage": self._passage(),
            "signals": _table(table(self._signals.signals.values())),
            "patterns": _table(status_table(self._signals.status.values())),
        }

    async def state(self) -> dict[str, Any]:
        """The whole. Raises StoreError."""
        lists = self._config.server.checkin_lists
        found = await self._store.read(lambda db: figures(db, lists, self._clock.wall()))
        now = self._clock.wall()
        state = describe(found, now)
        for scan in state["scans"]:
            ms, code = self._remembered.get(scan["nonce"], (None, "…"))
            scan["ms"] = ms
            scan["ticket"] = scan["ticket"] or code
        server, can = self._health.of("server"), self._capabilities()
        return {
            "gate": {
                "name": self._config.gate.name,
                "mode": str(self._desk.mode),
                "locked": self._desk.locked,
                "coming": self._coming(),
                "emergency": self._emergency(),
                "version": __version__,
                "started": stamp(self._at(self._started)),
            },
            "time": stamp(now),
            "clock": {
                "trust": str(self._clock.trust),
                "off_s": round(self._clock.off.total_seconds()),
                "words": clock_words(self._clock),
            },
            "lamps": self.lamps(),
            "panel": self._panel(),
            **self._eyes(),
            **state,
            "server": {
                "level": server.level.word if server else Level.WARNING.word,
                "words": server.words if server else "not asked yet",
                "url": self._config.server.url,
                "last_ok": None if self._last_ok is None else stamp(self._at(self._last_ok)),
                "version": can.version if can else "",
                "missing": [
                    {"name": one.name, "needs": one.needs, "cost": one.cost}
                    for one in (can.missing if can else ())
                ],
            },
            "health": [
                {"part": one.part, "level": one.level.word, "words": one.words}
                for one in self._health.conditions
            ],
            "census": self._census(),
            "enrolment": self._enrolment(),
            "closing": await self._closing(),
            "demo": self._demo() if self._demo else None,
        }

    def _at(self, monotonic_s: float) -> datetime:
        return self._clock.began + timedelta(seconds=monotonic_s)


def _table(rows: Iterable[Row]) -> list[dict[str, str]]:
    return [asdict(row) for row in rows]


def _passed(passed: Passed) -> dict[str, int]:
    return {"in": passed.entries, "out": passed.exits}


def _scan(scan: Scan) -> dict[str, Any]:
    return {
        "nonce": scan.nonce,
        "at": stamp(scan.at),
        "type": str(scan.type),
        "verdict": str(scan.verdict),
        "reason": str(scan.reason),
        "words": reason_words(scan.reason, scan.verdict, scan.type),
        "ticket": scan.order_code,
        "state": str(scan.state),
        "server": scan.server_message or scan.server_reason,
        "ms": None,
    }


def _refused_words(reason: str) -> str:
    return reason_words(Reason(reason), Verdict.REFUSE, ScanType.ENTRY)
