"""Thousands of codes that mean harm, through decision, ledger, log, page and upload."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import aiohttp
import pytest
from rig import LIST, Bench, gate_before_window

from gated.health import Level
from gated.model import ScanType, Sighting, State, Verdict
from gated.simulator.dialects import Dialect
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.web.credentials import Credentials
from gated.web.guard import Role

PIN = "271828"
CODES = int(os.environ.get("HOSTILE_CODES", "2000"))  # `make long` holds up 10,000
COUNT = {Dialect.PRETIX: CODES * 3 // 10, Dialect.FORK: CODES * 7 // 10}
"""pretix is told of each, the fork of none."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def hostile(chance: random.Random) -> str:
    """One code of a random evil kind."""
    number = str(chance.randrange(1, 10 ** chance.randrange(1, 19)))
    kinds: list[Callable[[], str]] = [
        lambda: number,
        lambda: f" {number}",
        lambda: "".join(chr(chance.randrange(256)) for _ in range(chance.randrange(1, 200))),
        lambda: "".join(chr(chance.randrange(32)) for _ in range(20)),
        lambda: chr(chance.randrange(0x1F300, 0x1FAFF)) * chance.randrange(1, 30),
        lambda: "A" * 4096 + number,
        lambda: f"'; DROP TABLE scans; -- {number}",
        lambda: f'" OR {number}={number} --',
        lambda: "../" * chance.randrange(1, 40) + f"etc/passwd{number}",
        lambda: f"https://example.org/{number}?a=b&c=%00#x",
        lambda: f"{number}/redeem/?force=true",
        lambda: f"<img src=x onerror=alert({number})>",
        lambda: f"\x1b[31m{number}\x1b]0;owned\x07\nexit accepted left AAAAA",
        lambda: f"\u202e{number}\ufeff\ud800" + "\udfff" * 3,
        lambda: f'{{"handshake_version":1,"url":"http://evil.example","token":"{number}"}}',
        lambda: "%s%n%x {0.__class__} ${jndi:ldap://x} " + number,
        lambda: " " * chance.randrange(1, 50) + number[:1],
    ]
    return chance.choice(kinds)()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("dialect", [Dialect.PRETIX, Dialect.FORK])
async def test_nothing_breaks_nothing_is_unescaped_and_no_number_becomes_a_row_id(
    dialect: Dialect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    chance = random.Random(11)
    count = COUNT[dialect]
    world = World.made_up(60)
    for number in range(1, 10):
        world.enter(number, LIST)
    codes = [hostile(chance) for _ in range(count)]
    login = tmp_path / "page-login"
    Credentials(login).put(Role.STAFF, PIN)
    async with (
        TicketServer(world, dialect=dialect) as server,
        gate_before_window(
            server,
            tmp_path,
            web={"enabled": True, "port": 0, "login_file": str(login)},
            server={"confirm_timeout_ms": 5000},
        ) as bench,
    ):
        before = len(world.checkins)
        verdicts = []
        for number, code in enumerate(codes):
            kind = ScanType.EXIT if number % 2 else ScanType.ENTRY
            await bench.parts.sightings.put(Sighting(code, "QRCode", kind, bench.hands.monotonic()))
            if number % 50 == 0:
                server.requests.clear()
            verdicts.append((await asyncio.wait_for(bench.answers.get(), 10)).decision.verdict)
            _no_code_in_a_path(server)
        assert bench.parts.page is not None
        url = bench.parts.page.url
        jar = aiohttp.CookieJar(unsafe=True)  # keeps cookies of an IP address, too
        headers = {"Origin": url.rstrip("/")}
        async with aiohttp.ClientSession(url, headers=headers, cookie_jar=jar) as session:
            async with session.post("/api/login", json={"secret": PIN}) as answer:
                assert answer.ok
            async with session.get("/api/state") as answer:
                page = await answer.text()
        scans = await bench.settled()
        known = await bench.scan(world.positions[1].secret)
        reported = server.requests.matching("failed_checkins")

    assert set(verdicts) == {Verdict.REFUSE}
    assert len(scans) == count
    assert known.decision.verdict is Verdict.ADMIT
    # No hostile code wrote anything at the server but reports of refusals.
    assert {row.position for row in world.checkins.values() if row.successful} <= set(range(1, 10))
    assert len([row for row in world.checkins.values() if row.successful]) - before <= 1
    states = {scan.state for scan in scans}
    if dialect is Dialect.FORK:
        assert states == {State.LOCAL}
    else:
        assert states <= {State.CONFIRMED, State.REFUSED}
        assert reported
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if CONTROL.search(line)] == []
    assert not any("exit accepted left AAAAA" in line for line in lines)
    shown = [scan["ticket"] for scan in json.loads(page)["scans"]]
    assert not CONTROL.search("".join(shown))
    assert max(map(len, shown)) < 60


def _no_code_in_a_path(server: TicketServer) -> None:
    """Codes travel as ?secret= or in a body; a path may hold our own ids only."""
    for request in server.requests:
        path = unquote(request.path)
        assert "/redeem/" not in path
        assert re.fullmatch(r"[a-z0-9/_.-]+", path), path


async def test_a_guest_whose_row_is_broken_makes_the_gate_red_until_the_next_guest_is_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = World.made_up(5)
    for number in (1, 2):
        world.enter(number, LIST)
    async with (
        TicketServer(world) as server,
        gate_before_window(server, tmp_path) as bench,
    ):
        await bench.parts.store.write(
            lambda db: db.execute("UPDATE tickets SET valid_until = 'soon' WHERE position_id = 1")
        )
        verdicts = []
        for _ in range(2):
            bench.hands.advance(20)
            bench.window.hold_up(world.positions[1].secret)
            await _level(bench, Level.ERROR)
            assert bench.parts.health.pattern == "error"
            verdicts.append((await bench.scan(world.positions[2].secret)).decision.verdict)
            await _level(bench, Level.OK)
            assert bench.parts.health.pattern != "error"
    assert "a scan failed" in caplog.text
    assert verdicts == [Verdict.ADMIT, Verdict.REFUSE]


async def _level(bench: Bench, level: Level) -> None:
    for _ in range(500):
        condition = bench.parts.health.of("gate")
        if condition and condition.level is level:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"the gate never became {level.word}")
