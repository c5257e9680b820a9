"""A complete pass in steps: what changes between them, what is compared, and what is left over."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Collection
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from store_samples import (
    ALL,
    ENTRY,
    EXIT,
    NOON,
    VIP,
    database,
    entered,
    guest,
    left,
    pull,
    rows,
    scan,
    shown,
    told,
)

from gated.model import CheckinList, Listed
from gated.store import Store, facts, passes, tickets
from gated.store.delta import Changed, take_in
from gated.store.passes import PassResult
from gated.store.tickets import Keeper

TABLES = ("tickets", "listings", "checkins")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with database(tmp_path) as store:
        yield store


async def read(store: Store, *page: Listed) -> None:
    """A pass up to where the differences are left to be put in place."""
    await store.write(passes.begin)
    await store.write(partial(passes.add, keeper=Keeper(store.vault), list_id=ALL.id, listed=page))


async def finish(store: Store) -> PassResult:
    return await store.write(partial(passes.finish, lists=[ALL], at=NOON))


async def merge(store: Store, *listed: Listed) -> None:
    known_no = await store.read(facts.settled_no)
    keeper = Keeper(store.vault)
    work = partial(tickets.merge, keeper=keeper, list_id=1, listed=listed, known_no=known_no)
    await store.write(work)


async def change(store: Store, *listed: Listed, canceled: bool = False) -> None:
    known_no = await store.read(facts.settled_no)
    changes = [Changed(one, canceled=canceled) for one in listed]
    keeper = Keeper(store.vault)
    await store.write(
        partial(take_in, keeper=keeper, changes=changes, lists=[ALL], known_no=known_no)
    )


async def kept(
    store: Store, table: str, positions: Collection[int] = range(1000)
) -> list[tuple[Any, ...]]:
    where = f"WHERE position_id IN ({', '.join(map(str, positions))})"
    return sorted(await rows(store, f"SELECT * FROM {table} {where}"), key=repr)


async def test_reading_changes_nothing_until_it_is_put_in_place(store: Store) -> None:
    await pull(store, [guest(1, entered(1)), guest(2)])
    before = [await kept(store, table) for table in TABLES]
    await read(store, guest(1, code="new"), guest(3, entered(1)))
    assert [await kept(store, table) for table in TABLES] == before
    result = await finish(store)
    assert (result.tickets, result.changed, result.vanished) == (2, 2, 1)


@pytest.mark.parametrize("take_up", [merge, change])
async def test_a_ticket_that_was_sold_after_reading_does_not_vanish(
    store: Store, take_up: Any
) -> None:
    await pull(store, [guest(1)])
    await read(store, guest(1))
    await take_up(store, guest(2))
    assert (await finish(store)).vanished == 0
    assert shown(await scan(store, ENTRY, 2)) == ("admit", "entered")


@pytest.mark.parametrize("take_up", [merge, change])
@pytest.mark.parametrize("page", [guest(1), guest(1, entered(0), order_status="n", code="older")])
async def test_what_changed_after_reading_keeps_the_fresher_data_whole(
    store: Store, take_up: Any, page: Listed
) -> None:
    await pull(store, [guest(1), guest(2)])
    await read(store, page)
    await take_up(store, guest(1, entered(1), left(2), entered(3), code="newer"))
    before = [await kept(store, table) for table in TABLES]
    assert (await finish(store)).vanished == 1
    await store.write(lambda db: db.execute("UPDATE tickets SET vanished = 0"))
    assert [await kept(store, table) for table in TABLES] == before
    assert shown(await scan(store, EXIT, "newer", at=4)) == ("admit", "left")


async def test_a_ticket_that_was_canceled_after_reading_stays_canceled(store: Store) -> None:
    await pull(store, [guest(1)])
    await read(store, guest(1, name="Guest 0009", item=2))
    await change(store, guest(1), canceled=True)
    await finish(store)
    assert shown(await scan(store, ENTRY, 1)) == ("refuse", "canceled")


async def test_what_changed_during_a_pass_is_the_next_passs_again(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await read(store, guest(1))
    await merge(store, guest(2))
    await finish(store)
    assert (await pull(store, [guest(1)])).vanished == 1


async def place(store: Store, *lists: CheckinList) -> bool:
    return await store.write(partial(passes.place, lists=lists or [ALL]))


async def test_between_two_steps_each_ticket_is_whole_the_old_or_the_new(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "_STEP", 1)
    await pull(store, [guest(number) for number in (1, 2, 3)])
    await read(store, *(guest(number, entered(1), code=f"new-{number}") for number in (1, 2)))
    assert await place(store)
    assert shown(await scan(store, EXIT, "new-1", at=2)) == ("admit", "left")
    assert shown(await scan(store, ENTRY, "new-2", at=2)) == ("refuse", "invalid")
    assert shown(await scan(store, ENTRY, 2, at=2)) == ("admit", "entered")
    assert (await finish(store)) == PassResult(tickets=2, changed=2, vanished=1)
    assert shown(await scan(store, ENTRY, 3, at=3)) == ("refuse", "canceled")


@pytest.mark.parametrize("take_up", [merge, change])
async def test_what_changes_between_two_steps_keeps_the_fresher_data(
    store: Store, monkeypatch: pytest.MonkeyPatch, take_up: Any
) -> None:
    monkeypatch.setattr(passes, "_STEP", 1)
    await pull(store, [guest(1), guest(2)])
    await read(store, guest(1, code="page-1"), guest(2, code="page-2"))
    assert await place(store)
    await take_up(store, guest(1, code="newer-1"), guest(2, code="newer-2"))
    await finish(store)
    assert shown(await scan(store, ENTRY, "newer-1")) == ("admit", "entered")
    assert shown(await scan(store, ENTRY, "newer-2")) == ("admit", "entered")


async def test_the_first_ticket_does_not_come_before_the_rules_of_its_list(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passes, "_STEP", 1)
    await read(store, guest(1, item=3), guest(2, item=3))
    assert await place(store, replace(ALL, all_products=False, limit_products=frozenset({2})))
    assert shown(await scan(store, ENTRY, 1)) == ("refuse", "product")


async def test_of_a_ticket_that_comes_twice_the_last_word_counts(store: Store) -> None:
    await pull(store, [guest(1)])
    keeper = Keeper(store.vault)
    await store.write(passes.begin)
    for page in ([guest(1, entered(1), code="first")], [guest(1)]):
        await store.write(partial(passes.add, keeper=keeper, list_id=1, listed=page))
    assert await finish(store) == PassResult(tickets=1, changed=0, vanished=0)
    assert await kept(store, "checkins") == []
    assert shown(await scan(store, ENTRY, 1)) == ("admit", "entered")


async def test_a_position_that_left_a_list_leaves_no_check_in_there(store: Store) -> None:
    await pull(store, [guest(1)], [guest(1, entered(1, list_id=2), item=2)], lists=[ALL, VIP])
    await pull(store, [guest(1)], [], lists=[ALL, VIP])
    assert [row[0] for row in await kept(store, "listings")] == [1]
    assert await kept(store, "checkins") == []


async def test_nothing_of_a_pass_is_left_over(store: Store) -> None:
    await read(store, guest(1))
    await finish(store)
    while await store.write(passes.clear):
        pass
    names = "SELECT name FROM sqlite_temp_master"
    assert await store.write(lambda db: db.execute(names).fetchall()) == []


async def test_a_pass_begins_anew_wherever_the_one_before_broke_off(store: Store) -> None:
    await pull(store, [guest(1)])
    await read(store, guest(7))
    await store.write(passes.clear)
    await read(store, guest(8))
    result = await pull(store, [guest(1), guest(2)])
    assert (result.tickets, result.changed, result.vanished) == (2, 1, 0)


async def test_a_listing_is_dated_anew_only_where_a_scan_of_ours_was_settled(
    store: Store,
) -> None:
    page = [guest(1), guest(2)]
    await pull(store, page)
    came = await scan(store, ENTRY, 1)
    await told(store, came)
    known = "SELECT position_id, known_no FROM listings ORDER BY position_id"
    await pull(store, page)
    assert await rows(store, known) == [(1, 1), (2, 0)]
    await told(store, await scan(store, ENTRY, 2))
    await pull(store, page)
    assert await rows(store, known) == [(1, 1), (2, 2)]


@pytest.mark.parametrize(("old", "new"), [(9, 0), (9, 9), (2, 9)])
async def test_a_step_takes_a_few_positions_of_either_list(
    store: Store, monkeypatch: pytest.MonkeyPatch, old: int, new: int
) -> None:
    monkeypatch.setattr(passes, "_STEP", 3)
    await pull(store, [guest(number) for number in range(1, old + 1)])
    await store.write(passes.begin)
    page = [guest(number) for number in range(1, new + 1)]
    await store.write(partial(passes.add, keeper=Keeper(store.vault), list_id=1, listed=page))
    steps = 0
    while await place(store):
        steps += 1
    assert steps == 3


@pytest.mark.parametrize("seed", range(4))
async def test_after_a_pass_all_is_as_if_it_had_been_the_first(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(passes, "_STEP", 3)
    chance = random.Random(seed)
    for number in range(3):
        pages = [_made_up(chance), _made_up(chance)]
        seen = {one.ticket.position_id for page in pages for one in page}
        result = await pull(store, *pages, lists=[ALL, VIP])
        async with Store(tmp_path / f"first-{number}.db", tmp_path / "gated.key") as first:
            await pull(first, *pages, lists=[ALL, VIP])
            expected = [await kept(first, table) for table in TABLES]
        assert [await kept(store, table, seen) for table in TABLES] == expected
        live = await rows(store, "SELECT position_id FROM tickets WHERE NOT vanished")
        assert {position for (position,) in live} == seen
        assert result.tickets == len(seen)


def _made_up(chance: random.Random) -> list[Listed]:
    """About half of thirty guests, with gaps, in any order, each as it may have become."""
    chosen = chance.sample(range(1, 400, 13), 15)
    return [
        guest(
            number,
            *(
                (entered if chance.random() < 0.6 else left)(
                    minute, list_id=chance.choice((1, 2)), id=minute + 1
                )
                for minute in range(chance.randrange(3))
            ),
            code=f"code-{number}-{chance.randrange(2)}",
            order_status=chance.choice("pn"),
        )
        for number in chosen
    ]


@pytest.mark.parametrize(
    "statement",
    [
        passes._KEEP_FORMER_SECRETS,
        passes._PUT_TICKETS,
        passes._PUT_TOMBSTONES,
        *passes._PUT_CHECKINS_AND_LISTINGS,
        passes._KNOWN_TICKETS,
        passes._KNOWN_CHECKINS,
        passes._KNOWN_LISTINGS,
    ],
)
async def test_a_page_and_a_step_read_only_the_rows_in_question(
    store: Store, statement: str
) -> None:
    await pull(store, [guest(1, entered(1))])
    await store.write(passes.begin)
    bound = {"list": 1, "positions": "[1]", "after": 0, "last": 9}

    def plan(db: Any) -> list[str]:
        return [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", bound)]

    lines = await store.write(plan)
    scanned = {line for line in lines if line.startswith("SCAN")}
    assert scanned <= {
        "SCAN old_lists",
        "SCAN this_pass",
        "SCAN temp.this_pass",
        "SCAN json_each VIRTUAL TABLE INDEX 1:",
    }
    assert any(line.startswith("SEARCH") for line in lines)
