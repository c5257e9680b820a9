"""Old settled scans become numbers: whose they were is gone, what they add up to is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from store_samples import (
    ENTRY,
    EXIT,
    NOON,
    after,
    database,
    entered,
    guest,
    left,
    pull,
    rows,
    scan,
    settle,
    shown,
    told,
)

from gated.clock import Clock
from gated.model import Act, Reason, State, Trust, Verdict
from gated.store import Store, bulk, closings, granted, ledger, outbox, past
from gated.store.flow import Passed, flow
from gated.sync.forgetting import Forgetting

DAY = 24 * 60


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with database(tmp_path) as store:
        yield store


async def forget(store: Store, *, on_day: float = 31, known: bool = True) -> int:
    """What the background does on that day, with `keep_days = 30`."""
    now = NOON + timedelta(days=on_day)
    clock = Clock(wall=lambda: now, monotonic=lambda: 0.0, synchronised=lambda: known)
    return await Forgetting(store, clock, keep_days=30, pause_s=0).once()


async def figures(store: Store) -> dict[str, Any]:
    """What `gated stats` and `gated status` say, but for what is of the last day."""
    counts = await store.read(partial(ledger.counts, lists=(1,)))
    owed = await store.read(outbox.count)
    return {**asdict(counts), "refused": dict(counts.refused), "owed": asdict(owed)}


async def a_day(store: Store) -> None:
    """Four guests come, two of them leave, two codes are refused; the server knows it all."""
    await pull(store, [guest(number) for number in range(1, 5)])
    for number in range(1, 5):
        await told(store, await scan(store, ENTRY, number, at=number))
    for number in (1, 2):
        await told(store, await scan(store, EXIT, number, at=10 + number))
    await scan(store, ENTRY, "forged", at=20)
    await scan(store, ENTRY, 3, at=21)
    gone = [guest(number, entered(number), left(10 + number)) for number in (1, 2)]
    await pull(store, [*gone, guest(3, entered(3)), guest(4, entered(4))], at=60)


async def test_the_figures_are_the_same_and_nobody_is_named_any_more(store: Store) -> None:
    await a_day(store)
    before = await figures(store)
    states = await store.read(outbox.by_state)
    assert sum(states.values()) == 8
    assert (before["entries"], before["exits"], before["inside"]) == (4, 2, 2)

    assert await forget(store) == 8

    assert await figures(store) == before
    assert await store.read(outbox.by_state) == states
    assert await rows(store, "SELECT COUNT(*) FROM scans") == [(0,)]
    kept = await rows(store, "SELECT * FROM past_scans")
    assert "ORDER1" not in str(kept)
    assert sum(row[-1] for row in kept) == 8


async def test_what_is_forgotten_is_written_over_on_the_disk(store: Store, tmp_path: Path) -> None:
    await pull(store, [guest(1)])
    words = "Zwölf Boxkämpfer jagen Viktor"
    await told(store, await scan(store, ENTRY, 1), message=words)
    await pull(store, [guest(1, entered(1))], at=60)

    async def on_disk() -> bool:
        db = store._writer._db if store._writer else None
        assert db is not None
        await store.read(lambda _: None)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return words.encode() in (tmp_path / "gated.db").read_bytes()

    assert await on_disk()
    await forget(store)
    assert not await on_disk()


async def test_nothing_is_forgotten_before_its_time(store: Store) -> None:
    await a_day(store)

    assert await forget(store, on_day=29.9) == 0
    assert await rows(store, "SELECT COUNT(*) FROM scans") == [(8,)]


@pytest.mark.parametrize("state", [State.WAITING, State.SHELVED, State.ANNULLING])
async def test_what_the_server_was_not_told_is_never_touched(store: Store, state: State) -> None:
    await pull(store, [guest(1)])
    answer = await scan(store, ENTRY, 1)
    if state is State.SHELVED:
        await told(store, answer, state)
    elif state is State.ANNULLING:
        await told(store, answer)
        await annul(store, answer.scans[0].nonce)

    assert await forget(store, on_day=5000) == 0
    assert await rows(store, "SELECT state, order_code FROM scans") == [(state, "ORDER1")]


async def annul(store: Store, nonce: str) -> None:
    """Staff saw that the guest did not pass after all."""
    act = Act("annul", "test", NOON)
    await store.write(partial(granted.annul, nonce=nonce, act=act))


async def test_who_did_not_pass_or_passed_freely_is_in_no_figure_before_or_after(
    store: Store,
) -> None:
    await pull(store, [guest(1), guest(2)])
    sent, unsent, stays = [await scan(store, ENTRY, number) for number in (1, 2, 3)]
    assert stays.scans[0].verdict is Verdict.REFUSE
    free = await scan(store, ENTRY, "stranger", free_flow=True)
    assert free.scans[0].reason is Reason.FREE_FLOW
    await told(store, sent)
    for answer in (sent, unsent):
        await annul(store, answer.scans[0].nonce)
    assert await rows(store, "SELECT state FROM scans WHERE verdict <> 'refuse' ORDER BY id") == [
        (State.ANNULLING,),
        (State.ANNULLED,),
        (State.LOCAL,),
    ]

    seen = await store.read(partial(flow, now=NOON + timedelta(minutes=10)))
    before = await figures(store)
    assert (seen.quarter, seen.quarters) == (Passed(), {})
    assert (before["entries"], before["exits"], before["inside"]) == (0, 0, 0)
    await settle(store, sent.scans[0].nonce, State.ANNULLED, at=1)
    assert await forget(store) == 4
    later = await figures(store)
    assert (later["entries"], later["exits"], later["inside"]) == (0, 0, 0)


async def test_who_is_inside_by_our_word_alone_stays_inside(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await told(store, await scan(store, ENTRY, 1), State.REFUSED)
    await told(store, await scan(store, ENTRY, 2))
    await pull(store, [guest(1), guest(2, entered(1))], at=60)
    before = await figures(store)

    assert await forget(store) == 1
    assert await forget(store) == 0

    assert await figures(store) == before
    assert before["inside"] == 2
    again = await scan(store, ENTRY, 1, at=31 * DAY)
    assert shown(again) == ("refuse", "already_redeemed")


async def test_once_the_ticket_has_left_the_list_nothing_is_kept_for_it(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await told(store, await scan(store, ENTRY, 1), State.REFUSED)
    await pull(store, [guest(2)], at=60)

    assert await forget(store) == 1
    assert await rows(store, "SELECT COUNT(*) FROM scans") == [(0,)]


async def test_the_order_of_our_ledger_goes_on_where_it_was(store: Store) -> None:
    await a_day(store)
    await forget(store)
    await told(store, await scan(store, ENTRY, 1, at=31 * DAY))

    assert await rows(store, "SELECT settled_no FROM scans") == [(7,)]
    # By the list, which was read before, guest 1 is outside; by our newer scan inside.
    assert shown(await scan(store, ENTRY, 1, at=31 * DAY + 1)) == ("refuse", "already_redeemed")


async def test_while_the_time_is_unknown_nothing_is_forgotten(store: Store) -> None:
    await a_day(store)
    assert await forget(store, known=False) == 0


async def test_a_scan_of_an_unknown_time_is_not_old(store: Store) -> None:
    await pull(store, [guest(1)])
    await scan(store, ENTRY, "forged", clock=Trust.UNKNOWN)

    assert await forget(store, on_day=5000) == 0


async def test_who_was_in_an_old_closing_is_forgotten_with_the_exits_it_wrote(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    for number in (1, 2):
        await told(store, await scan(store, ENTRY, number))
    act = Act(what="closing", origin="test", at=after(100))
    begin = partial(closings.begin, lists=(1,), way="each", at=after(100), act=act)
    closing = await store.write(begin)
    await store.write(partial(bulk.asking, closing=closing, list_id=1, at=after(100)))
    await store.write(partial(bulk.answered, closing=closing, list_id=1, named=[1, 2]))
    await store.write(partial(closings.step, closing=closing, at_most=1))
    assert await forget(store) == 0  # it is still going
    await store.write(partial(closings.step, closing=closing, at_most=5))
    owed = await rows(store, "SELECT nonce FROM scans WHERE state = 'waiting'")
    for number, (nonce,) in enumerate(owed):
        state = State.SHELVED if number else State.CONFIRMED
        await settle(store, nonce, state, at=101)
    await store.write(partial(closings.end, closing=closing, state="done", words="", act=None))
    gone = [guest(number, entered(1), left(100)) for number in (1, 2)]
    await pull(store, gone, at=200)
    before = await figures(store)

    await forget(store)

    assert await rows(store, "SELECT position_id FROM closing_people") == [(2,)]
    assert await rows(store, "SELECT named FROM closing_requests") == []
    states = await rows(store, "SELECT type, state FROM scans")
    assert states == [("exit", "shelved")]
    assert await figures(store) == before
    assert (before["entries"], before["exits"]) == (2, 0)


async def test_a_guest_is_answered_while_a_long_ledger_is_forgotten(store: Store) -> None:
    await pull(store, [guest(number) for number in range(1, 4)])
    await store.write(partial(_many, number=1000))
    forgetting = asyncio.create_task(forget(store))
    answered = 0
    while not forgetting.done():
        shown(await scan(store, ENTRY, "forged", at=31 * DAY))
        answered += 1

    assert await forgetting == 1000
    # A step, a guest, a step, ...: whoever comes waits for one step at most.
    assert answered >= 1000 / 50 - 1


def _many(db: Any, *, number: int) -> None:
    db.executemany(
        "INSERT INTO scans (nonce, sighting, type, list_id, order_code, secret_hash, verdict,"
        " reason, at, dated, boot_id, monotonic_ns, eye, state)"
        " VALUES (?1, ?1, 'entry', 1, '', x'00', 'refuse', 'invalid', ?2, ?2, '', 0, '', 'local')",
        [(f"n{one}", "2026-11-22T12:00:00.000000Z") for one in range(number)],
    )


async def test_a_step_looks_at_no_more_than_it_is_told_to(store: Store) -> None:
    await a_day(store)
    before = NOON + timedelta(days=1)
    done = await store.write(partial(past.forget, before=before, mark=past.Mark(), limit=3))

    assert done is not None
    assert done[1] == 3
    assert await rows(store, "SELECT COUNT(*) FROM scans") == [(5,)]
