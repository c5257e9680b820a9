"""The plug is pulled while a gate is enrolled, given another token, unenrolled: at every point."""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from pathlib import Path

import pytest
from cut_short import cut_short
from enrolling import (
    CODE,
    FROM_NOTHING,
    Alone,
    code,
    device,
    handshake,
    standing,
    ticket_server,
)
from rig import Process
from test_enrolment import owe

from gated.errors import EnrolmentRefused
from gated.identity import Identity, laid_over
from gated.server.client import Client
from gated.server.token import read_token
from gated.simulator.faults import Fault
from gated.simulator.server import TicketServer
from gated.store import home

pytestmark = pytest.mark.timeout(300)

EVERY = int(os.environ.get("POINTS_EVERY", "4"))  # `make long` takes every one


def left(folder: Path) -> list[str]:
    """What lies in the identity's folder, tokens without their number."""
    there = folder / "identity"
    return sorted(one.name.partition("-")[0] for one in there.iterdir()) if there.exists() else []


async def works(alone: Alone) -> bool:
    """Whether the server takes the token of the identity."""
    known = laid_over(alone.settings).server
    async with Client(known, read_token(known)) as client:
        await client.get("/api/v1/device/eventselection")
    return True


async def enrolled(server: TicketServer, folder: Path, token: str) -> None:
    """A gate that is enrolled, and owes the server a scan."""
    server.world.add_device(token, initialization_token=token)
    async with standing(folder) as alone:
        await alone.enrolment.enrol(code(server, token), origin="command")
        await owe(alone)


async def resumed(alone: Alone) -> str:
    """What a gate says that is switched on again: nothing, or what is to be done."""
    try:
        await alone.enrolment.resume()
    except EnrolmentRefused as refusal:
        return str(refusal)
    return ""


async def every_point(
    what: str, server: TicketServer, folder: Path
) -> dict[str, tuple[str, Identity | None, list[str]]]:
    """Cut it short at each of its points, and switch the gate on again: what it is then."""
    found: dict[str, tuple[str, Identity | None, list[str]]] = {}
    for point in range(1, 100, EVERY):
        here, token = folder / str(point), f"code-{point}"
        await asyncio.to_thread(here.mkdir)
        await enrolled(server, here, f"before-{point}")
        if what == "enrol":
            async with standing(here) as alone:
                await alone.enrolment.unenrol(origin="command")
            server.world.add_device(token, initialization_token=token)
        words = await cut_short(what, here, server.url, token, point=point)
        if not words:
            break
        async with standing(here) as alone:
            said = await resumed(alone)
            identity = alone.enrolment.identity
            assert alone.enrolment.folder.intent() is None, words
            assert await alone.store.read(home.unsettled) == 1, words
            if identity and not identity.spent:
                assert await works(alone), words
            found[f"{point} {words}"] = said, identity, left(here)
            if said or not identity:
                # And it can be enrolled, as it says.
                server.world.add_device("new", initialization_token=f"new-{point}")
                await alone.enrolment.enrol(code(server, f"new-{point}"), origin="command")
                assert await works(alone), words
                assert left(here) == ["identity.json", "token"], words
                assert await alone.store.read(home.unsettled) == 1, words
    return found


async def test_cut_short_at_any_point_a_gate_is_enrolled_or_says_what_to_do(
    tmp_path: Path,
) -> None:
    async with ticket_server() as server:
        found = await every_point("enrol", server, tmp_path)

    outcomes = Counter[str]()
    for words, (said, identity, files) in found.items():
        if said:
            assert "make a new device" in said, words
            assert (identity, files) == (None, []), words
            outcomes["lost"] += 1
        elif identity:
            assert (identity.event, identity.lists) == ("conf", (1,)), words
            assert files == ["identity.json", "token"], words
            outcomes["enrolled"] += 1
        else:
            # Not begun: the same code is still good.
            assert set(files) <= {".intent.json.new"}, words
            outcomes["not begun"] += 1
    # Before the intent is on the disk; while the token is known to nobody but the server.
    assert outcomes["not begun"] >= 1
    assert outcomes["lost"] >= 1
    assert outcomes["enrolled"] >= 1


async def test_cut_short_at_any_point_of_rolling_the_token_is_the_old_the_new_or_lost(
    tmp_path: Path,
) -> None:
    async with ticket_server() as server:
        found = await every_point("roll", server, tmp_path)

    outcomes = Counter[str]()
    for words, (said, identity, files) in found.items():
        assert identity is not None, words
        assert identity.lists == (1,), words
        if said:
            assert "make a new device" in said, words
            assert identity.spent == "lost", words
            outcomes["lost"] += 1
        else:
            assert not identity.spent, words
            outcomes["at work"] += 1
        assert files.count("token") == 1, words
    assert outcomes["lost"] >= 1
    assert outcomes["at work"] >= 1


async def test_cut_short_at_any_point_of_unenrolling_it_is_done_after_a_restart(
    tmp_path: Path,
) -> None:
    async with ticket_server() as server:
        found = await every_point("unenrol", server, tmp_path)
        revoked = {
            one.initialization_token for one in server.world.devices.values() if one.rights.revoked
        }

    for words, (said, identity, files) in found.items():
        number = words.split()[0]
        assert said == "", words
        assert (identity is None) == (f"before-{number}" in revoked), words
        if identity is None:
            assert files == [], words
    # Before the intent is on the disk it is enrolled still.
    assert sum(identity is not None for _, identity, _ in found.values()) >= 1
    assert sum(identity is None for _, identity, _ in found.values()) >= 1


async def test_killed_while_the_server_answers_the_gate_asks_again_or_for_a_new_device(
    tmp_path: Path,
) -> None:
    async with ticket_server() as server:
        with Process("", tmp_path, server=FROM_NOTHING, gate={"mode": "entry"}) as gate:
            await asyncio.to_thread(gate.start, wait_for="waits to be enrolled")
            # The server has got it and takes its time, the gate's card is pulled: the answer is
            # lost, whenever it comes.
            server.faults.add(Fault.LATENCY, latency_s=1.0, path="initialize", times=1)
            gate.feed(handshake(server.url))
            while not server.requests:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(gate.kill)
            while not device(server).api_token:
                await asyncio.sleep(0.05)
            await asyncio.to_thread(gate.start, wait_for="waits to be enrolled")
            await asyncio.to_thread(gate.wait_for, "make a new device at the server")
            status = await asyncio.to_thread(gate.command, "status", "--json")
            told = json.loads(status.stdout)

            server.world.add_device("New", initialization_token="new")
            gate.feed(handshake(server.url, "new"))
            await asyncio.to_thread(gate.wait_for, "list pulled")
            await asyncio.to_thread(gate.stop)
        log = gate.log()

    assert told["enrolment"]["state"] == "none"
    assert "make a new device at the server" in told["enrolment"]["words"]
    assert CODE not in log
    assert device(server, "new").api_token not in log
