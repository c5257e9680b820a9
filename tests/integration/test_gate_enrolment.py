"""A gate that was not enrolled yet, and what is held up before its camera."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from enrolling import CODE, FROM_NOTHING, device, handshake, ticket_server, unenrolled_gate
from rig import Process

from gated.identity import IdentityFolder
from gated.model import Act, Reason, State, Verdict
from gated.simulator.dialects import Dialect
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import ledger
from gated.waiting import Waiting

# What is held up, and what the gate then says: each something else than the one before.
HOSTILE = [
    ("a ticket's code", "this is no device's code"),
    (handshake("http://tickets.example.org"), "must be https"),
    (handshake("https://user:word@tickets.example.org"), "must be a plain address"),
    (handshake("{other}"), "the config expects"),
    (handshake("{server}", handshake_version=2), "this gate knows 1 only: update gated"),
    (handshake("{server}", handshake_version=True), "handshake_version true"),
    (handshake("{server}", "x" * 300), "the token is not one"),
    (handshake("{server}", more="x" * 1100), "characters long, which no device's code is"),
    ('{"handshake_version": 1, "url": ' + "[" * 400, "this is no device's code"),
    ('{"handshake_version": 1}', "the code lacks url or token"),
    (handshake("{server}", "nobody's"), "the server does not know this code"),
]


def guests(server: TicketServer) -> list[str]:
    return [one.secret for one in server.world.positions.values() if one.addon_to is None]


async def refused(waiting: Waiting) -> list[Act]:
    acts = await waiting.store.read(ledger.acts)
    return [act for act in acts if act.what == "enrol_refused"]


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_the_picture_of_a_devices_code_is_all_that_a_gate_needs(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with ticket_server(dialect) as server:
        with Process("", tmp_path, server=FROM_NOTHING, gate={"mode": "entry"}) as gate:
            await asyncio.to_thread(gate.start, wait_for="waits to be enrolled")
            gate.feed(handshake(server.url))
            await asyncio.to_thread(gate.wait_for, "list pulled")
            gate.feed(guests(server)[0])
            async with asyncio.timeout(30):
                while [scan.state for scan in gate.scans()] != [State.CONFIRMED]:
                    await asyncio.sleep(0.05)
            status = await asyncio.to_thread(gate.stop)
        (scan,) = gate.scans()
        log = gate.log()

    made = device(server)
    assert status == 0
    assert (scan.verdict, scan.reason) == (Verdict.ADMIT, Reason.ENTERED)
    assert made.api_token
    for secret in (CODE, made.api_token):
        assert secret not in log


async def test_of_a_hostile_code_the_gate_says_what_is_wrong_and_asks_nobody(
    tmp_path: Path,
) -> None:
    async with ticket_server() as server, TicketServer(World.made_up(1, seed=1)) as other:
        web = {"url": server.url}
        async with unenrolled_gate(tmp_path, server=web) as gate:
            waiting = await gate.waiting()
            for number, (text, why) in enumerate(HOSTILE, start=1):
                shown = text.replace("{server}", server.url).replace("{other}", other.url)
                gate.hands.advance(20)
                gate.window.hold_up(shown)
                async with asyncio.timeout(20):
                    while (
                        len(await refused(waiting)) < number or why not in waiting.enrolment.words
                    ):
                        await asyncio.sleep(0.01)
                assert waiting.enrolment.words.isprintable()
                assert waiting.enrolment.identity is None
            asked = [one.path for one in server.requests]
            acts = await refused(waiting)
            gate.hands.advance(20)
            gate.window.hold_up(handshake(server.url))
            parts = await gate.works()
            ready = parts.health.of("enrolment")

    assert asked == ["/api/v1/device/initialize"]
    assert [one.path for one in other.requests] == []
    assert len(acts) == len(HOSTILE)
    assert all("x" * 50 not in act.detail for act in acts)
    assert ready is None or not ready.level


async def test_a_code_held_up_before_the_server_answers_is_tried_when_shown_again(
    tmp_path: Path,
) -> None:
    async with ticket_server(Dialect.FORK) as server:
        await server.unplug()
        with Process("", tmp_path, server=FROM_NOTHING) as gate:
            await asyncio.to_thread(gate.start, wait_for="waits to be enrolled")
            gate.feed(handshake(server.url))
            await asyncio.to_thread(gate.wait_for, "the server does not answer")
            await server.plug()
            await asyncio.sleep(1.5)  # out of view
            gate.feed(handshake(server.url))
            await asyncio.to_thread(gate.wait_for, "list pulled")
            assert await asyncio.to_thread(gate.stop) == 0


async def test_a_guest_with_a_devices_code_takes_no_gate_to_another_server(
    tmp_path: Path,
) -> None:
    async with (
        ticket_server() as server,
        ticket_server() as other,
        unenrolled_gate(tmp_path) as gate,
    ):
        await gate.waiting()
        gate.window.hold_up(handshake(server.url))
        parts = await gate.works()
        shown = await gate.scan(handshake(other.url))
        rows = await parts.store.read(lambda db: list(ledger.every(db)))
        identity = IdentityFolder(tmp_path / "identity").load()
        guest = await gate.scan(guests(server)[0])

    assert (shown.decision.verdict, shown.decision.reason) == (Verdict.REFUSE, Reason.INVALID)
    assert CODE not in repr(rows) + repr(shown)
    assert identity is not None
    assert identity.url == server.url
    assert not device(other).api_token
    assert guest.decision.verdict is Verdict.ADMIT
