"""An evening at a gate beside a simulated server: some are inside, and are checked out."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gate_bench import FORK, Bench, bench, running, small_world, until

from gated.simulator.records import ListRecord
from gated.store import closings, ledger
from gated.sync.bulk import Bulk
from gated.sync.checkout_all import CheckOutAll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gated.simulator.dialects import Dialect


def closing_of(gate: Bench, *, most: int = 2000, settle_s: float = 0.01) -> CheckOutAll:
    made = CheckOutAll(
        gate.client,
        gate.store,
        gate.clock,
        gate.health,
        bulk=Bulk(
            gate.client,
            gate.store,
            gate.clock,
            most=most,
            capabilities=lambda: gate.pull.capabilities,
            read_list=gate.pull.once,
            settle_s=settle_s,
        ),
        on_owed=gate.push.wake,
        on_change=lambda: None,
        again_s=0.01,
    )
    gate.on_settled.append(made.settled)
    return made


@asynccontextmanager
async def evening(
    folder: Path, dialect: Dialect = FORK, *, inside: int = 40, outside: int = 10, **more: Any
) -> AsyncIterator[Bench]:
    """A gate that knows its lists; so many guests are inside on them in turns, by other gates."""
    world = small_world(inside + outside)
    lists = more.get("lists", (1,))
    world.lists = {one: ListRecord(one, f"List {one}") for one in lists}
    for number, position in enumerate(list(world.positions)[:inside]):
        world.enter(position, lists[number % len(lists)])
    async with bench(folder, dialect, world=world, **more) as gate:
        await gate.ready()
        yield gate


async def through(gate: Bench, closing: CheckOutAll) -> dict[str, Any]:
    """Let it run until it is through."""

    async def is_through() -> bool:
        progress = await closing.progress()
        return progress is not None and progress["state"] != "going"

    async with gate.pushing(), running(closing.run()):
        await until(is_through)
    progress = await closing.progress()
    assert progress is not None
    return progress


async def acts(gate: Bench) -> list[tuple[str, str]]:
    found = await gate.store.read(ledger.acts)
    return [(act.origin, act.detail) for act in found if act.what == "checkout_all"]


async def words_of(gate: Bench) -> dict[int, tuple[str, str]]:
    last = await gate.store.read(closings.latest)
    assert last is not None
    people = await gate.store.read(lambda db: list(closings.people(db, last)))
    return {one.position_id: (one.outcome, one.words) for one in people}
