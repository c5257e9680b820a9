"""A gate gets a home: by its camera, by command; and what it refuses, loses, and lets go of."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rig import Process

from gated.simulator.dialects import Dialect
from gated.simulator.server import TicketServer
from gated.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CODE = "fresh-device-code"
FROM_NOTHING = {"organizer": "", "event": "", "checkin_lists": [], "token_file": ""}


def handshake(url: str, token: str = CODE, **more: Any) -> str:
    return json.dumps({"handshake_version": 1, "url": url, "token": token, **more})


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


def unenrolled(folder: Path, server: TicketServer, **changes: Any) -> Process:
    """A gate of whose server nothing is known, as a process."""
    changes.setdefault("server", {"url": "", **FROM_NOTHING})
    changes.setdefault("gate", {"mode": "entry"})
    return Process(server.url, folder, **changes)


async def started(gate: Process, *, wait_for: str = "waits to be enrolled") -> None:
    await asyncio.to_thread(gate.start, wait_for=wait_for)


async def said(gate: Process, words: str, *, more_than: int = 0) -> None:
    await asyncio.to_thread(gate.wait_for, words, more_than=more_than)


def files(folder: Path) -> dict[str, int]:
    """What lies in the identity's folder, with the mode of each."""
    identity = folder / "identity"
    return {path.name: path.stat().st_mode & 0o777 for path in identity.iterdir()}


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_gate_enrols_by_a_picture_of_its_code_and_lets_guests_in_without_a_keyboard(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with ticket_server(dialect) as server:
        guest = server.world.positions[1]
        with unenrolled(tmp_path, server) as gate:
            await started(gate)
            gate.feed(guest.secret)
            await said(gate, "this is no device's code")
            gate.feed(handshake(server.url))
            await said(gate, "list pulled")
            gate.feed(guest.secret)
            await said(gate, f"entry accepted entered {guest.order}")
            await asyncio.sleep(0.5)
            status = await asyncio.to_thread(gate.stop)

    device = next(one for one in server.world.devices.values() if one.name == "North gate")
    assert status == 0
    assert device.software["software_brand"] == "gated"
    assert [one.type for one in guest.checkins] == ["entry"]
    assert guest.checkins[0].device in {None, device.device_id}
    assert device.api_token not in gate.log()
    assert CODE not in gate.log()
    assert (tmp_path / "identity").stat().st_mode & 0o777 == 0o700
    assert set(files(tmp_path).values()) == {0o600}
    assert "intent.json" not in files(tmp_path)
