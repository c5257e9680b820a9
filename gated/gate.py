"""One scan from start to end. The file to read first."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from gated.errors import PanelError, StoreError
from gated.logs import printable, short
from gated.model import Reason, Verdict
from gated.server.handshake import STAND_IN, is_handshake
from gated.signals import Book
from gated.signed import could_be_signed
from gated.store.redeem import Ask, Asking, Fresh, Redeemed, Redemption, redeem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gated.clock import Clock
    from gated.config import Policy
    from gated.health import Health
    from gated.model import Decision, Listed, Scan, Sighting
    from gated.panel import Panel
    from gated.passage import Passage
    from gated.signals import Signal
    from gated.store.database import Store
    from gated.store.tickets import Keeper

logger = logging.getLogger(__name__)

_AT_ONCE = 8
_WELL_AGAIN = {"gate": "guests are answered again", "store": "scans are recorded again"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A sighting and the answer its guest saw; `ms` from frame to lamp, and what of it where."""

    sighting: Sighting
    decision: Decision
    scans: tuple[Scan, ...]
    signal: Signal
    ms: float
    store_ms: float
    asked: bool = False


class Gate:
    """Turns sightings into signals, each recorded before it is shown.

    What it needs of its siblings it gets as callables: `ask` fetches the tickets of a secret from
    the server by list, or None when there was no answer in time; `asking` says whether it is worth
    trying; `reports` whether refused scans are told to the server; `on_shown` hears of every
    answer; `is_tryout` tells codes that are held up to try the camera from guests, `is_free`
    whether the way is open for everybody.
    """

    def __init__(
        self,
        store: Store,
        panel: Panel,
        keeper: Keeper,
        clock: Clock,
        health: Health,
        *,
        passage: Passage,
        lists: tuple[int, ...],
        policy: Policy,
        asking: Callable[[], Asking],
        ask: Callable[[str], Awaitable[dict[int, tuple[Listed, ...]] | None]],
        reports: Callable[[], bool],
        on_shown: Callable[[Shown], None],
        signals: Book | None = None,
        is_tryout: Callable[[Sighting], bool] = lambda _: False,
        is_free: Callable[[], bool] = lambda: False,
    ) -> None:
        self._is_tryout = is_tryout
        self._is_free = is_free
        self._signals = signals or Book()
        self._store = store
        self._panel = panel
        self._keeper = keeper
        self._clock = clock
        self._health = health
        self._passage = passage
        self._lists = lists
        self._policy = policy
        self._asking = asking
        self._ask = ask
        self._reports = reports
        self._on_shown = on_shown
        self._latest: tuple[tuple[str, str], Signal] | None = None
        self._in_hand: set[asyncio.Task[None]] = set()
        self._ill: set[str] = set()

    async def run(self, sightings: asyncio.Queue[Sighting | None]) -> None:
        """Answer sightings until a None comes; those in hand are then finished and shown."""
        places = asyncio.Semaphore(_AT_ONCE)
        try:
            while sighting := await sightings.get():
                if self._is_tryout(sighting):
                    continue
                # Who waits for the server's word must not hold up the next guest.
                await places.acquire()
                task = asyncio.create_task(self._scan_safely(sighting), name="scan")
                self._in_hand.add(task)
                task.add_done_callback(self._in_hand.discard)
                task.add_done_callback(lambda _: places.release())
        finally:
            if self._in_hand:
                await asyncio.wait(self._in_hand, timeout=1.0)

    async def _scan_safely(self, sighting: Sighting) -> None:
        """Nothing that goes wrong with one guest may keep out the next, or turn green."""
        try:
            if await self.scan(sighting):
                while self._ill:
                    part = self._ill.pop()
                    self._health.ok(part, _WELL_AGAIN[part])
        except StoreError as error:
            logger.error("a scan could not be recorded: %s", error)
            self._fail("store", str(error))
        except Exception:
            logger.exception("a scan failed")
            self._fail("gate", "a scan failed; the log says why")

    async def scan(self, sighting: Sighting) -> Shown | None:
        """Decide, record, show; None when it was the same guest again. Raises StoreError."""
        if self._is_on_the_way(sighting) or (sighting.again and self._repeat(sighting)):
            return None
        if is_handshake(sighting.text):
            # Its token is a secret, and no guest's: neither asked about, nor kept, nor reported.
            sighting = replace(sighting, text=STAND_IN)
            logger.warning("a device's code was held up: enrolling this gate anew needs the admin")
        redemption = self._redemption(sighting)
        asking = Asking.AWAY if redemption.free_flow else self._asking()
        started = time.perf_counter()
        answer = await self._store.write(partial(redeem, redemption=redemption, asking=asking))
        asked = isinstance(answer, Ask)
        if isinstance(answer, Ask):
            answer = await self._redeem_for_good(sighting, redemption, answer)
        store_ms = (time.perf_counter() - started) * 1000
        return self._show(sighting, answer, store_ms=store_ms, asked=asked)

    def _redemption(self, sighting: Sighting) -> Redemption:
        """All that the transaction does not find in the database."""
        vault, reports = self._store.vault, self._reports()
        kept = reports or could_be_signed(sighting.text)
        return Redemption(
            nonce=secrets.token_hex(16),
            type=sighting.type,
            secret_hash=vault.hash(sighting.text),
            at=self._clock.wall(),
            lists=self._lists,
            policy=self._policy,
            boot_id=self._clock.boot_id,
            monotonic_ns=int(sighting.seen * 1e9),
            eye=sighting.eye,
            clock=self._clock.trust,
            awaits=self._passage.awaits,
            free_flow=self._is_free(),
            reports=reports,
            text=sighting.text,
            sealed_text=vault.seal(sighting.text) if kept else None,
        )

    async def _redeem_for_good(
        self, sighting: Sighting, redemption: Redemption, ask: Ask
    ) -> Redeemed:
        """A red that fresher data could overturn: hear the server first, if it is quick."""
        tickets = await self._ask(sighting.text)
        fresh = Fresh(tickets, ask.known_no, self._keeper) if tickets is not None else None
        answer = await self._store.write(
            partial(redeem, redemption=redemption, asking=Asking.AWAY, fresh=fresh)
        )
        assert isinstance(answer, Redeemed)  # noqa: S101  the second time is final
        return answer

    def _show(self, sighting: Sighting, answer: Redeemed, *, store_ms: float, asked: bool) -> Shown:
        decision = answer.decision
        signal = self._signals.answer(decision.verdict, decision.reason)
        self._light(signal)
        if decision.verdict.admits:
            self._passage.grant(
                answer.scans[0].sighting,
                (sighting.text, sighting.type),
                lit_s=signal.seconds,
                awaited=answer.scans[0].passage == "awaited",
            )
        ms = (self._clock.monotonic() - sighting.seen) * 1000
        self._latest = ((sighting.text, sighting.type), signal)
        shown = Shown(sighting, decision, answer.scans, signal, ms, store_ms, asked)
        _log(shown)
        self._on_shown(shown)
        return shown

    def _is_on_the_way(self, sighting: Sighting) -> bool:
        """Let through already and not yet through: the way is open for as long again."""
        key = (sighting.text, sighting.type)
        signal = self._signals.answer(Verdict.ADMIT, Reason.ENTERED)
        if not self._passage.again(key, lit_s=signal.seconds):
            return False
        self._light(self._latest[1] if self._latest and self._latest[0] == key else signal)
        return True

    def _repeat(self, sighting: Sighting) -> bool:
        """Shown again by the same guest: the same answer, and nothing written."""
        key = (sighting.text, sighting.type)
        if self._passage.has_lapsed(key) or self._latest is None or self._latest[0] != key:
            return False
        if self._is_free() or self._latest[1].name == "free_flow":
            return False  # what held a moment ago need not hold now
        self._light(self._latest[1])
        return True

    def _light(self, signal: Signal) -> None:
        """A dead lamp is a matter for the page; the guest was decided all the same."""
        try:
            self._panel.show(signal)
        except PanelError as error:
            self._health.fail("panel", str(error))
            logger.error("%s", error)

    def _fail(self, part: str, words: str) -> None:
        self._ill.add(part)
        self._health.fail(part, words)
        self._light(self._signals.signals["error"])


def _word(verdict: Verdict) -> str:
    return {
        Verdict.ADMIT: "accepted",
        Verdict.ATTENTION: "accepted with attention",
        Verdict.REFUSE: "refused",
    }[verdict]


def _log(shown: Shown) -> None:
    """One line a scan; in the journal also with fields, to look for."""
    sighting, decision, scan = shown.sighting, shown.decision, shown.scans[0]
    ticket = scan.order_code or short(sighting.text)
    logger.info(
        "%s %s %s %s %.0f ms",
        sighting.type,
        _word(decision.verdict),
        decision.reason,
        ticket,
        shown.ms,
        extra={
            "fields": {
                "VERDICT": decision.verdict.word,
                "REASON": str(decision.reason),
                "MODE": str(sighting.type),
                "TICKET": ticket,
                "NONCE": scan.nonce,
                "EYE": printable(sighting.eye),
                "ASKED": "yes" if shown.asked else "no",
                "MS": f"{shown.ms:.0f}",
                "STORE_MS": f"{shown.store_ms:.0f}",
            }
        },
    )
