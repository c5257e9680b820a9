"""The simulated server as a process of its own, until it is told to stop or killed."""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gated.errors import GatedError
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Faults
from gated.simulator.journal import Journal, Start
from gated.simulator.records import CANCELED, PAID, PENDING, Kind
from gated.simulator.server import TicketServer
from gated.simulator.wishes import rights_of
from gated.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gated.simulator.faults import ActiveFault
    from gated.simulator.received import ReceivedRequest
    from gated.simulator.records import PositionRecord

TOKEN = "demo-token"  # noqa: S105 - not a secret: it opens a made-up conference
SPARE = "demo-init"
"""The initialization token of a second device, to try an enrolment with."""
JOURNAL = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants simulated."""

    dialect: Dialect = Dialect.FORK
    tickets: int = 300
    seed: int = 1
    profile: str = "full"
    faults: Sequence[ActiveFault] = ()
    port: int = 0
    data: Path | None = None


async def serve(
    wish: Wish,
    *,
    on_ready: Callable[[TicketServer], None],
    on_answer: Callable[[ReceivedRequest], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises GatedError."""
    with ExitStack() as stack:
        server = _build(wish, stack)
        server.on_answer = on_answer
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        try:
            await server.plug()
        except OSError as error:
            raise GatedError(
                f"cannot listen on port {wish.port}: {error.strerror}; take another"
            ) from None
        async with server:
            on_ready(server)
            await stop.wait()


def _build(wish: Wish, stack: ExitStack) -> TicketServer:
    rights = rights_of(wish.profile)
    faults = Faults(seed=wish.seed)
    for active in wish.faults:
        faults.switch_on(active)
    journal = _journal(wish, stack) if wish.data else None
    world = journal.world() if journal else World.made_up(wish.tickets, seed=wish.seed)
    if rights.kind is Kind.TEAM:
        world.tokens[TOKEN] = rights
    server = TicketServer(
        world,
        dialect=wish.dialect,
        port=wish.port,
        token=TOKEN,
        faults=faults,
        journal=journal,
    )
    if rights.kind is Kind.DEVICE:
        gate = world.devices[1]
        gate.rights.security_profile = rights.security_profile
        server.token = gate.api_token  # it may have been rolled since
    if all(device.initialization_token != SPARE for device in world.devices.values()):
        world.add_device("Another gate", profile="pretixscan", initialization_token=SPARE)
    return server


def _journal(wish: Wish, stack: ExitStack) -> Journal:
    assert wish.data is not None  # noqa: S101  for the types
    start = Start(wish.dialect, wish.tickets, wish.seed, datetime.now(UTC))
    try:
        wish.data.mkdir(parents=True, exist_ok=True)
        journal = stack.enter_context(closing(Journal.open(wish.data / JOURNAL, start)))
    except OSError as error:
        raise GatedError(f"{wish.data}: {error.strerror}: take another folder") from None
    begun = journal.start
    if replace(start, now=begun.now) != begun:
        raise GatedError(
            f"{wish.data} holds {begun.dialect} with {begun.tickets} tickets of seed {begun.seed}:"
            f" say --dialect {begun.dialect} --tickets {begun.tickets} --seed {begun.seed},"
            " or take another folder"
        )
    return journal


def books(folder: Path) -> World:
    """Read what a server that no longer runs had recorded. Raises GatedError."""
    never = Start(Dialect.FORK, 0, 0, datetime.now(UTC))
    with closing(Journal.open(folder / JOURNAL, never)) as journal:
        world = journal.world()
        journal.attach(world, TicketServer(world).keys)
        return world


def examples(world: World) -> list[tuple[str, PositionRecord]]:
    """A few tickets to hold up, each with what is special about it."""
    wanted: dict[str, Callable[[PositionRecord, str], bool]] = {
        "valid": lambda one, status: status == PAID and one.item == 1 and not one.canceled,
        "valid too": lambda one, status: status == PAID and one.item == 1 and not one.canceled,
        "VIP": lambda one, status: status == PAID and one.item == 2 and not one.canceled,
        "not paid": lambda _, status: status == PENDING,
        "order canceled": lambda _, status: status == CANCELED,
        "ticket canceled": lambda one, status: status == PAID and one.canceled,
    }
    found: dict[str, PositionRecord] = {}
    for position in world.positions.values():
        status = world.order_of(position).status
        for words, fits in wanted.items():
            if words not in found and fits(position, status):
                found[words] = position
                break
        if len(found) == len(wanted):
            break
    return list(found.items())
