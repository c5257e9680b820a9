"""Made-up tickets, check-ins and scans for the tests of the store."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from gated.config import Policy
from gated.model import CheckinList, Listed, Scan, ScanType, ServerCheckin, State, Ticket
from gated.store import Store, outbox, passes
from gated.store.outbox import Attempt, Ending
from gated.store.passes import PassResult
from gated.store.redeem import Ask, Asking, Fresh, Redeemed, Redemption, redeem
from gated.store.tickets import Keeper

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENTRY, EXIT = ScanType.ENTRY, ScanType.EXIT
ALL = CheckinList(id=1, name="All")
VIP = CheckinList(id=2, name="VIP only")

_numbers = itertools.count(1)


def database(folder: Path) -> Store:
    return Store(folder / "gated.db", folder / "gated.key")


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def secret(position: int) -> str:
    return f"secret-of-{position:04d}"


def entered(at: float, *, list_id: int = 1, id: int = 0) -> ServerCheckin:  # noqa: A002 - the server's word
    return ServerCheckin(id or next(_numbers), list_id, ENTRY, after(at))


def left(at: float, *, list_id: int = 1, id: int = 0) -> ServerCheckin:  # noqa: A002 - the server's word
    return ServerCheckin(id or next(_numbers), list_id, EXIT, after(at))


def guest(
    position: int,
    *checkins: ServerCheckin,
    code: str = "",
    name: str = "",
    item: int = 1,
    **columns: Any,
) -> Listed:
    ticket = Ticket(position, f"ORDER{position}", item, **columns)
    return Listed(ticket, code or secret(position), checkins, name or f"Guest {position:04d}")


async def pull(
    store: Store,
    *pages: Sequence[Listed],
    lists: Sequence[CheckinList] = (ALL,),
    names: bool = False,
    at: float = 0,
) -> PassResult:
    """A complete pass; the pages belong to the lists in turn, or all to the only one."""
    keeper = Keeper(store.vault, names=names)
    await store.write(passes.begin)
    for number, page in enumerate(pages):
        one = lists[number] if len(lists) > 1 else lists[0]
        await store.write(partial(passes.add, keeper=keeper, list_id=one.id, listed=page))
    while await store.write(partial(passes.place, lists=lists)):
        pass
    return await store.write(partial(passes.finish, lists=lists, at=after(at)))


async def scan_or_ask(
    store: Store,
    kind: ScanType,
    code: str,
    *,
    at: float = 1,
    asking: Asking = Asking.AWAY,
    fresh: Fresh | None = None,
    lists: tuple[int, ...] = (1,),
    policy: Policy | None = None,
    reports: bool = False,
    **columns: Any,
) -> Redeemed | Ask:
    redemption = Redemption(
        nonce=f"nonce-{next(_numbers)}",
        type=kind,
        secret_hash=store.vault.hash(code),
        at=after(at),
        lists=lists,
        policy=policy or Policy(),
        reports=reports,
        sealed_text=store.vault.seal(code),
        **columns,
    )
    return await store.write(partial(redeem, redemption=redemption, asking=asking, fresh=fresh))


async def scan(store: Store, kind: ScanType, code: str | int, **options: Any) -> Redeemed:
    """Decide and record for good; a number is the made-up guest of that number."""
    text = secret(code) if isinstance(code, int) else code
    answer = await scan_or_ask(store, kind, text, **options)
    assert isinstance(answer, Redeemed)
    return answer


async def told(
    store: Store, answer: Redeemed, state: State = State.CONFIRMED, **words: Any
) -> None:
    """Settle all rows of a sighting, as the push does."""
    for row in answer.scans:
        await begin(store, row)
        await settle(store, row.nonce, state, at=60, **words)


async def begin(store: Store, row: Scan, via: str = "redeem", key: str = "") -> Scan:
    """Count an attempt, as the push does before it makes one."""
    attempts = [Attempt(row, via, key or row.nonce)]
    work = partial(outbox.begin_attempts, attempts=attempts, told_by="token")
    return (await store.write(work))[row.nonce]


async def settle(
    store: Store, nonce: str, state: State = State.CONFIRMED, *, at: float = 9, **words: str
) -> None:
    """Write down what became of one scan."""
    ending = Ending(nonce, state, **words)
    await store.write(partial(outbox.settle, endings=[ending], at=after(at)))


def shown(answer: Redeemed) -> tuple[str, str]:
    return str(answer.decision.verdict), str(answer.decision.reason)


async def rows(store: Store, query: str, *values: object) -> list[tuple[Any, ...]]:
    return await store.read(lambda db: [tuple(row) for row in db.execute(query, values)])
