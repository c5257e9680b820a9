"""Looking at the ledger: the last scans, the counts, who is inside, and the acts."""

from __future__ import annotations

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
    database,
    entered,
    guest,
    left,
    pull,
    scan,
    told,
)

from gated.model import Act, State
from gated.store import Store, facts, ledger, open_read_only
from gated.store.figures import figures
from gated.store.flow import Passed
from gated.store.ledger import Counts


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with database(tmp_path) as store:
        yield store


async def inside(store: Store, *lists: int) -> set[int]:
    return await store.read(partial(ledger.inside, lists=lists or (1,)))


async def counts(store: Store, *lists: int) -> Counts:
    return await store.read(partial(ledger.counts, lists=lists or (1,)))


async def test_a_new_ledger_is_empty(store: Store) -> None:
    assert await counts(store) == Counts(0, 0, 0, {})
    assert await store.read(partial(ledger.recent, limit=5)) == []


async def test_the_last_scans_come_newest_first_and_once_per_sighting(store: Store) -> None:
    page = [guest(1, entered(0, list_id=1)), guest(2)]
    await pull(store, page, [guest(1, entered(0, list_id=2))], lists=[ALL, VIP])
    both = await scan(store, EXIT, 1, at=1, lists=(1, 2))
    came = await scan(store, ENTRY, 2, at=2)
    stranger = await scan(store, ENTRY, "nobody", at=3)
    shown = await store.read(partial(ledger.recent, limit=5))
    assert shown == [stranger.scans[0], came.scans[0], both.scans[0]]
    assert await store.read(partial(ledger.recent, limit=1)) == [stranger.scans[0]]


async def test_the_whole_ledger_comes_oldest_first_with_every_row(store: Store) -> None:
    page = [guest(1, entered(0, list_id=1))]
    await pull(store, page, [guest(1, entered(0, list_id=2))], lists=[ALL, VIP])
    both = await scan(store, EXIT, 1, at=1, lists=(1, 2))
    back = await scan(store, ENTRY, 1, at=2, lists=(1, 2))
    with open_read_only(store.path) as db:
        assert list(ledger.every(db)) == [*both.scans, *back.scans]


async def test_the_ledger_tells_what_became_of_a_scan(store: Store) -> None:
    await pull(store, [guest(1)])
    came = await scan(store, ENTRY, 1)
    await told(store, came, State.REFUSED, reason="unpaid", message="Not paid.")
    (row,) = await store.read(partial(ledger.recent, limit=1))
    assert (row.state, row.server_reason, row.server_message, row.attempts) == (
        State.REFUSED,
        "unpaid",
        "Not paid.",
        1,
    )


async def test_the_counts_are_of_people_not_of_rows(store: Store) -> None:
    page = [guest(1, entered(0, list_id=1)), guest(2), guest(3), guest(4)]
    await pull(store, page, [guest(1, entered(0, list_id=2))], lists=[ALL, VIP])
    assert (await counts(store, 1, 2)).inside == 1
    await scan(store, EXIT, 1, at=1, lists=(1, 2))
    for number in (2, 3):
        await scan(store, ENTRY, number, at=2)
    for _ in range(2):
        await scan(store, ENTRY, 2, at=3)
    await scan(store, ENTRY, "nobody", at=4)
    assert await counts(store, 1, 2) == Counts(
        entries=2, exits=1, inside=2, refused={"already_redeemed": 2, "invalid": 1}
    )


async def test_inside_is_whose_last_check_in_is_an_entry(store: Store) -> None:
    await pull(
        store,
        [
            guest(1, entered(1)),
            guest(2, entered(1), left(2)),
            guest(3, entered(1), left(2), entered(3)),
            guest(4),
            guest(5, entered(1)),
        ],
    )
    await scan(store, EXIT, 5, at=4)
    await scan(store, ENTRY, 4, at=4)
    assert await inside(store) == {1, 3, 4}


async def test_inside_goes_by_the_lists_that_are_asked_for(store: Store) -> None:
    page = [guest(1, entered(1, list_id=1)), guest(2)]
    await pull(store, page, [guest(2, entered(1, list_id=2))], lists=[ALL, VIP])
    found = [await inside(store, *lists) for lists in ((1,), (2,), (1, 2), (7,))]
    assert found == [{1}, {2}, {1, 2}, set()]


@pytest.mark.parametrize(
    ("state", "is_inside"),
    [
        (State.WAITING, True),
        (State.SHELVED, True),
        (State.REFUSED, True),
        (State.CONFIRMED, False),
        (State.ANNULLED, False),
    ],
)
async def test_inside_counts_our_own_entries_by_the_rule_of_the_gate(
    store: Store, state: State, is_inside: bool
) -> None:
    await pull(store, [guest(1)])
    came = await scan(store, ENTRY, 1)
    if state is not State.WAITING:
        await told(store, came, state)
    # The server does not list the entry, so it stands only where the server cannot know it.
    await pull(store, [guest(1)], at=2)
    assert await inside(store) == ({1} if is_inside else set())


async def test_an_exit_at_the_very_moment_of_the_entry_counts_as_out(store: Store) -> None:
    await pull(store, [guest(1, entered(1, id=1), left(1, id=2))])
    assert await inside(store) == set()


async def test_the_mode_and_its_change_are_written_down_together(store: Store) -> None:
    acts = [
        Act(what="mode", origin="button", at=after(1), detail="entry"),
        Act(what="emergency", origin="page", at=after(2)),
        Act(what="mode", origin="page", at=after(3), detail="exit"),
    ]
    for act in acts:
        is_mode = act.what == "mode"
        write = partial(ledger.write_fact, name="mode") if is_mode else ledger.write_act
        await store.write(partial(write, act=act))
    assert await store.read(ledger.acts) == acts
    assert await store.read(lambda db: facts.get(db, "mode")) == "exit"


async def test_the_figures_are_read_in_one_go(store: Store) -> None:
    await pull(store, [guest(1), guest(2)], [], lists=[ALL, VIP], at=1)
    came = await scan(store, ENTRY, 1, at=2)
    found = await store.read(partial(figures, lists=(2, 1, 9), now=after(3)))
    assert found.scans == list(came.scans)
    assert (found.counts.entries, found.outbox.waiting, found.tickets) == (1, 1, 2)
    assert (found.pulled_at, found.mode) == (after(1), "exit")
    assert found.list_names == ["VIP only", "All", "9"]
    assert (found.flow.minute, found.flow.quarter) == (Passed(0, 0), Passed(1, 0))
