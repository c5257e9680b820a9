"""Up: every scan told to the server, in order per ticket, until it is settled."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
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
from gated.model import State
from gated.store import outbox
from gated.sync.endings import Endings
from gated.sync.pace import Pace
from gated.sync.patience import Patience, Resting
from gated.sync.tell import Outcome, Teller
from gated.sync.wait import wait_at_most

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Literal

    from gated.clock import Clock
    from gated.health import Health
    from gated.model import Scan
    from gated.server.client import Client
    from gated.server.dialects import Capabilities
    from gated.store.database import Store
    from gated.store.outbox import Debt

__all__ = ["Outcome", "Patience", "Push"]

logger = logging.getLogger(__name__)

SIDE_BY_SIDE = 2
_HAND = 256
_HAND_S = 0.5
"""So many scans are taken in hand at once, and so long: for these no commit is waited for."""
_MANY = 10
_NO_CHECKOUT = (
    '[server] exit_via is "checkout", but this server or token has no checkout/single:'
    " exits go through redeem"
)


class Push:
    """Empties the outbox. `wake` says that there is something new, `back` that the server is.

    `look_again` finds out anew what the server can do, when it says that it cannot;
    `before_telling` dates right what was stamped while the time was unknown.
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
        before_telling: Callable[[], Awaitable[None]] | None = None,
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
        self._before_telling = before_telling
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
        self._resting = Resting(self._patience)
        self._endings = Endings(store, clock, on_settled)

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
        hand = SIDE_BY_SIDE
        while True:
            self._new.clear()
            self._back.clear()
            try:
                debts = await self._next_debts(hand)
                if not debts:
                    await self._say_shelf()
                    await wait_at_most(self._resting.next_s(self._clock.monotonic()), self._new)
                    continue
                # Of a server that may be away few are begun: most would only be taken back.
                hand = SIDE_BY_SIDE
                self._say_exits()
                told = await self._side_by_side(debts)
            except ServerUnreachable as error:
                self._health.warn("upload", f"waiting: {error}")
                pause_s = min(max(pace.next(), error.wait_s), self._patience.longest_s)
                await wait_at_most(pause_s, self._back)
            except NotAuthorized as error:
                self._health.fail("upload", f"paused: {error}")
                logger.warning("upload paused: %s", error)
                if not await self._can_now_otherwise():
                    await wait_at_most(pace.longest(), self._back)
            else:
                hand = min(2 * told, _HAND)
                self._say_upload()
                pace.reset()

    async def _next_debts(self, hand: int) -> list[Debt]:
        if self._before_telling:
            await self._before_telling()
        busy = self._resting.busy(self._clock.monotonic())
        return await self._store.read(partial(outbox.next_debts, limit=hand, busy=busy))

    async def _side_by_side(self, debts: list[Debt]) -> int:
        """Tell these in order, so many at once; what is left after a while goes back.

        How many were told.
        """
        waiting = deque(await self._teller.begin(debts))
        until = self._clock.monotonic() + _HAND_S

        async def one_by_one() -> None:
            while waiting and not failures:
                try:
                    await self._settle(waiting.popleft())
                except Exception as error:  # noqa: BLE001  raised when the others are done
                    failures.append(error)
                if self._clock.monotonic() >= until:
                    return

        failures: list[Exception] = []
        try:
            await asyncio.gather(*(one_by_one() for _ in range(SIDE_BY_SIDE)))
        finally:
            left = [debt.scan.nonce for debt in waiting if debt.begun]
            if left:
                await self._store.write(partial(outbox.take_back, nonces=left))
            await self._endings.written()
        if failures:
            raise failures[0]
        return len(debts) - len(waiting)

    async def _settle(self, debt: Debt) -> None:
        """Bring one scan to its end, or to the back of the queue."""
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
        self._resting.taken(debt.scan.nonce, by_server=outcome.state is not State.LOCAL)
        self._endings.add(debt.scan, outcome)

    async def _failed(self, scan: Scan, error: ServerError) -> None:
        """Tell a server that is away from one that fails on this row. Raises ServerUnreachable."""
        if isinstance(error, ServerUnreachable) and error.wait_s:
            self._resting.rest(scan.nonce, self._clock.monotonic())
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
            self._resting.rest(scan.nonce, self._clock.monotonic())
        else:
            await self._to_the_back(scan, str(error))
        if self._resting.in_vain >= _MANY:
            raise ServerUnreachable(f"the server fails on everything: {error}")

    async def _to_the_back(self, scan: Scan, words: str) -> None:
        """One poisoned row never holds up the rest; when only it keeps failing, it is shelved."""
        logger.warning("%s %s to the back: %s", scan.type, scan.order_code, words)
        if self._resting.fail(scan.nonce, self._clock.monotonic()):
            self._endings.add(scan, Outcome(State.SHELVED, outbox.FAILED, words))
            await self._endings.written()
            await self._say_shelf()
        else:
            work = partial(outbox.note_failure, nonce=scan.nonce, message=words)
            await self._store.write(work)

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
                "shelf",
                f"a person is needed for {_scans(shelved)}: log in to the page as admin, or see"
                " gated scans --shelved",
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


def _scans(number: int) -> str:
    return f"{number} scan" + ("s" if number > 1 else "")
