"""The outbox: the order in which scans are told, and what becomes of each."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from store_samples import (
    ALL,
    ENTRY,
    EXIT,
    VIP,
    after,
    begin,
    database,
    entered,
    guest,
    pull,
    rows,
    scan,
    settle,
    told,
)

from gated.model import Scan, State
from gated.store import Store, facts, outbox
from gated.store.outbox import Attempt, Debt, Ending, OutboxCount
from gated.store.redeem import Redeemed
from gated.store.rows import stamp


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with database(tmp_path) as store:
        await pull(store, [guest(number) for number in range(1, 6)])
        yield store


async def next_debts(store: Store, limit: int = 9, *, busy: tuple[str, ...] = ()) -> list[Debt]:
    return await store.read(partial(outbox.next_debts, limit=limit, busy=busy))


async def next_nonces(store: Store, limit: int = 9, *, busy: tuple[str, ...] = ()) -> list[str]:
    return [debt.scan.nonce for debt in await next_debts(store, limit, busy=busy)]


def nonces(*answers: Redeemed) -> list[str]:
    return [row.nonce for answer in answers for row in answer.scans]


async def row(store: Store, nonce: str) -> Scan:
    debts = await next_debts(store)
    return next(debt.scan for debt in debts if debt.scan.nonce == nonce)


async def test_an_empty_outbox_owes_nothing(store: Store) -> None:
    assert await next_debts(store) == []
    assert await store.read(outbox.count) == OutboxCount(0, 0, 0, None)


async def test_tickets_go_side_by_side_the_oldest_first(store: Store) -> None:
    answers = [await scan(store, ENTRY, number, at=-number) for number in (3, 1, 2)]
    assert await next_nonces(store) == nonces(*answers)
    assert await next_nonces(store, limit=2) == nonces(*answers[:2])


async def test_the_scans_of_one_ticket_go_one_after_the_other(store: Store) -> None:
    came = await scan(store, ENTRY, 1, at=1)
    went = await scan(store, EXIT, 1, at=2)
    back = await scan(store, ENTRY, 1, at=3)
    other = await scan(store, ENTRY, 2, at=4)
    (first,), (second,), (third,) = (one.scans for one in (came, went, back))
    assert await next_nonces(store) == nonces(came, other)
    await settle(store, first.nonce)
    assert await next_nonces(store) == nonces(went, other)
    # Who lies on the shelf waits for a person, and must not hold up what came after.
    await settle(store, second.nonce, State.SHELVED)
    assert await next_nonces(store) == nonces(back, other)
    await settle(store, third.nonce)
    assert await next_nonces(store) == nonces(other)


async def test_two_stays_of_one_sighting_need_not_wait_for_each_other(store: Store) -> None:
    page = [guest(1, entered(0, list_id=1))]
    await pull(store, page, [guest(1, entered(0, list_id=2))], lists=[ALL, VIP])
    went = await scan(store, EXIT, 1, lists=(1, 2))
    later = await scan(store, ENTRY, 1, at=2, lists=(1, 2))
    assert await next_nonces(store) == nonces(went)
    await settle(store, went.scans[0].nonce)
    assert await next_nonces(store) == [went.scans[1].nonce]
    await settle(store, went.scans[1].nonce)
    assert await next_nonces(store) == nonces(later)


async def test_a_busy_row_is_passed_over_but_its_ticket_waits(store: Store) -> None:
    stuck = await scan(store, ENTRY, 1)
    await scan(store, EXIT, 1, at=2)
    others = [await scan(store, ENTRY, number, at=3) for number in (2, 3)]
    assert await next_nonces(store, 2, busy=tuple(nonces(stuck))) == nonces(*others)


async def test_many_busy_rows_do_not_hide_the_one_behind_them(store: Store) -> None:
    stuck = [await scan(store, ENTRY, number) for number in (1, 2, 3, 4)]
    free = await scan(store, ENTRY, 5)
    assert await next_nonces(store, 1, busy=tuple(nonces(*stuck))) == nonces(free)


async def test_an_attempt_is_on_the_disk_before_it_is_made(store: Store) -> None:
    (fresh,) = (await scan(store, ENTRY, 1, at=1)).scans
    assert (fresh.attempts, fresh.sent_at, fresh.via) == (0, None, "")
    for via, key in (("redeem", "first"), ("redeem-force", "second")):
        await begin(store, fresh, via, key)
    kept = await row(store, fresh.nonce)
    assert (kept.attempts, kept.sent_at, kept.via, kept.key) == (
        2,
        fresh.dated,
        "redeem-force",
        "second",
    )


async def test_of_many_attempts_begun_at_once_those_not_made_are_taken_back(store: Store) -> None:
    before = [*(await scan(store, ENTRY, 1)).scans, *(await scan(store, ENTRY, 2)).scans]
    attempts = [Attempt(one, "redeem", f"{one.nonce}-key") for one in before]
    work = partial(outbox.begin_attempts, attempts=attempts, told_by="token")
    begun = await store.write(work)
    first, second = (one.nonce for one in before)
    assert [begun[nonce] for nonce in (first, second)] == [
        await row(store, nonce) for nonce in (first, second)
    ]
    assert {one.attempts for one in begun.values()} == {1}
    await store.write(partial(outbox.take_back, nonces=[second]))
    assert (await row(store, first)).attempts == 1
    assert [await row(store, second)] == before[1:]


async def test_a_second_attempt_is_not_taken_back(store: Store) -> None:
    (one,) = (await scan(store, ENTRY, 1)).scans
    for _ in range(2):
        await begin(store, one)
    await store.write(partial(outbox.take_back, nonces=[one.nonce]))
    assert (await row(store, one.nonce)).attempts == 2


async def test_what_the_server_said_is_kept_but_not_at_any_length(store: Store) -> None:
    (first,) = (await scan(store, ENTRY, 1)).scans
    await store.write(
        partial(outbox.note, nonce=first.nonce, reason="failed", message="why " * 1000)
    )
    kept = await row(store, first.nonce)
    assert (kept.server_reason, kept.state) == ("failed", State.WAITING)
    assert len(kept.server_message) == 500


async def test_settled_rows_are_numbered_in_the_order_of_settling(store: Store) -> None:
    answers = [await scan(store, ENTRY, number) for number in (1, 2, 3)]
    for answer, state in zip(
        reversed(answers), (State.REFUSED, State.SHELVED, State.DUPLICATE), strict=True
    ):
        await told(store, answer, state, reason="unpaid", message="Not paid.")
    assert await rows(store, "SELECT state, settled_no, server_reason FROM scans ORDER BY id") == [
        ("duplicate", 2, "unpaid"),
        ("shelved", None, "unpaid"),
        ("refused", 1, "unpaid"),
    ]
    assert await store.read(outbox.count) == OutboxCount(0, 2, 1, None, refused=1)


async def test_of_many_settled_at_once_each_has_its_own_number(store: Store) -> None:
    many = nonces(*[await scan(store, ENTRY, number) for number in (1, 2, 3)])
    ends = [State.CONFIRMED, State.SHELVED, State.DUPLICATE]
    endings = [Ending(nonce, state) for nonce, state in zip(many, ends, strict=True)]
    await store.write(partial(outbox.settle, endings=endings, at=after(9)))
    assert await rows(store, "SELECT state, settled_no FROM scans ORDER BY id") == [
        ("confirmed", 1),
        ("shelved", None),
        ("duplicate", 2),
    ]


async def test_what_a_person_should_see_is_the_shelf_and_then_what_the_server_refused(
    store: Store,
) -> None:
    answers = [await scan(store, ENTRY, number) for number in range(1, 5)]
    denied = await scan(store, ENTRY, "a code of nobody", reports=True)
    one, two, three, four = nonces(*answers)
    await settle(store, one, State.REFUSED)
    await settle(store, two, State.SHELVED)
    await settle(store, three, State.REFUSED)
    await settle(store, four)
    await settle(store, denied.scans[0].nonce, State.REFUSED)
    seen = await store.read(partial(outbox.troubled, limit=9))
    assert [each.nonce for each in seen] == [two, three, one]
    assert [each.nonce for each in await store.read(partial(outbox.troubled, limit=2))] == [
        two,
        three,
    ]
    assert (await store.read(outbox.count)).refused == 2


async def test_the_counts_name_the_oldest_that_waits(store: Store) -> None:
    answers = [await scan(store, ENTRY, number, at=number) for number in (1, 2, 3)]
    await told(store, answers[0])
    expected = OutboxCount(2, 1, 0, "2026-11-22T12:02:00.000000Z")
    assert await store.read(outbox.count) == expected


async def test_a_debt_says_whether_the_order_is_unpaid(store: Store) -> None:
    pending = guest(2, order_status="n", valid_if_pending=True)
    await pull(store, [guest(1), pending], at=1)
    for number in (1, 2):
        await scan(store, ENTRY, number)
    assert [debt.pending for debt in await next_debts(store)] == [False, True]


def fill(db: sqlite3.Connection) -> None:
    """10,000 scans of 100 tickets."""
    columns = (
        "nonce, sighting, type, list_id, position_id, order_code, secret_hash, verdict, reason,"
        " at, dated, boot_id, monotonic_ns, eye, state"
    )
    db.executemany(
        f"INSERT INTO scans ({columns})"
        " VALUES (:nonce, :nonce, 'entry', 1, :ticket, '', :hash, 'admit', 'entered',"
        " :at, :at, '', 0, '', 'waiting')",
        (
            {
                "nonce": f"n{number}",
                "ticket": number % 100,
                "hash": bytes([number % 100]),
                "at": stamp(after(number)),
            }
            for number in range(10_000)
        ),
    )


def plan(db: sqlite3.Connection) -> list[str]:
    """The steps of every query that the outbox makes."""
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    outbox.next_debts(db, 2, ())
    outbox.count(db)
    facts.settled_no(db)
    db.set_trace_callback(None)
    return [row[3] for query in asked for row in db.execute(f"EXPLAIN QUERY PLAN {query}")]


async def test_ten_thousand_waiting_rows_are_read_by_their_indexes(store: Store) -> None:
    await store.write(fill)
    steps = await store.read(plan)
    assert len(steps) >= 8
    whole = [step for step in steps if step.startswith("S") and "USING" not in step]
    assert whole == ["SCAN past_scans"]  # a row for each kind of scan, not for each scan
    assert [step for step in steps if "TEMP B-TREE" in step] == []
    debts = await next_debts(store, 200)
    assert [debt.scan.position_id for debt in debts] == list(range(100))
