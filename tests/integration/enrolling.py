"""What the tests of enrolment share: a server with a device that waits for its gate, and gates."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig import Hands, Window, settings

from gated import config, daemon
from gated.enrolment import Enrolment
from gated.panel.pins import mock_pins
from gated.server.handshake import Handshake, read_handshake
from gated.simulator.dialects import Dialect
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import Store, ledger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gated.gate import Shown
    from gated.model import Act
    from gated.simulator.records import DeviceRecord
    from gated.waiting import Waiting

CODE = "fresh-device-code"
FROM_NOTHING = {"url": "", "organizer": "", "event": "", "checkin_lists": [], "token_file": ""}


def handshake(url: str, token: str = CODE, **more: Any) -> str:
    """The text of the QR code that a server shows for a device."""
    return json.dumps({"handshake_version": 1, "url": url, "token": token, **more})


def code(server: TicketServer | str, token: str = CODE) -> Handshake:
    url = server if isinstance(server, str) else server.url
    return read_handshake(handshake(url, token))


@asynccontextmanager
async def ticket_server(
    dialect: Dialect = Dialect.FORK, *, lists: int = 1, profile: str = "pretixscan"
) -> AsyncIterator[TicketServer]:
    """A server with a device that waits for its gate, and so many check-in lists."""
    world = World.made_up(40, seed=3)
    for number in sorted(world.lists)[lists:]:
        del world.lists[number]
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
    world.add_device("North gate", profile=profile, initialization_token=CODE)
    async with TicketServer(world, dialect=dialect) as server:
        yield server


def device(server: TicketServer, token: str = CODE) -> DeviceRecord:
    """The device that was made for this code."""
    devices = server.world.devices.values()
    return next(one for one in devices if one.initialization_token == token)


@dataclass
class Alone:
    """A gate's standing without the gate."""

    enrolment: Enrolment
    store: Store
    settings: config.Config
    changes: list[str]

    async def acts(self) -> list[Act]:
        return await self.store.read(ledger.acts)


@asynccontextmanager
async def standing(
    folder: Path, *, hands: Hands | None = None, **server: Any
) -> AsyncIterator[Alone]:
    """Enrolment with a database, as the commands have it beside no running gate."""
    document = settings("", folder, server={**FROM_NOTHING, "timeout_s": 2.0, **server})
    read = config.parse(document)
    changes: list[str] = []
    async with Store(Path(read.store.path), read.key_file) as store:
        clock = (hands or Hands()).clock
        enrolment = Enrolment(read, store, clock, on_change=lambda: changes.append("anew"))
        yield Alone(enrolment, store, read, changes)


@dataclass
class Unenrolled:
    """A whole gate in this process that was not enrolled when it started."""

    window: Window
    hands: Hands
    running: asyncio.Task[None]
    waits: asyncio.Queue[Waiting]
    ready: asyncio.Queue[daemon.Parts]
    answers: asyncio.Queue[Shown]

    async def waiting(self) -> Waiting:
        return await asyncio.wait_for(self.waits.get(), 30)

    async def works(self) -> daemon.Parts:
        """Wait until it is enrolled, and has its list."""
        parts = await asyncio.wait_for(self.ready.get(), 30)
        while not parts.sync.pull.can_list:
            await asyncio.sleep(0.01)
        return parts

    async def scan(self, text: str) -> Shown:
        self.hands.advance(20)
        self.window.hold_up(text)
        return await asyncio.wait_for(self.answers.get(), 20)


@asynccontextmanager
async def unenrolled_gate(
    folder: Path, /, *, hands: Hands | None = None, **changes: Any
) -> AsyncIterator[Unenrolled]:
    """Run it until the test is through with it."""
    hands = hands or Hands()
    window = Window(hands)
    waits: asyncio.Queue[Waiting] = asyncio.Queue()
    ready: asyncio.Queue[daemon.Parts] = asyncio.Queue()
    answers: asyncio.Queue[Shown] = asyncio.Queue()
    newest: list[Waiting | daemon.Parts] = []

    def note(queue: asyncio.Queue[Any], parts: Any) -> None:
        newest.append(parts)
        queue.put_nowait(parts)

    extras = daemon.Extras(
        source=window,
        pin_factory=mock_pins(),
        clock=hands.clock,
        camera_pause_s=0.01,
        on_shown=answers.put_nowait,
        on_ready=lambda parts: note(ready, parts),
        on_waiting=lambda parts: note(waits, parts),
    )
    changes["server"] = {**FROM_NOTHING, "timeout_s": 2.0, **changes.get("server", {})}
    document = settings("", folder, **{"gate": {"mode": "entry"}, **changes})
    running = asyncio.create_task(daemon.run(config.parse(document), extras))
    try:
        yield Unenrolled(window, hands, running, waits, ready, answers)
    finally:
        if newest:
            newest[-1].stop.set()
        else:
            running.cancel()
        await asyncio.wait({running})
    await running
