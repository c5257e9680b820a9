"""Tell the server one scan: the way by the table, the marks that make it count once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from gated.errors import (
    BadReply,
    KeyLocked,
    NoSuchEndpoint,
    NotAuthorized,
    ServerFailed,
    ServerRefused,
)
from gated.model import BY_CLOSING, State, Verdict
from gated.store import facts, granted, outbox
from gated.store.outbox import Attempt
from gated.store.tickets import Keeper, merge
from gated.sync.ways import Dialect, Way, dialect_of, first_way, is_known, next_way

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from gated.clock import Clock
    from gated.model import Listed, Scan
    from gated.server.client import Client
    from gated.server.dialects import Capabilities
    from gated.store.database import Store
    from gated.store.outbox import Debt

logger = logging.getLogger(__name__)

_HAD_IT = "the server had it already"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a scan."""

    state: State
    reason: str = ""
    message: str = ""


class Teller:
    """Tells scans. After any doubt whether an earlier try counted, it looks before it asks.

    `locked_s` is how long a key that the server calls busy is waited for before it is given up:
    as long as a worker there may live, for until then the first try may still be recorded.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        clock: Clock,
        *,
        capabilities: Callable[[], Capabilities | None],
        exit_via: Literal["auto", "checkout", "redeem"],
        locked_s: float,
    ) -> None:
        self._client = client
        self._store = store
        self._clock = clock
        self._capabilities = capabilities
        self._exit_via = exit_via
        self._locked_s = locked_s
        self._locked: dict[str, float] = {}
        self._mark = client.mark(store.vault.hash)

    async def begin(self, debts: list[Debt]) -> list[Debt]:
        """Put the first attempts of many scans on the disk at once, before any is made."""
        firsts = [first for debt in debts if (first := self._first(debt))]
        work = partial(outbox.begin_attempts, attempts=firsts, told_by=self._mark)
        begun = await self._store.write(work)
        return [replace(debt, begun=begun.get(debt.scan.nonce)) for debt in debts]

    async def tell(self, debt: Debt) -> Outcome:
        """Bring one scan to its end.

        Raises ServerUnreachable, NotAuthorized or BadReply when it did not come to one.
        """
        if debt.scan.state is State.ANNULLING:
            return await self._annul(debt)
        if debt.scan.verdict is Verdict.REFUSE:
            return await self._report(debt)
        if debt.scan.position_id is None:
            debt = await self._introduced(debt)
        outcome = await self._tell(debt)
        self._locked.pop(debt.scan.nonce, None)
        return outcome

    async def _tell(self, debt: Debt) -> Outcome:
        """Go the table's ways until the server agrees or there is none left."""
        scan = debt.scan
        # checkout/single takes positions only.
        exit_via = self._exit_via if scan.position_id else "redeem"
        dialect = dialect_of(self._capabilities(), exit_via)
        moved = bool(scan.via) and not is_known(scan.type, dialect, scan.via)
        spent = self._is_spent(debt, moved=moved)
        if spent and await self._had_it(debt):
            return Outcome(State.DUPLICATE, message=_HAD_IT)
        objection, looked = _objection(scan), False
        way = Way(scan.via) if scan.via and not moved else first_way(scan.type, dialect)
        while True:
            try:
                await self._attempt(debt, way, fresh=spent)
            except ServerRefused as refusal:
                # A no after the first attempt may only say that an earlier one counted.
                if scan.attempts and not looked and await self._had_it(debt):
                    return Outcome(State.DUPLICATE, message=_HAD_IT)
                looked = True
                if scan.eye == BY_CLOSING and refusal.reason == "not_checked_in":
                    # Nobody saw this exit: the server need not be told of it as a fact.
                    return Outcome(State.DUPLICATE, refusal.reason, "had left before")
                objection = objection or refusal
                further = next_way(scan.type, dialect, way, refusal.reason)
                if further is None:
                    return Outcome(State.REFUSED, objection.reason, str(objection))
                await self._note(scan, refusal.reason, str(refusal))
                way = further
            else:
                return Outcome(State.CONFIRMED, *_overruled(objection))

    def _is_spent(self, debt: Debt, *, moved: bool) -> bool:
        """Whether the marks of an earlier try prove nothing any more.

        It failed, or it was made at another endpoint or with another token, which know no key nor
        nonce of it.
        """
        told_by_another = debt.told_by not in {"", self._mark}
        return debt.failed or moved or (bool(debt.scan.attempts) and told_by_another)

    async def _attempt(self, debt: Debt, way: Way, *, fresh: bool) -> None:
        """One request; that it is made is on the disk before it is."""
        if way.checks_out and debt.scan.position_id is None:
            raise ServerRefused("the server knows no position", status=404, reason="invalid")
        key = _key(debt.scan, way, fresh=fresh)
        scan = await self._begun(debt, Attempt(debt.scan, way, key))
        try:
            if way.checks_out:
                await self._client.checkout(scan, force=way.force, key=key)
            else:
                code = "" if scan.position_id else self._code(debt)
                await self._client.redeem(scan, force=way.force, pending=debt.pending, code=code)
        except KeyLocked as locked:
            since = self._locked.setdefault(scan.nonce, self._clock.monotonic())
            if self._clock.monotonic() - since < self._locked_s:
                raise
            del self._locked[scan.nonce]
            await self._store.write(partial(outbox.spoil, nonce=scan.nonce))
            raise ServerFailed(f"{locked}: given up") from None
        except ServerFailed:
            await self._store.write(partial(outbox.spoil, nonce=scan.nonce))
            raise

    async def _annul(self, debt: Debt) -> Outcome:
        """Take back what the server was told: at the server, or by telling it the opposite."""
        scan = debt.scan
        if not scan.attempts or not await self._had_it(debt):
            return Outcome(State.ANNULLED, message=f"{granted.NOBODY_PASSED}; it was never told")
        if dialect_of(self._capabilities(), self._exit_via) is Dialect.PRETIX:
            try:
                await self._client.annul(scan, granted.NOBODY_PASSED)
            except (ServerRefused, NotAuthorized, NoSuchEndpoint) as refusal:
                # Too late, another device, or not allowed with this token.
                logger.info("%s cannot be annulled at the server: %s", scan.order_code, refusal)
            else:
                words = f"{granted.NOBODY_PASSED}; annulled at the server"
                return Outcome(State.ANNULLED, message=words)
        await self._store.write(partial(granted.compensate, scan=scan, at=self._clock.wall()))
        words = f"{granted.NOBODY_PASSED}; made up for by an {scan.type.other}"
        return Outcome(State.ANNULLED, message=words)

    async def _report(self, debt: Debt) -> Outcome:
        if not self._reports() or debt.sealed_text is None:
            return Outcome(State.LOCAL)
        scan = await self._begun(debt, _report_of(debt.scan))
        try:
            await self._client.report(scan, self._store.vault.unseal(debt.sealed_text))
        except ServerRefused as refusal:
            return Outcome(State.REFUSED, refusal.reason, str(refusal))
        return Outcome(State.CONFIRMED)

    def _reports(self) -> bool:
        can = self._capabilities()
        return bool(can and can.failed_checkins)

    def _first(self, debt: Debt) -> Attempt | None:
        """The attempt that a scan begins with, if it was not begun and needs one."""
        scan = debt.scan
        if scan.attempts or scan.state is State.ANNULLING:
            return None
        if scan.verdict is Verdict.REFUSE:
            return _report_of(scan) if self._reports() and debt.sealed_text else None
        if scan.position_id is None:
            return None
        way = first_way(scan.type, dialect_of(self._capabilities(), self._exit_via))
        return Attempt(scan, way, _key(scan, way, fresh=False))

    async def _begun(self, debt: Debt, attempt: Attempt) -> Scan:
        """The scan when this attempt of it is on the disk."""
        begun = debt.begun
        if begun and (begun.via, begun.key) == (attempt.via, attempt.key):
            return begun
        work = partial(outbox.begin_attempts, attempts=[attempt], told_by=self._mark)
        return (await self._store.write(work))[attempt.scan.nonce]

    async def _had_it(self, debt: Debt) -> bool:
        """Read back whether an earlier try counted, by the datetime it was sent with.

        Who is on no list any more may still be seen in the order.
        """
        scan = debt.scan
        try:
            listed = await self._found(debt)
        except ServerRefused as refusal:
            raise BadReply(f"the server does not let us look: {refusal}") from None
        return listed is not None and any(
            (checkin.list_id, checkin.type, checkin.at) == (scan.list_id, scan.type, scan.sent_at)
            for checkin in listed.checkins
        )

    async def _found(self, debt: Debt) -> Listed | None:
        scan, can = debt.scan, self._capabilities()
        if scan.position_id is None:
            return next(iter(await self._client.ask(scan.list_id, self._code(debt))), None)
        listed = await self._client.find(scan.list_id, scan.position_id, scan.order_code)
        if listed is None and can and can.changes:
            listed = await self._client.find_in_order(scan.position_id, scan.order_code)
        return listed

    async def _introduced(self, debt: Debt) -> Debt:
        """Ask for the position of a ticket that no list had: a code alone is told less well."""
        list_id, code = debt.scan.list_id, self._code(debt)
        known_no = await self._store.read(facts.settled_no)
        try:
            listed = await self._client.ask(list_id, code) if code else ()
        except NotAuthorized:
            return debt
        if not listed:
            return debt
        keeper = Keeper(self._store.vault)
        await self._store.write(
            partial(merge, keeper=keeper, list_id=list_id, listed=listed, known_no=known_no)
        )
        return await self._store.read(partial(outbox.debt, nonce=debt.scan.nonce))

    def _code(self, debt: Debt) -> str:
        return self._store.vault.unseal(debt.sealed_text) if debt.sealed_text else ""

    async def _note(self, scan: Scan, reason: str, message: str) -> None:
        work = partial(outbox.note, nonce=scan.nonce, reason=reason, message=message)
        await self._store.write(work)


def _report_of(scan: Scan) -> Attempt:
    return Attempt(scan, "report", "")


def _key(scan: Scan, way: Way, *, fresh: bool) -> str:
    """Keys match without URL or body: two requests that differ must never share one.

    A retry has the key of the try before, unless that one is spent.
    """
    key = scan.nonce if way is Way.CHECKOUT else f"{scan.nonce}-{way}"
    if fresh:
        return f"{key}-{scan.attempts}"
    return scan.key if way == scan.via else key


def _objection(scan: Scan) -> ServerRefused | None:
    """What the server had against the scan before it was told with force."""
    if not scan.attempts or scan.server_reason in {"", outbox.FAILED}:
        return None
    return ServerRefused(scan.server_message, status=400, reason=scan.server_reason)


def _overruled(objection: ServerRefused | None) -> tuple[str, str]:
    return (objection.reason, f"{objection}, recorded all the same") if objection else ("", "")
