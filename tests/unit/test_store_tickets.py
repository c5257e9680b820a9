"""The cached list: complete passes, tombstones, former secrets, names, and single tickets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
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
    after,
    database,
    entered,
    guest,
    left,
    pull,
    rows,
    scan,
    shown,
)

from gated.model import CheckinList, Listed
from gated.store import Store, facts, passes, tickets
from gated.store.lookup import checkin_lists
from gated.store.tickets import Keeper


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with database(tmp_path) as store:
        yield store


async def live(store: Store) -> list[int]:
    found = await rows(
        store, "SELECT position_id FROM tickets WHERE NOT vanished ORDER BY position_id"
    )
    return [position for (position,) in found]


async def watch_writes(store: Store, table: str) -> Callable[[], int]:
    """Count the rows of a table that are touched from now on."""
    touched = 0

    def count(*_: Any) -> None:
        nonlocal touched
        touched += 1

    def install(db: Any) -> None:
        db.create_function(f"touched_{table}", 0, count)
        for act in ("INSERT", "UPDATE", "DELETE"):
            db.execute(
                f"CREATE TEMP TRIGGER watch_{table}_{act} AFTER {act} ON main.{table}"
                f" BEGIN SELECT touched_{table}(); END"
            )

    await store.write(install)
    return lambda: touched


async def merge(store: Store, *listed: Listed, list_id: int = 1) -> None:
    known_no = await store.read(facts.settled_no)
    keeper = Keeper(store.vault)
    await store.write(lambda db: tickets.merge(db, keeper, list_id, listed, known_no=known_no))


async def test_a_pass_replaces_the_old_list_in_one_go(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await store.write(passes.begin)
    keeper = Keeper(store.vault)
    await store.write(lambda db: passes.add(db, keeper, 1, [guest(2)]))
    await store.write(lambda db: passes.add(db, keeper, 1, [guest(3)]))
    assert await live(store) == [1, 2]
    result = await store.write(lambda db: passes.finish(db, [ALL], at=after(1)))
    assert await live(store) == [2, 3]
    assert (result.tickets, result.changed, result.vanished) == (2, 1, 1)
    assert await store.read(lambda db: facts.get(db, "pulled_at")) == "2026-11-22T12:01:00.000000Z"


async def test_a_pass_that_breaks_off_changes_nothing_and_the_next_starts_anew(
    store: Store,
) -> None:
    await pull(store, [guest(1)])
    await store.write(passes.begin)
    keeper = Keeper(store.vault)
    await store.write(lambda db: passes.add(db, keeper, 1, [guest(7)]))
    assert await live(store) == [1]
    await pull(store, [guest(1), guest(2)])
    assert await live(store) == [1, 2]


async def test_a_pass_that_fails_at_the_end_changes_nothing(store: Store) -> None:
    await pull(store, [guest(1)])
    await store.write(passes.begin)
    keeper = Keeper(store.vault)
    await store.write(lambda db: passes.add(db, keeper, 1, [guest(7)]))

    def finish_and_fail(db: Any) -> None:
        passes.finish(db, [ALL], at=NOON)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(finish_and_fail)
    assert await live(store) == [1]


async def test_a_pass_without_news_writes_no_ticket(store: Store) -> None:
    page = [guest(1, entered(0, id=4), valid_from=NOON), guest(2, name="Guest 0002")]
    await pull(store, page, names=True)
    touched = [
        await watch_writes(store, table)
        for table in ("tickets", "checkins", "listings", "former_secrets")
    ]
    result = await pull(store, page, names=True)
    assert (result.changed, result.vanished) == (0, 0)
    assert [count() for count in touched] == [0, 0, 0, 0]
    await pull(store, [page[0], replace(page[1], name="Guest 0003")], names=True)
    assert touched[0]() > 0


async def test_a_ticket_that_is_gone_from_the_list_lets_out_but_not_in(store: Store) -> None:
    await pull(store, [guest(1, entered(0)), guest(2), guest(3)])
    await pull(store, [guest(3)])
    assert shown(await scan(store, ENTRY, 2)) == ("refuse", "canceled")
    assert shown(await scan(store, EXIT, 1)) == ("attention", "canceled")
    assert await store.read(tickets.count) == 1


async def test_a_ticket_that_came_back_is_alive_again(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await pull(store, [guest(1)])
    result = await pull(store, [guest(1), guest(2)])
    assert (result.changed, result.vanished) == (1, 0)
    assert shown(await scan(store, ENTRY, 2)) == ("admit", "entered")


async def test_an_old_code_lets_out_but_not_in(store: Store) -> None:
    await pull(store, [guest(1, entered(0), code="old-1"), guest(2, code="old-2")])
    await pull(store, [guest(1, entered(0), code="new-1"), guest(2, code="new-2")])
    assert shown(await scan(store, ENTRY, "old-2")) == ("refuse", "revoked")
    assert shown(await scan(store, ENTRY, "new-2")) == ("admit", "entered")
    assert shown(await scan(store, EXIT, "old-1")) == ("attention", "revoked")


async def test_a_code_that_is_given_back_is_no_longer_an_old_one(store: Store) -> None:
    for code in ("first", "second", "first"):
        await pull(store, [guest(1, code=code)])
    assert shown(await scan(store, ENTRY, "second")) == ("refuse", "revoked")
    assert shown(await scan(store, ENTRY, "first")) == ("admit", "entered")


async def test_an_old_code_that_another_ticket_has_now_is_the_others(store: Store) -> None:
    await pull(store, [guest(1, code="common"), guest(2)])
    await pull(store, [guest(1, code="new"), guest(2, code="common")])
    answer = await scan(store, ENTRY, "common")
    assert shown(answer) == ("admit", "entered")
    assert answer.scans[0].position_id == 2


@pytest.mark.parametrize("names", [True, False])
async def test_names_are_kept_sealed_and_only_if_wanted(store: Store, names: bool) -> None:
    await pull(store, [guest(1, name="Guest 0001")], names=names)
    ((kept,),) = await rows(store, "SELECT name FROM tickets")
    assert (kept and store.vault.unseal(kept)) == ("Guest 0001" if names else None)


async def test_names_that_are_no_longer_wanted_are_gone_after_the_next_pass(
    store: Store,
) -> None:
    await pull(store, [guest(1)], names=True)
    await pull(store, [guest(1)], names=False)
    assert await rows(store, "SELECT name FROM tickets") == [(None,)]


async def test_a_ticket_on_two_lists_is_one_ticket_with_two_histories(store: Store) -> None:
    on_all, on_vip = guest(1, entered(1, list_id=1)), guest(1, left(2, list_id=2))
    result = await pull(store, [on_all, guest(2)], [on_vip], lists=[ALL, VIP])
    assert result.tickets == 2
    listings = await rows(store, "SELECT list_id, position_id FROM listings")
    assert listings == [(1, 1), (1, 2), (2, 1)]
    went = await scan(store, EXIT, 1, at=5, lists=(1, 2))
    assert [row.list_id for row in went.scans] == [1]


async def test_a_ticket_that_leaves_one_of_two_lists_stays_on_the_other(store: Store) -> None:
    await pull(store, [guest(1)], [guest(1)], lists=[ALL, VIP])
    result = await pull(store, [guest(1)], [], lists=[ALL, VIP])
    assert result.vanished == 0
    assert await rows(store, "SELECT list_id, position_id FROM listings") == [(1, 1)]


async def test_a_ticket_that_slipped_to_the_next_page_counts_once(store: Store) -> None:
    first, again = [guest(1), guest(2)], [guest(2, entered(1)), guest(3)]
    result = await pull(store, first, again)
    assert result.tickets == 3
    assert shown(await scan(store, ENTRY, 2, at=2)) == ("refuse", "already_redeemed")


async def test_a_check_in_that_the_server_takes_back_is_forgotten(store: Store) -> None:
    await pull(store, [guest(1, entered(1))])
    await pull(store, [guest(1)])
    assert shown(await scan(store, ENTRY, 1, at=2)) == ("admit", "entered")


async def test_a_paid_order_is_taken_up(store: Store) -> None:
    await pull(store, [guest(1, order_status="n")])
    assert shown(await scan(store, ENTRY, 1)) == ("refuse", "unpaid")
    assert (await pull(store, [guest(1)])).changed == 1
    assert shown(await scan(store, ENTRY, 1, at=2)) == ("admit", "entered")


async def test_how_a_list_is_set_up_is_kept(store: Store) -> None:
    once = CheckinList(
        id=2,
        name="Once",
        all_products=False,
        limit_products=frozenset({3, 1}),
        subevent=4,
        include_pending=True,
        allow_entry_after_exit=False,
        addon_match=True,
        rules={"and": []},
    )
    await pull(store, [], lists=[once])
    assert await store.read(lambda db: checkin_lists(db, (2, 1))) == [once, CheckinList(id=1)]


async def test_what_was_asked_about_one_ticket_is_merged(store: Store) -> None:
    await pull(store, [guest(1), guest(2)])
    await merge(store, guest(1, entered(1)), guest(3))
    assert await live(store) == [1, 2, 3]
    assert shown(await scan(store, EXIT, 1, at=2)) == ("admit", "left")
    assert shown(await scan(store, ENTRY, 3, at=2)) == ("admit", "entered")


async def test_a_merged_ticket_with_a_new_code_keeps_the_old_as_a_former_one(
    store: Store,
) -> None:
    await pull(store, [guest(1)])
    await merge(store, guest(1, code="new"))
    assert shown(await scan(store, ENTRY, 1)) == ("refuse", "revoked")
    assert shown(await scan(store, ENTRY, "new")) == ("admit", "entered")


async def test_merging_leaves_the_other_list_alone(store: Store) -> None:
    both = guest(1, entered(1, list_id=2))
    await pull(store, [guest(1)], [both], lists=[ALL, VIP])
    await merge(store, guest(1))
    assert shown(await scan(store, EXIT, 1, at=2, lists=(1, 2))) == ("admit", "left")


async def test_a_pass_that_read_its_page_before_a_ticket_was_sold_does_not_bury_it(
    store: Store,
) -> None:
    await pull(store, [guest(1)])
    await store.write(passes.begin)
    keeper = Keeper(store.vault)
    await store.write(lambda db: passes.add(db, keeper, 1, [guest(1)]))
    await merge(store, guest(2))
    await store.write(lambda db: passes.finish(db, [ALL], at=NOON))
    assert await live(store) == [1, 2]
    assert shown(await scan(store, ENTRY, 2)) == ("admit", "entered")
    await pull(store, [guest(1)])
    assert await live(store) == [1]


async def test_a_look_up_uses_the_index(store: Store) -> None:
    old = "former_secrets AS old JOIN tickets USING (position_id)"
    plans = []
    for query in (
        "SELECT * FROM tickets WHERE secret_hash = x'00'",
        f"SELECT tickets.* FROM {old} WHERE old.secret_hash = x'00'",
        "SELECT * FROM tickets WHERE addon_to = 5 AND NOT vanished ORDER BY position_id",
        "SELECT at FROM checkins WHERE list_id = 1 AND position_id = 5",
    ):
        plans += [row[3] for row in await rows(store, f"EXPLAIN QUERY PLAN {query}")]
    assert [step for step in plans if not step.startswith(("SEARCH", "USE TEMP"))] == []
    assert len(plans) >= 5
