"""The counts: people, not scans; by this gate, by the server, and where the two disagree."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from collections import deque
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from gate_bench import ENTRY, EXIT, FORK, PRETIX, Bench, bench, running, small_world
from rig import LIST, gate_before_window, settings, toml
from rig import Bench as Window

from gated.errors import GatedError
from gated.simulator.dialects import Dialect
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import ledger
from gated.store.flow import Passed, flow
from gated.sync.census import Census
from gated.web.differences import difference_commands

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SCANS = int(os.environ.get("SHIFT_SCANS", "24"))
EVERY_S = float(os.environ.get("SHIFT_EVERY_S", "0.15"))
BUTTON = 25


@asynccontextmanager
async def counted(
    folder: Path, dialect: Dialect = FORK, **more: Any
) -> AsyncIterator[tuple[Bench, Census]]:
    async with bench(folder, dialect, world=small_world(20)) as gate:
        await gate.ready()
        census = Census(
            gate.client,
            gate.store,
            gate.clock,
            gate.health,
            **{"capacity": 0, "every_s": 0, "on_owed": gate.push.wake, **more},
        )
        yield gate, census


async def why(gate: Bench, census: Census) -> list[tuple[int, bool, str]]:
    """Read the list anew and compare."""
    await gate.pull.once()
    await census.look(compare=True)
    return [(one.position_id, one.inside_here, one.why) for one in census.differences]


async def test_the_servers_own_counts_come_with_their_age(tmp_path: Path) -> None:
    async with counted(tmp_path) as (gate, census):
        assert census.state()["whole"] is None
        for position in (1, 2, 3):
            gate.world.enter(position, 1)
        gate.world.leave(3, 1)
        await census.look(compare=True)
        whole = census.state()["whole"]
        assert (whole["expected"], whole["came"], whole["inside"]) == (20, 3, 2)
        assert 0 <= whole["age_s"] < 60

        await gate.server.unplug()
        await census.look(compare=True)
        assert census.state()["offline"]
        assert census.state()["whole"]["inside"] == 2


async def test_from_its_capacity_on_the_gate_warns_and_refuses_nobody(tmp_path: Path) -> None:
    async with counted(tmp_path, capacity=3) as (gate, census):
        for position, words in ((1, "1 of 3 inside"), (2, "2 of 3 inside"), (3, "3 inside, room")):
            assert (await gate.scan(ENTRY, position)).decision.verdict.admits
            await census.look(compare=False)
            assert gate.words("capacity").startswith(words)
        assert (await gate.scan(ENTRY, 4)).decision.verdict.admits
        await gate.scan(EXIT, 1)
        await gate.scan(EXIT, 2)
        await census.look(compare=False)
        assert gate.words("capacity") == "2 of 3 inside"


@pytest.mark.parametrize("dialect", [FORK, PRETIX])
async def test_while_both_agree_there_is_no_difference(tmp_path: Path, dialect: Dialect) -> None:
    async with counted(tmp_path, dialect) as (gate, census):
        for position in range(1, 9):
            await gate.scan(ENTRY, position)
        for position in range(1, 5):
            await gate.scan(EXIT, position)
        assert await why(gate, census) == []
        await gate.push_all()
        assert await why(gate, census) == []
        # Came in elsewhere an hour after leaving here: nobody is wrong.
        later = gate.clock.wall() - timedelta(seconds=1)
        rows = [row for row in gate.rows(1) if row.type == "exit"]
        rows[0].datetime = later - timedelta(hours=1)
        await gate.store.write(
            lambda db: db.execute("UPDATE scans SET sent_at = '2026-01-01T00:00:00.000000Z'")
        )
        gate.world.enter(1, 1, at=later)
        assert [one for one in await why(gate, census) if one[0] == 1] == []


@pytest.mark.parametrize(
    ("after", "why_it_is"),
    [
        (timedelta(microseconds=5), "exit dated before its entry"),
        (timedelta(minutes=3), "clock: the entry is dated in the future"),
    ],
)
async def test_an_exit_dated_before_its_entry_is_listed_and_mended_by_one_exit(
    tmp_path: Path, after: timedelta, why_it_is: str
) -> None:
    async with counted(tmp_path) as (gate, census):
        await gate.scan(ENTRY, 5)
        await gate.scan(EXIT, 5)
        await gate.push_all()
        # As a gate whose clock ran ahead at the entry, and was put right, would have left it.
        entry, exit_ = gate.rows(5)
        entry.datetime = exit_.datetime + after
        told = entry.datetime.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        await gate.store.write(
            lambda db: db.execute("UPDATE scans SET sent_at = ? WHERE type = 'entry'", (told,))
        )
        assert gate.world.inside(1) == {5}
        assert await why(gate, census) == [(5, False, why_it_is)]
        assert "disagree about 1 person" in gate.words("inside")

        await census.repair(1, 5, origin="page, admin from ::1")
        await gate.push_all()
        last = max(gate.rows(5), key=lambda row: row.datetime)
        assert (last.type, last.datetime) == ("exit", entry.datetime + timedelta(microseconds=1))
        assert gate.world.inside(1) == set()
        assert await why(gate, census) == []
        with pytest.raises(GatedError, match="nothing to repair"):
            await census.repair(1, 5, origin="page, admin from ::1")


async def test_by_command_it_is_mended_by_the_person_and_others_are_told_why_not(
    tmp_path: Path,
) -> None:
    said: list[dict[str, Any]] = []

    async def say(words: dict[str, Any]) -> None:
        said.append(words)

    async with counted(tmp_path) as (gate, census):
        repair = difference_commands(census)["repair"]
        for kind in (ENTRY, EXIT):
            await gate.scan(kind, 5)
        await gate.scan(ENTRY, 6)
        await gate.push_all()
        gate.world.enter(5, 1, at=gate.clock.wall())
        (own,) = gate.rows(6)
        gate.world.leave(6, 1, at=own.datetime + timedelta(microseconds=1))
        assert [one for one, _, _ in await why(gate, census)] == [5, 6]

        await repair({"position_id": 5}, say)
        with pytest.raises(GatedError, match="no exit mends that"):
            await repair({"position_id": 6}, say)
        with pytest.raises(GatedError, match="is no difference: see gated stats"):
            await repair({"position_id": 7}, say)
        with pytest.raises(GatedError, match="must be a number"):
            await repair({"position_id": "5"}, say)
        await gate.push_all()
        assert gate.world.inside(1) == set()
    assert said == [{"lists": 1}]


async def test_an_entry_elsewhere_right_after_an_exit_here_is_listed(tmp_path: Path) -> None:
    async with counted(tmp_path) as (gate, census):
        await gate.scan(ENTRY, 6)
        await gate.scan(EXIT, 6)
        await gate.push_all()
        gate.world.enter(6, 1, at=gate.clock.wall())
        found = await why(gate, census)
        assert [(one, here) for one, here, _ in found] == [(6, False)]
        assert found[0][2].startswith("other device")


async def test_what_the_server_would_not_take_is_listed_with_its_words(tmp_path: Path) -> None:
    async with counted(tmp_path) as (gate, census):
        await gate.scan(ENTRY, 7)
        gate.world.order_of(gate.world.positions[7]).status = "c"
        await gate.push_all()
        found = await why(gate, census)
        assert [(one, here) for one, here, _ in found] == [(7, True)]
        assert found[0][2].startswith("the server did not take the entry")


async def test_the_flow_counts_guests_by_minute_and_by_quarter(tmp_path: Path) -> None:
    async with counted(tmp_path) as (gate, _):
        for position in (1, 2, 3):
            await gate.scan(ENTRY, position)
        await gate.scan(EXIT, 1)
        await gate.scan(EXIT, "nobody-knows-this")
        await gate.store.write(
            lambda db: db.execute(
                "UPDATE scans SET at = '2026-11-22T12:44:59.000000Z' WHERE id = 1"
            )
        )
        now = gate.clock.wall()
        found = await gate.store.read(lambda db: flow(db, now))
        assert found.minute == found.quarter == Passed(2, 1)
        assert sum(one.entries for one in found.quarters.values()) == 2
        noon = now.replace(year=2026, month=11, day=22, hour=13, minute=0, second=0, microsecond=0)
        then = await gate.store.read(lambda db: flow(db, noon))
        assert then.quarters["2026-11-22T12:30"] == Passed(1, 0)


# A shift.


def shift_world() -> World:
    world = World.made_up(300, seed=6)
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
    return world


def press(gate: Window, chance: random.Random, *, down: bool) -> None:
    """The button goes down or up, as contacts do: not at once."""
    pin = gate.pins.pin(BUTTON)
    for _ in range(chance.randrange(5)):
        (pin.drive_low if down else pin.drive_high)()
        (pin.drive_high if down else pin.drive_low)()
    (pin.drive_low if down else pin.drive_high)()


async def press_now_and_then(gate: Window, chance: random.Random, presses: list[float]) -> None:
    """Whether a guest is being answered or not."""
    while True:
        await asyncio.sleep(chance.expovariate(1 / (5 * EVERY_S)))
        press(gate, chance, down=True)
        presses.append(gate.hands.monotonic())
        await asyncio.sleep(0.1)
        press(gate, chance, down=False)
        await asyncio.sleep(0.1)


async def gated(config: Path, *arguments: str) -> str:
    """Run a command beside the gate."""
    command = [sys.executable, "-m", "gated", *arguments, "--config", str(config)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    return said.decode()


@pytest.mark.timeout(1200)
async def test_after_a_shift_page_stats_ledger_and_server_say_the_same(tmp_path: Path) -> None:
    """The suite has a short one; `make shift` ten minutes of 30 scans a minute."""
    chance = random.Random(3)
    world = shift_world()
    people = [one for one in world.positions.values() if one.addon_to is None]
    inside: set[int] = set()
    just_seen: deque[int] = deque(maxlen=5)  # a code held up again at once is one scan
    presses: list[float] = []
    document: dict[str, Any] = {
        "web": {"enabled": True, "port": 0},
        "server": {"pull_s": 1.0},
        "panel": {"button": BUTTON},
    }
    config = tmp_path / "gated.toml"
    async with (
        TicketServer(world) as server,
        gate_before_window(server, tmp_path, **document) as gate,
    ):
        config.write_text(toml(settings(server.url, tmp_path, **document)), encoding="utf-8")
        async with running(press_now_and_then(gate, chance, presses)):
            for _ in range(SCANS):
                position = chance.choice([one for one in people[:20] if one.id not in just_seen])
                just_seen.append(position.id)
                gate.window.hold_up(position.secret)
                shown = await asyncio.wait_for(gate.answers.get(), 20)
                if shown.decision.verdict.admits:
                    came_in = shown.sighting.type == ENTRY
                    (inside.add if came_in else inside.discard)(position.id)
                await asyncio.sleep(EVERY_S)
                gate.hands.advance(max(0.0, 2.0 - EVERY_S))
        press(gate, chance, down=False)
        scans = await gate.settled()
        await asyncio.sleep(4)
        stats = json.loads(await gated(config, "stats", "--json"))
        text = await gated(config, "stats")
        assert gate.parts.page is not None
        url = gate.parts.page.url
        async with aiohttp.ClientSession() as browser, browser.get(f"{url}api/state") as page:
            state = await page.json()
        acts = await gate.parts.store.read(ledger.acts)

    assert len(scans) == SCANS
    admitted = [scan for scan in scans if scan.verdict.admits]
    came = sum(scan.type == "entry" for scan in admitted)
    left = sum(scan.type == "exit" for scan in admitted)
    refused = len(scans) - len(admitted)
    assert world.inside(LIST) == inside
    for counts in (stats, state["counts"]):
        assert (counts["in"], counts["out"], counts["inside"]) == (came, left, len(inside))
        assert sum(one["count"] for one in counts["refused"].values()) == refused
    rows = [row for one in world.positions for row in world.checkins_of(one, LIST)]
    assert sum(row.type == "entry" for row in rows) == came
    assert sum(row.type == "exit" for row in rows) == left
    assert stats["whole"]["inside"] == state["census"]["whole"]["inside"] == len(inside)
    assert stats["differences"] == []
    assert f"{came} in, {left} out" in text
    switched = [act.detail for act in acts if (act.what, act.origin) == ("mode", "button")]
    assert switched == [("entry", "exit")[n % 2] for n in range(len(presses))]
    found = f"{came} in, {left} out, {refused} refused, {len(inside)} inside"
    sys.stdout.write(f"{SCANS} scans, {len(presses)} presses: {found}\n")
