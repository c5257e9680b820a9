"""Up: every scan told to the server, in order per ticket, until it is settled."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gated.errors import (
    GatedError,
    KeyLocked,
    NoSuchEndpoint,
    NotAuthorized,
    ServerError,
    ServerUnreachable,
)
from gated.model import Scan, State
from gated.store import outbox
from gated.sync.pace import Pace
from gated.sync.tell import Outcome, Teller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Literal

    from gated.clock import Clock
    from gated.health import Health
    from gated.server.client import Client
    from gated.server.dialects import Capabilities
    from gated.store.database import Store
    from gated.store.outbox import Debt

__all__ = ["Outcome", "Patience", "Push"]

logger = logging.getLogger(__name__)

_SIDE_BY_SIDE = 2
_FEW = 2
_NO_CHECKOUT = (
    '[server] exit_via is "checkout", but this server or token has no checkout/single:'
    " exits go through redeem"
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for the server, how long a failed row rests, and when it is shelved.

    `strikes` are failures between which the server took other rows; `quiet_strikes` those
    while there was little else to take, but it answered when asked for its version.
    """

    first_s: float = 1.0
    longest_s: float = 60.0
    rest_s: float = 5.0
    longest_rest_s: float = 60.0
    strikes: int = 8
    quiet_strikes: int = 20
    locked_s: float = 30.0
    """gunicorn kills a worker after this; until then a locked key may still be recorded."""


@dataclass
class _Rest:
    """A row that went to the back: its pause, and how often the server failed on it."""

    pace: Pace
    until: float = 0.0
    strikes: int = 0
    quiet_strikes: int = 0
    answers: int = 0


class Push:
    """Empties the outbox. `wake` says that there is something new, `back` that the server is.

    `look_again` finds out anew what the server can do, when it says that it cannot.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        clock: Clock,
        health: Health,
        *,
        capabilities: Callable[[], Capabilities | None],
        exit_via: Literal["auto", "checkout", "redeem"] = "auto",
        look_again: Callable[[], Awaitable[None]] | None = None,
        on_settled: Callable[[Scan, Outcome], None] | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._health = health
        self._capabilities = capabilities
        self._exit_via = exit_via
        self._look_again = look_again
        self._on_settled = on_settled
        self._patience = patience or Patience()
        self._teller = Teller(
            client,
            store,
            clock,
            capabilities=capabilities,
            exit_via=exit_via,
            locked_s=self._patience.locked_s,
        )
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
                await self._say_shelf()
                await self._wait(self._new, self._next_rest_s())
                continue
            try:
                self._say_exits()
                await self._side_by_side(debts)
            except ServerUnreachable as error:
                self._health.warn("upload", f"waiting: {error}")
                pause_s = min(max(pace.next(), error.wait_s), self._patience.longest_s)
                await self._wait(self._back, pause_s)
            except NotAuthorized as error:
                self._health.fail("upload", f"paused: {error}")
                logger.warning("upload paused: %s", error)
                if not await self._can_now_otherwise():
                    await self._wait(self._back, pace.longest())
            else:
                self._say_upload()
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
            outcome = await self._teller.tell(debt)
        except NotAuthorized:
            raise
        except ServerError as error:
            await self._failed(debt.scan, error)
            return
        except GatedError:
            raise
        except Exception as error:
            # A mistake of ours about one row is not the other rows' fault.
            logger.exception("a scan could not be told")
            await self._to_the_back(debt.scan, f"{type(error).__name__}: {error}")
            return
        self._answers += outcome.state is not State.LOCAL
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

    async def _failed(self, scan: Scan, error: ServerError) -> None:
        """Tell a server that is away from one that fails on this row. Raises ServerUnreachable."""
        if isinstance(error, ServerUnreachable) and error.wait_s:
            self._rest(scan)
            raise error
        if isinstance(error, NoSuchEndpoint) and await self._can_now_otherwise():
            return
        try:
            await self._client.version()
        except NotAuthorized:
            raise
        except ServerError:
            raise ServerUnreachable(str(error)) from error
        if isinstance(error, KeyLocked):
            self._rest(scan)
        else:
            await self._to_the_back(scan, str(error))

    async def _to_the_back(self, scan: Scan, words: str) -> None:
        """One poisoned row never holds up the rest; when only it keeps failing, it is shelved."""
        rest = self._rest(scan)
        logger.warning("%s %s to the back: %s", scan.type, scan.order_code, words)
        if self._is_hopeless(rest):
            del self._resting[scan.nonce]
            await self._write(scan, Outcome(State.SHELVED, outbox.FAILED, words))
            await self._say_shelf()
        else:
            work = partial(outbox.note_failure, nonce=scan.nonce, message=words)
            await self._store.write(work)

    def _rest(self, scan: Scan) -> _Rest:
        pace = Pace(self._patience.rest_s, self._patience.longest_rest_s)
        rest = self._resting.setdefault(scan.nonce, _Rest(pace))
        rest.until = self._clock.monotonic() + rest.pace.next()
        return rest

    def _is_hopeless(self, rest: _Rest) -> bool:
        """A server that fails on everything says nothing about one row."""
        if not rest.strikes or self._answers > rest.answers:
            rest.strikes += 1
            rest.answers = self._answers
        elif len(self._resting) <= _FEW:
            rest.quiet_strikes += 1
        patience = self._patience
        return rest.strikes >= patience.strikes or rest.quiet_strikes >= patience.quiet_strikes

    async def _can_now_otherwise(self) -> bool:
        """Whether the server, asked again, turns out to offer other ways than we thought."""
        before = self._capabilities()
        if self._look_again is None:
            return False
        try:
            await self._look_again()
        except ServerError:
            return False
        return self._capabilities() != before

    def _say_upload(self) -> None:
        if self._resting:
            scans = _scans(len(self._resting))
            self._health.warn("upload", f"the server fails on {scans}: tried again later")
        else:
            self._health.ok("upload")

    async def _say_shelf(self) -> None:
        shelved = (await self._store.read(outbox.count)).shelved
        if shelved:
            self._health.warn(
                "shelf", f"a person is needed for {_scans(shelved)}: see gated scans --shelved"
            )
        elif self._health.of("shelf"):
            self._health.ok("shelf")

    def _say_exits(self) -> None:
        """Raises ServerUnreachable while no way is known."""
        can = self._capabilities()
        if can is None:
            raise ServerUnreachable("not yet known what the server can do")
        if self._exit_via == "checkout" and not can.checkout:
            if not self._health.of("exits"):
                logger.warning(_NO_CHECKOUT)
            self._health.warn("exits", _NO_CHECKOUT)
        elif self._health.of("exits"):
            self._health.ok("exits")

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


def _scans(number: int) -> str:
    return f"{number} scan" + ("s" if number > 1 else "")
