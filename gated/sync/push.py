"""Up: every scan told to the server, in order per ticket, until it is settled."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gated.errors import BadReply, NotAuthorized, ServerRefused, ServerUnreachable
from gated.model import Scan, ScanType, State, Verdict
from gated.store import outbox
from gated.sync.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from gated.clock import Clock
    from gated.health import Health
    from gated.server.client import Client
    from gated.server.dialects import Capabilities
    from gated.store.database import Store
    from gated.store.outbox import Debt

logger = logging.getLogger(__name__)

_SIDE_BY_SIDE = 2
_FAILED = "failed"

# What may be overridden by telling it as a fact: the guest walked through already.
_FACTS = frozenset(
    {
        "already_redeemed",
        "blocked",
        "canceled",
        "invalid_time",
        "not_checked_in",
        "product",
        "revoked",
        "rules",
        "unapproved",
        "unpaid",
    }
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a scan."""

    state: State
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the server, how long a failed row rests, and when it is shelved."""

    first_s: float = 1.0
    longest_s: float = 60.0
    rest_s: float = 5.0
    longest_rest_s: float = 60.0
    strikes: int = 8


@dataclass
class _Rest:
    """A row that went to the back: its pause, and how often the server failed on it."""

    pace: Pace
    until: float = 0.0
    strikes: int = 0
    answers: int = 0


class Push:
    """Empties the outbox. `wake` says that there is something new, `back` that the server is."""

    def __init__(
        self,
        client: Client,
        store: Store,
        clock: Clock,
        health: Health,
        *,
        capabilities: Callable[[], Capabilities | None],
        exit_via: Literal["auto", "checkout", "redeem"] = "auto",
        on_settled: Callable[[Scan, Outcome], None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._health = health
        self._capabilities = capabilities
        self._exit_via = exit_via
        self._on_settled = on_settled
        self._patience = patience or Patience()
        self._new = asyncio.Event()
        self._back = asyncio.Event()
        self._resting: dict[str, _Rest] = {}
        self._answers = 0

    def wake(self) -> None:
        """Say that a scan was recorded."""
        self._new.set()

    def back(self) -> None:
        """Say that the server answers again: no pause is needed any more."""
        self._back.set()
        self._new.set()

    async def run(self) -> None:
        """Tell the server for ever."""
        pace = Pace(self._patience.first_s, self._patience.longest_s)
        while True:
            self._new.clear()
            self._back.clear()
            busy = [nonce for nonce, rest in self._resting.items() if self._is_resting(rest)]
            debts = await self._store.read(
                partial(outbox.next_debts, limit=_SIDE_BY_SIDE, busy=busy)
            )
            if not debts:
                await self._wait(self._new, self._next_rest_s())
                continue
            try:
                await self._side_by_side(debts)
            except ServerUnreachable as error:
                self._health.warn("upload", f"waiting: {error}")
                await self._wait(self._back, pace.next())
            except NotAuthorized as error:
                self._health.fail("upload", f"paused: {error}")
                logger.warning("upload paused: %s", error)
                await self._wait(self._back, pace.longest())
            else:
                self._health.ok("upload")
                pace.reset()

    async def _side_by_side(self, debts: list[Debt]) -> None:
        results = await asyncio.gather(
            *(self._settle(debt) for debt in debts), return_exceptions=True
        )
        for failure in results:
            if isinstance(failure, BaseException):
                raise failure

    async def _settle(self, debt: Debt) -> None:
        """Bring one scan to its end, or to the back of the queue."""
        nonce = debt.scan.nonce
        try:
            outcome = await self._tell(debt)
        except BadReply as error:
            await self._to_the_back(debt.scan, str(error))
            return
        self._answers += 1
        self._resting.pop(nonce, None)
        await self._write(debt.scan, outcome)

    async def _write(self, scan: Scan, outcome: Outcome) -> None:
        await self._store.write(
            partial(
                outbox.settle,
                nonce=scan.nonce,
                state=outcome.state,
                at=self._clock.wall(),
                server_reason=outcome.reason,
                server_message=outcome.message,
            )
        )
        if outcome.state is State.REFUSED:
            logger.warning(
                "the server refused %s %s: %s", scan.type, scan.order_code, outcome.reason
            )
        if self._on_settled:
            self._on_settled(scan, outcome)

    async def _to_the_back(self, scan: Scan, words: str) -> None:
        """One poisoned row never holds up the rest; when only it keeps failing, it is shelved."""
        pace = Pace(self._patience.rest_s, self._patience.longest_rest_s)
        rest = self._resting.setdefault(scan.nonce, _Rest(pace))
        # A server that fails on everything says nothing about this row.
        if not rest.strikes or self._answers > rest.answers:
            rest.strikes += 1
            rest.answers = self._answers
        rest.until = self._clock.monotonic() + rest.pace.next()
        logger.warning("%s %s to the back: %s", scan.type, scan.order_code, words)
        if rest.strikes >= self._patience.strikes:
            del self._resting[scan.nonce]
            await self._write(scan, Outcome(State.SHELVED, _FAILED, words))
            self._health.warn("shelf", f"a scan needs a person: {words}")
        else:
            work = partial(outbox.note, nonce=scan.nonce, reason=_FAILED, message=words)
            await self._store.write(work)

    async def _tell(self, debt: Debt) -> Outcome:
        if debt.scan.verdict is Verdict.REFUSE:
            return await self._report(debt)
        if debt.scan.position_id is None:
            return Outcome(State.REFUSED, "invalid", "there is no position to tell the server")
        return await self._tell_one_way_or_another(debt)

    async def _tell_one_way_or_another(self, debt: Debt) -> Outcome:
        """A refusal of what already happened is kept as the server's word, and told as a fact."""
        scan = debt.scan
        ways = self._ways(scan)
        # A failure may have come after the commit, and its key replays it; another endpoint
        # knows no key nor nonce of the first: look before asking.
        moved = bool(scan.via) and scan.via not in ways
        if (scan.server_reason == _FAILED or moved) and await self._had_it(scan):
            return Outcome(State.DUPLICATE, message="the server had it already")
        first: ServerRefused | None = None
        for way in ways[ways.index(scan.via) :] if scan.via in ways else ways:
            try:
                await self._attempt(debt, way)
            except ServerRefused as refusal:
                if first is None and scan.attempts and await self._had_it(scan):
                    return Outcome(State.DUPLICATE, message="the server had it already")
                first = first or refusal
                if refusal.reason not in _FACTS:
                    return Outcome(State.REFUSED, refusal.reason, str(refusal))
            else:
                return Outcome(
                    State.CONFIRMED,
                    first.reason if first else "",
                    f"{first}, recorded all the same" if first else "",
                )
        return Outcome(State.REFUSED, first.reason, str(first)) if first else Outcome(State.LOCAL)

    async def _attempt(self, debt: Debt, via: str) -> None:
        """One request; that it is made is on the disk before it is."""
        # Keys match without URL or body: two requests that differ must never share one.
        key = debt.scan.nonce if via == "checkout" else f"{debt.scan.nonce}-{via}"
        if debt.scan.server_reason == _FAILED:
            key = f"{key}-{debt.scan.attempts}"  # a server that failed replays its failure
        scan = await self._store.write(
            partial(outbox.begin_attempt, nonce=debt.scan.nonce, via=via, key=key)
        )
        force = via.endswith("-force")
        if via.startswith("checkout"):
            await self._client.checkout(scan, force=force, key=key)
        else:
            await self._client.redeem(scan, force=force, pending=debt.pending)

    async def _report(self, debt: Debt) -> Outcome:
        can = self._capabilities()
        if not can or not can.failed_checkins or debt.sealed_text is None:
            return Outcome(State.LOCAL)
        scan = await self._store.write(
            partial(outbox.begin_attempt, nonce=debt.scan.nonce, via="report", key="")
        )
        try:
            await self._client.report(scan, self._store.vault.unseal(debt.sealed_text))
        except ServerRefused as refusal:
            return Outcome(State.REFUSED, refusal.reason, str(refusal))
        return Outcome(State.CONFIRMED)

    async def _had_it(self, scan: Scan) -> bool:
        """Read back whether an earlier try counted, by the datetime it was sent with."""
        listed = await self._client.find(scan.list_id, scan.position_id or 0, scan.order_code)
        if listed is None:
            return False
        return any(
            checkin.type is scan.type and checkin.at == scan.sent_at for checkin in listed.checkins
        )

    def _ways(self, scan: Scan) -> list[str]:
        """The endpoints to try in turn; who tried before goes on with the last one tried."""
        can = self._capabilities()
        if scan.type is ScanType.ENTRY or self._exit_via == "redeem":
            ways = ["redeem", "redeem-force"]
        elif self._exit_via == "checkout":
            ways = ["checkout", "checkout-force"]
        elif can is None:
            raise ServerUnreachable("not yet known what the server can do")
        else:
            ways = ["checkout", "checkout-force"] if can.checkout else ["redeem", "redeem-force"]
        if scan.type is ScanType.EXIT and "redeem" in ways and can and can.checkout:
            ways.append("checkout-force")  # the fork's redeem refuses canceled orders even so
        return ways

    def _is_resting(self, rest: _Rest) -> bool:
        return self._clock.monotonic() < rest.until

    def _next_rest_s(self) -> float | None:
        if not self._resting:
            return None
        soonest = min(rest.until for rest in self._resting.values())
        return max(0.05, soonest - self._clock.monotonic())

    @staticmethod
    async def _wait(what: asyncio.Event, at_most_s: float | None) -> None:
        try:
            async with asyncio.timeout(at_most_s):
                await what.wait()
        except TimeoutError:
            return
