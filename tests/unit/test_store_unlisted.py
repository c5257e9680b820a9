"""Scans of tickets that no list had: found by their code, until a list brings the ticket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from store_samples import (
    ALL,
    ENTRY,
    EXIT,
    NOON,
    database,
    guest,
    pull,
    rows,
    scan,
    scan_or_ask,
    shown,
)

from gated.model import Event, ScanType
from gated.simulator.signing import sign_tickets
from gated.simulator.world import World
from gated.store import Store, delta, events, ledger, unlisted
from gated.store.delta import Changed
from gated.store.redeem import Ask, Asking, Fresh, Redeemed
from gated.store.tickets import Keeper, merge

WORLD = World.made_up(3, now=NOON)
sign_tickets(WORLD)
EVENT = Event(valid_keys=tuple(WORLD.events[WORLD.event].valid_keys))
CODE = WORLD.positions[2].secret


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with database(tmp_path) as store:
        await store.write(partial(events.keep, event=EVENT))
        await pull(store, [guest(1)])
        yield store


async def seen(store: Store, kind: ScanType = ENTRY, *, at: float = 1) -> Redeemed:
    return await scan(store, kind, CODE, at=at, text=CODE)


async def test_it_is_kept_without_position_but_with_its_code(store: Store) -> None:
    (row,) = (await seen(store)).scans
    assert (row.position_id, row.order_code) == (None, "")
    ((sealed,),) = await rows(store, "SELECT secret_text FROM scans")
    assert store.vault.unseal(sealed) == CODE


async def test_it_comes_in_once_and_can_leave(store: Store) -> None:
    answers = [
        shown(await seen(store, kind, at=at)) for at, kind in enumerate((ENTRY, ENTRY, EXIT))
    ]
    assert answers == [("attention", "signed"), ("refuse", "already_redeemed"), ("admit", "left")]


async def test_without_the_events_keys_it_is_any_unknown_code(store: Store) -> None:
    await store.write(partial(events.keep, event=Event()))
    assert shown(await seen(store)) == ("refuse", "invalid")


async def test_who_is_in_on_one_counts_as_inside(store: Store) -> None:
    for kind, inside in ((ENTRY, 1), (EXIT, 0), (ENTRY, 1)):
        await seen(store, kind)
        assert (await store.read(partial(ledger.counts, lists=[1]))).inside == inside
    assert await store.read(partial(unlisted.count_inside, lists=[2])) == 0


async def take_by_pass(store: Store) -> None:
    await pull(store, [guest(1), guest(7, code=CODE)])


async def take_by_change(store: Store) -> None:
    change = Changed(guest(7, code=CODE))
    keeper = Keeper(store.vault)
    await store.write(
        partial(delta.take_in, keeper=keeper, changes=[change], lists=[ALL], known_no=0)
    )


async def take_by_asking(store: Store) -> None:
    keeper = Keeper(store.vault)
    listed = [guest(7, code=CODE)]
    await store.write(partial(merge, keeper=keeper, list_id=1, listed=listed, known_no=0))


@pytest.mark.parametrize("take", [take_by_pass, take_by_change, take_by_asking])
async def test_however_the_ticket_comes_its_scans_are_its_history(
    store: Store, take: object
) -> None:
    assert callable(take)
    await seen(store, at=1)
    refused = await scan(store, ENTRY, "nobody")
    await take(store)
    assert await rows(store, "SELECT position_id, order_code FROM scans ORDER BY id") == [
        (7, "ORDER7"),
        (refused.scans[0].position_id, ""),
    ]
    assert shown(await seen(store, at=5)) == ("refuse", "already_redeemed")
    assert (await store.read(partial(ledger.counts, lists=[1]))).inside == 1


async def test_the_server_is_asked_before_a_signature_is_believed(store: Store) -> None:
    answer = await scan_or_ask(store, ENTRY, CODE, text=CODE, asking=Asking.POSSIBLE)
    assert isinstance(answer, Ask)
    none = Fresh({1: ()}, answer.known_no, Keeper(store.vault))
    assert shown(await scan(store, ENTRY, CODE, text=CODE, fresh=none)) == ("refuse", "invalid")
    assert shown(await scan(store, ENTRY, CODE, text=CODE)) == ("attention", "signed")
