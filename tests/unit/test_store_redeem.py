"""The transaction of one scan: what it looks at, what it answers, what it writes down."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from store_samples import (
    ALL,
    ENTRY,
    EXIT,
    NOON,
    VIP,
    after,
    begin,
    database,
    entered,
    guest,
    left,
    pull,
    rows,
    scan,
    scan_or_ask,
    secret,
    shown,
    told,
)

from gated.config import Policy
from gated.model import Checkin, Scan, ScanType, State
from gated.store import Store, passes
from gated.store.history import history
from gated.store.redeem import Ask, Asking, Fresh, Redeemed
from gated.store.tickets import Keeper

LATE = 24 * 60.0


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with database(tmp_path) as store:
        yield store


async def test_an_entry_and_its_exit_are_written_down_as_they_were(store: Store) -> None:
    await pull(store, [guest(1)])
    came = await scan(store, ENTRY, 1, at=5)
    assert came.scans == (
        Scan(
            nonce=came.scans[0].nonce,
            sighting=came.scans[0].nonce,
            type=ENTRY,
            list_id=1,
            verdict=came.decision.verdict,
            reason=came.decision.reason,
            at=after(5),
            dated=after(5),
            position_id=1,
            order_code="ORDER1",
            state=State.WAITING,
            key=came.scans[0].nonce,
        ),
    )
    went = await scan(store, EXIT, 1, at=9)
    assert [shown(came), shown(went)] == [("admit", "entered"), ("admit", "left")]
    assert await rows(store, "SELECT type, at, verdict, state FROM scans ORDER BY id") == [
        ("entry", "2026-11-22T12:05:00.000000Z", "admit", "waiting"),
        ("exit", "2026-11-22T12:09:00.000000Z", "admit", "waiting"),
    ]


async def test_a_stranger_is_refused_and_owed_to_nobody(store: Store) -> None:
    await pull(store, [guest(1)])
    (row,) = (await scan(store, ENTRY, "nobody")).scans
    assert (row.verdict, row.reason, row.position_id) == ("refuse", "invalid", None)
    assert row.state is State.LOCAL


async def test_the_first_list_that_admits_gets_the_entry(store: Store) -> None:
    vip = replace(VIP, all_products=False, limit_products=frozenset({2}))
    await pull(store, [guest(1, item=2)], [guest(1, item=2), guest(3)], lists=[vip, ALL])
    stays = [
        (await scan(store, ENTRY, number, lists=lists)).decision.stays[0].list_id
        for number, lists in ((1, (2, 1)), (3, (2, 1)))
    ]
    assert stays == [2, 1]


async def test_an_exit_ends_every_stay_by_a_row_of_its_own(store: Store) -> None:
    page = [guest(1, entered(1, list_id=1)), guest(2)]
    await pull(store, page, [guest(1, entered(2, list_id=2))], lists=[ALL, VIP])
    went = await scan(store, EXIT, 1, at=5, lists=(1, 2))
    assert [row.list_id for row in went.scans] == [1, 2]
    assert len({row.nonce for row in went.scans}) == 2
    assert {row.sighting for row in went.scans} == {went.scans[0].nonce}
    assert shown(await scan(store, EXIT, 1, at=6, lists=(1, 2))) == ("refuse", "already_left")


@pytest.mark.parametrize("state", [State.WAITING, State.SHELVED, State.CONFIRMED, State.REFUSED])
async def test_an_own_entry_counts_until_the_server_was_read_after_it(
    store: Store, state: State
) -> None:
    await pull(store, [guest(1)])
    came = await scan(store, ENTRY, 1)
    if state is not State.WAITING:
        await told(store, came, state)
    assert shown(await scan(store, ENTRY, 1, at=2)) == ("refuse", "already_redeemed")
    await pull(store, [guest(1)], at=3)
    # The server does not list it. It may only be believed about what it was told and took.
    again = await scan(store, ENTRY, 1, at=4)
    assert shown(again)[0] == ("admit" if state is State.CONFIRMED else "refuse")


async def test_what_was_settled_after_the_pass_began_still_counts(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await told(store, await scan(store, ENTRY, 2))
    came = await scan(store, ENTRY, 1)
    # The pass reads its pages, and while it does the entry is settled.
    await store.write(passes.begin)
    keeper = Keeper(store.vault)
    await store.write(lambda db: passes.add(db, keeper, 1, [guest(1), guest(2)]))
    await told(store, came)
    await store.write(lambda db: passes.finish(db, [ALL], at=NOON))
    assert shown(await scan(store, EXIT, 1, at=2)) == ("admit", "left")
    assert shown(await scan(store, ENTRY, 2, at=2)) == ("admit", "entered")


async def test_an_annulled_entry_never_was(store: Store) -> None:
    await pull(store, [guest(1)])
    await told(store, await scan(store, ENTRY, 1), State.ANNULLED)
    assert shown(await scan(store, ENTRY, 1, at=2)) == ("admit", "entered")


async def test_what_both_know_counts_once_and_an_exit_elsewhere_ends_it(store: Store) -> None:
    await pull(store, [guest(1)])
    came = await scan(store, ENTRY, 1, at=1)
    listed = guest(1, entered(1, id=71))
    assert came.scans[0].dated == listed.checkins[0].at
    await pull(store, [listed], at=2)
    assert shown(await scan(store, ENTRY, 1, at=3)) == ("refuse", "already_redeemed")
    known = await store.read(lambda db: history(db, 1, 1))
    assert known == [Checkin(ENTRY, after(1))]
    await pull(store, [guest(1, entered(1, id=71), left(4))], at=5)
    assert shown(await scan(store, ENTRY, 1, at=7)) == ("admit", "entered")


async def test_check_ins_of_the_same_moment_count_in_the_servers_order(store: Store) -> None:
    await pull(
        store,
        [guest(1, entered(1, id=8), left(1, id=7)), guest(2, entered(1, id=7), left(1, id=8))],
    )
    assert shown(await scan(store, EXIT, 1, at=2)) == ("admit", "left")
    assert shown(await scan(store, EXIT, 2, at=2, asking=Asking.NEVER))[0] == "refuse"


@pytest.mark.parametrize("kind", [ENTRY, EXIT])
async def test_a_slow_clock_dates_a_scan_after_the_one_it_follows(
    store: Store, kind: ScanType
) -> None:
    last = entered(10) if kind is EXIT else left(10)
    await pull(store, [guest(1, entered(5), last)])
    (row,) = (await scan(store, kind, 1, at=-30)).scans
    assert row.at == after(-30)
    assert row.dated == after(10) + timedelta(microseconds=1)
    (other,) = (await scan(store, kind.other, 1, at=-30)).scans
    assert other.dated == after(10) + timedelta(microseconds=2)


@pytest.mark.parametrize(
    ("kind", "code", "is_asked"),
    [
        (ENTRY, "nobody", True),
        (EXIT, "nobody", True),
        (EXIT, secret(1), True),
        (ENTRY, secret(2), True),
        (ENTRY, secret(4), True),
        (ENTRY, secret(1), False),
        (EXIT, secret(2), False),
        (ENTRY, secret(3), False),
    ],
)
async def test_the_server_is_asked_only_about_a_red_that_it_could_overturn(
    store: Store, kind: ScanType, code: str, is_asked: bool
) -> None:
    await pull(store, [guest(4)])
    await pull(store, [guest(1), guest(2, entered(0)), guest(3, blocked=True)])
    answer = await scan_or_ask(store, kind, code, asking=Asking.POSSIBLE)
    assert isinstance(answer, Ask) is is_asked
    assert await rows(store, "SELECT COUNT(*) FROM scans") == [(0 if is_asked else 1,)]


async def test_a_ticket_sold_a_minute_ago_is_admitted_by_the_servers_word(store: Store) -> None:
    await pull(store, [guest(1)])
    ask = await scan_or_ask(store, ENTRY, secret(2), asking=Asking.POSSIBLE)
    assert isinstance(ask, Ask)
    fresh = Fresh({1: (guest(2),)}, ask.known_no, Keeper(store.vault))
    assert shown(await scan(store, ENTRY, 2, fresh=fresh)) == ("admit", "entered")
    assert shown(await scan(store, EXIT, 2, at=2)) == ("admit", "left")


async def test_fresh_data_do_not_undo_what_was_not_yet_told(store: Store) -> None:
    await pull(store, [guest(1)])
    came = await scan(store, ENTRY, 1)
    ask = await scan_or_ask(store, ENTRY, secret(1), at=2, asking=Asking.POSSIBLE)
    assert isinstance(ask, Ask)
    await told(store, came)
    # Settled after the question was put: the answer need not know of it.
    fresh = Fresh({1: (guest(1),)}, ask.known_no, Keeper(store.vault))
    assert shown(await scan(store, ENTRY, 1, at=2, fresh=fresh)) == ("refuse", "already_redeemed")


async def test_who_never_came_in_is_refused_when_the_server_agrees(store: Store) -> None:
    await pull(store, [guest(1)])
    fresh = Fresh({1: (guest(1),)}, 0, Keeper(store.vault))
    assert shown(await scan(store, EXIT, 1, fresh=fresh)) == ("refuse", "not_checked_in")


async def test_an_answer_without_the_ticket_says_nothing_about_its_holder(store: Store) -> None:
    await pull(store, [guest(1)])
    fresh = Fresh({1: ()}, 0, Keeper(store.vault))
    assert shown(await scan(store, EXIT, 1, fresh=fresh)) == ("attention", "not_checked_in")


@pytest.mark.parametrize(
    ("asking", "at", "verdict"),
    [
        (Asking.AWAY, 0.5, "attention"),
        (Asking.AWAY, LATE, "attention"),
        (Asking.NEVER, 0.5, "refuse"),
        (Asking.NEVER, LATE, "attention"),
        (Asking.NEVER, -LATE, "attention"),
    ],
)
async def test_who_never_came_in_may_leave_while_nobody_can_be_sure(
    store: Store, asking: Asking, at: float, verdict: str
) -> None:
    await pull(store, [guest(1)])
    answer = await scan(store, EXIT, 1, asking=asking, at=at)
    assert shown(answer) == (verdict, "not_checked_in")
    assert answer.scans[0].state is (State.LOCAL if verdict == "refuse" else State.WAITING)


async def test_who_never_came_in_may_always_leave_if_the_organiser_says_so(store: Store) -> None:
    await pull(store, [guest(1)])
    policy = Policy(exit_not_inside="attention")
    answer = await scan(store, EXIT, 1, asking=Asking.NEVER, policy=policy)
    assert shown(answer) == ("attention", "not_checked_in")


async def test_before_the_first_pull_a_list_is_open_but_empty(store: Store) -> None:
    assert shown(await scan(store, ENTRY, 1)) == ("refuse", "invalid")
    fresh = Fresh({1: (guest(1),)}, 0, Keeper(store.vault))
    assert shown(await scan(store, ENTRY, 1, fresh=fresh)) == ("admit", "entered")


@pytest.mark.parametrize("reports", [True, False])
async def test_the_code_is_kept_sealed_only_for_a_refusal_to_be_reported(
    store: Store, reports: bool
) -> None:
    await pull(store, [guest(1)])
    await scan(store, ENTRY, 1, reports=reports)
    await scan(store, ENTRY, 1, at=2, reports=reports)
    kept = await rows(store, "SELECT verdict, secret_text, state FROM scans ORDER BY id")
    assert [row[1] is not None for row in kept] == [False, reports]
    assert [row[2] for row in kept] == ["waiting", "waiting" if reports else "local"]
    if reports:
        assert store.vault.unseal(kept[1][1]) == secret(1)


@pytest.mark.parametrize(
    ("state", "is_erased"),
    [
        (State.CONFIRMED, True),
        (State.DUPLICATE, True),
        (State.REFUSED, True),
        (State.LOCAL, True),
        (State.SHELVED, False),
    ],
)
async def test_the_code_is_erased_once_nothing_is_owed(
    store: Store, state: State, is_erased: bool
) -> None:
    refused = await scan(store, ENTRY, "nobody", reports=True)
    await told(store, refused, state)
    ((kept,),) = await rows(store, "SELECT secret_text FROM scans")
    assert (kept is None) is is_erased


async def test_no_code_and_no_name_lies_on_the_card_in_the_clear(
    store: Store, tmp_path: Path
) -> None:
    codes = ["a-code-of-a-guest", "a-code-of-a-stranger", "a-new-code-of-a-guest"]
    for code in (codes[0], codes[2]):
        beside = sqlite3.connect(store.path)
        beside.execute("PRAGMA wal_checkpoint")
        beside.close()
        await pull(store, [guest(1, code=code, name="Guest Numberone")], names=True)
        for at in (1, 2):
            await scan(store, ENTRY, code, at=at, reports=True)
    stranger = await scan(store, ENTRY, codes[1], reports=True)
    await told(store, stranger)
    files = {name: (tmp_path / f"gated.{name}").read_bytes() for name in ("db", "db-wal")}
    assert [b"ORDER1" in file for file in files.values()] == [True, True]
    bare = [code.encode() for code in (*codes, "Guest Numberone")]
    assert [text for text in bare for file in files.values() if text in file] == []


async def test_two_at_once_with_one_ticket_admit_one(store: Store) -> None:
    await pull(store, [guest(number) for number in range(1, 6)])
    answers = await asyncio.gather(
        *(scan_or_ask(store, ENTRY, secret(1 + number % 5)) for number in range(20))
    )
    verdicts = [shown(answer)[0] for answer in answers if isinstance(answer, Redeemed)]
    assert sorted(verdicts) == ["admit"] * 5 + ["refuse"] * 15


async def test_what_is_sent_again_keeps_the_time_it_was_first_sent_with(store: Store) -> None:
    await pull(store, [guest(1)])
    (row,) = (await scan(store, ENTRY, 1, at=1)).scans
    attempts = [await begin(store, row) for _ in range(2)]
    assert [one.sent_at for one in attempts] == [after(1), after(1)]
    assert [one.attempts for one in attempts] == [1, 2]
