"""The demo as a newcomer starts it."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gated.demo.cast import LIST, STORIES, Cast
from gated.model import ScanType
from gated.simulator.world import World

GUESTS = 8
GUEST = re.compile(
    r"\d\d:\d\d:\d\d (?P<mode>check-in |check-out) (?P<verdict>. \w+) +(?P<words>.{20,}?) "
    r"(?P<ticket>\S+) +\d+ ms  told (?P<told>\d+ of \d+) +(?P<story>.+)"
)


@dataclass
class Ended:
    """A demo that has come to its end, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def guests(self) -> list[re.Match[str]]:
        return [found for line in self.out.splitlines() if (found := GUEST.fullmatch(line.strip()))]

    @property
    def cast(self) -> list[tuple[str, str]]:
        """Who came, and on which ticket."""
        return [(one["story"], one["ticket"]) for one in self.guests]

    def summary(self, row: str) -> str:
        found = re.search(rf"^ *{row}  +(.+?) *$", self.out, re.MULTILINE)
        assert found, self.out
        return found[1]


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gated", "demo", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def end(demo: asyncio.subprocess.Process, before: str = "") -> Ended:
    out, err = await asyncio.wait_for(demo.communicate(), 50)
    assert demo.returncode is not None
    return Ended(demo.returncode, before + out.decode(), err.decode())


async def play(*arguments: str) -> Ended:
    return await end(await start(*arguments))


@pytest.fixture
async def endless() -> AsyncIterator[asyncio.subprocess.Process]:
    """A demo that goes on until somebody stops it, at its first guest."""
    demo = await start("--port", "0")
    yield demo
    if demo.returncode is None:
        demo.kill()
        await demo.communicate()


async def first_guest(demo: asyncio.subprocess.Process) -> str:
    """Wait for the first line of a guest; gives all that was printed until then."""
    assert demo.stdout is not None
    printed = ""
    while not GUEST.search(printed):
        line = await asyncio.wait_for(demo.stdout.readline(), 20)
        assert line, printed
        printed += line.decode()
    return printed


async def test_eight_guests_come_are_judged_rightly_and_told_and_come_again_with_the_same_seed(
    tmp_path: Path,
) -> None:
    asked = ("--guests", str(GUESTS), "--seed", "3")
    with_page, without, other = await asyncio.gather(
        play(*asked, "--port", "0"),
        play(*asked, "--no-web", "--data", str(tmp_path)),
        play("--guests", "3", "--seed", "4", "--no-web"),
    )

    assert "The gate's page: http://127.0.0.1:" in with_page.out
    assert "The gate's page" not in without.out
    for demo in (with_page, without):
        assert demo.status == 0
        assert demo.err == ""
        assert len(demo.guests) == GUESTS, demo.out
        assert demo.summary("guests").startswith(f"{GUESTS} in ")
        assert demo.summary("guests").endswith(" 0 not read")
        assert demo.summary("honest guests who saw red") == "0"
        assert demo.summary("others who saw plain green") == "0"
        told, owed = demo.summary("told to the server").split(" of ")
        assert told == owed != "0"
    assert with_page.cast == without.cast
    assert len(set(with_page.cast)) == GUESTS
    assert other.cast != with_page.cast[:3]
    assert (tmp_path / "gated.db").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_ends_the_demo_with_its_summary(
    number: signal.Signals, endless: asyncio.subprocess.Process
) -> None:
    printed = await first_guest(endless)
    endless.send_signal(number)
    ended = await end(endless, printed)

    assert ended.status == 0
    assert ended.err == ""
    assert ended.summary("guests").startswith(f"{len(ended.guests)} in ")
    assert ended.summary("honest guests who saw red") == "0"


async def test_ctrl_c_before_the_first_guest_is_quiet_too(
    endless: asyncio.subprocess.Process,
) -> None:
    assert endless.stdout is not None
    welcome = (await endless.stdout.readline()).decode()
    endless.send_signal(signal.SIGINT)
    ended = await end(endless, welcome)

    assert ended.status == 0
    assert ended.err == ""
    assert ended.summary("guests").startswith("0 in ")


async def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = await play("--guests", "1", "--port", str(port))

    assert ended.status == 78
    assert ended.out == ""
    assert ended.err == (
        f"gated: [web] port: {port} is taken by another program (choose another)\n"
    )


@pytest.mark.parametrize("mode", list(ScanType))
def test_every_kind_of_guest_can_be_asked_for_by_its_name(mode: ScanType) -> None:
    world = World.made_up(300, seed=3)
    paid = [one for one in world.positions.values() if world.order_of(one).status == "p"]
    for position in paid[:100]:
        world.enter(position.id, LIST)
    cast = Cast(world, seed=3)
    for _ in range(3):
        _, _, position_id = cast.next(ScanType.EXIT, "inside")
        assert position_id is not None
        cast.passed(position_id, ScanType.EXIT)

    for wanted in STORIES[mode]:
        guest, story, position_id = cast.next(mode, wanted.id)
        assert story.id == guest.story == wanted.id
        assert (position_id is None) == (wanted.id in {"forged", "no_ticket"})
