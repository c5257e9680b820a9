"""Scans stamped while the time was unknown: dated right before anybody is told of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from store_samples import ENTRY, EXIT, NOON, after, database, entered, guest, pull, scan

from gated.model import Scan, ScanType, State, Trust
from gated.store import Store, dates, ledger, outbox

YEARS = timedelta(days=20_000)
BOOT = "this-boot"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with database(tmp_path) as store:
        yield store


async def stamped(
    store: Store,
    kind: ScanType,
    position: int,
    *,
    minute: float,
    boot: str = BOOT,
    off: timedelta = -YEARS,
) -> None:
    """A scan so many minutes into a boot whose clock is off."""
    await scan(
        store,
        kind,
        position,
        at=minute + off / timedelta(minutes=1),
        clock=Trust.UNKNOWN,
        boot_id=boot,
        monotonic_ns=int(minute * 60e9),
    )


async def put_right(store: Store, began: datetime | None = NOON) -> list[Scan]:
    while await store.write(partial(dates.put_right, boot_id=BOOT, began=began)):
        pass
    return await store.read(lambda db: list(ledger.every(db)))


async def test_what_was_stamped_without_the_time_is_told_to_nobody(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await stamped(store, ENTRY, 1, minute=5)
    await scan(store, EXIT, 1, at=9)
    await scan(store, ENTRY, 2, at=10)
    debts = await store.read(partial(outbox.next_debts, limit=9, busy=()))
    assert [debt.scan.position_id for debt in debts] == [2]
    assert await store.read(dates.undated) == {State.WAITING}


async def test_once_it_is_known_when_the_boot_began_its_scans_are_dated_right(store: Store) -> None:
    await pull(store, [guest(1)])
    await stamped(store, ENTRY, 1, minute=5)
    await stamped(store, EXIT, 1, minute=9)
    dated = await put_right(store)
    assert [(one.at, one.dated, one.clock) for one in dated] == [
        (after(5), after(5), Trust.CORRECTED),
        (after(9), after(9), Trust.CORRECTED),
    ]
    assert await store.read(dates.undated) == set()
    assert await store.read(partial(outbox.next_debts, limit=9, busy=()))


async def test_no_scan_gets_before_the_check_in_it_follows(store: Store) -> None:
    # Another gate, whose clock is ahead, let the guest in "at" 12:30; here it is 12:05.
    await pull(store, [guest(1, entered(30))])
    await stamped(store, EXIT, 1, minute=5)
    (one,) = await put_right(store)
    assert (one.at, one.dated) == (after(5), after(30) + timedelta(microseconds=1))


async def test_no_more_than_a_batch_is_dated_in_one_transaction(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dates, "_AT_ONCE", 2)
    await pull(store, [guest(1), guest(2), guest(3)])
    for position in (1, 2, 3):
        await stamped(store, ENTRY, position, minute=position)
    assert await store.write(partial(dates.put_right, boot_id=BOOT, began=NOON))
    clocks = [one.clock for one in await store.read(lambda db: list(ledger.every(db)))]
    assert clocks == [Trust.CORRECTED, Trust.CORRECTED, Trust.UNKNOWN]
    assert [one.at for one in await put_right(store)] == [after(1), after(2), after(3)]


async def test_an_earlier_boot_is_dated_by_what_was_learnt_of_it(store: Store) -> None:
    await pull(store, [guest(1)])
    await stamped(store, ENTRY, 1, minute=5, boot="earlier")
    began = NOON - timedelta(hours=3)
    await store.write(
        partial(dates.remember_boot, boot_id="earlier", began=began, trust=Trust.LEARNT)
    )
    (one,) = await put_right(store)
    assert (one.at, one.clock) == (after(5 - 180), Trust.CORRECTED)


async def test_a_boot_of_which_nothing_was_learnt_lies_between_what_is_known(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await scan(store, ENTRY, 2, at=-600)
    await stamped(store, ENTRY, 1, minute=5, boot="earlier", off=-YEARS)
    await stamped(store, EXIT, 1, minute=9, boot="earlier", off=-YEARS)
    dated = (await put_right(store))[1:]
    assert [one.at for one in dated] == [after(-600), after(-596)]
    assert {one.clock for one in dated} == {Trust.ESTIMATED}


async def test_a_boot_that_thought_to_be_in_the_future_ends_before_this_one(store: Store) -> None:
    await pull(store, [guest(1)])
    await stamped(store, ENTRY, 1, minute=5, boot="earlier", off=YEARS)
    await stamped(store, EXIT, 1, minute=9, boot="earlier", off=YEARS)
    dated = await put_right(store)
    assert [one.at for one in dated] == [after(-4), after(0)]
    assert [one.dated for one in dated] == [after(-4), after(0)]


async def test_what_no_boot_stamped_keeps_its_time(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await stamped(store, ENTRY, 1, minute=5, boot="", off=timedelta())
    await stamped(store, ENTRY, 2, minute=9, boot="", off=timedelta())
    dated = await put_right(store)
    assert [(one.at, one.clock) for one in dated] == [
        (after(5), Trust.ESTIMATED),
        (after(9), Trust.ESTIMATED),
    ]


async def test_where_the_server_tells_no_time_the_scans_go_out_by_estimate(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await scan(store, ENTRY, 2, at=-600)
    await stamped(store, ENTRY, 1, minute=5)
    dated = (await put_right(store, None))[1]
    assert (dated.at, dated.clock) == (after(-600), Trust.ESTIMATED)
    assert len(await store.read(partial(outbox.next_debts, limit=9, busy=()))) == 2
