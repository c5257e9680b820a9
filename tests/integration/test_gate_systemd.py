"""What systemd hears from a gate: real notifications on a real socket, and the unit file."""

from __future__ import annotations

import asyncio
import configparser
import contextlib
import importlib
import logging
import shutil
import socket
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Self

import pytest
from aiohttp.test_utils import unused_port
from rig import LIST, Process, gate_before_window

from gated.model import Verdict
from gated.simulator.server import TicketServer
from gated.simulator.world import World

UNIT = Path(__file__).parents[2] / "systemd" / "gated.service"
FAILED = UNIT.with_name("gated-failed.service")


def has_systemd_python() -> bool:
    """Whether the library is there; our own folder systemd/ looks like it to `import systemd`."""
    try:
        importlib.import_module("systemd.daemon")
    except ImportError:
        return False
    return True


hears = pytest.mark.skipif(
    not has_systemd_python(),
    reason="needs systemd-python: pip install systemd-python (or gated[pi])",
)
PING = "WATCHDOG=1"
PATIENCE_US = 300_000


class Journal:
    """The socket that systemd would listen on, and all that came."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def listen(self) -> list[str]:
        """Take in what has come; gives all since the start."""
        while True:
            try:
                self.heard += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard

    def fill_up(self) -> None:
        """Stop listening: the socket takes no more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sender.sendto(b"STATUS=full", str(self.path))

    async def hears(self, beginning: str, *, containing: str = "") -> str:
        """Wait for a message, also one that came before."""
        while True:
            for message in self.listen():
                if message.startswith(beginning) and containing in message:
                    return message
            await asyncio.sleep(0.02)

    async def hears_pings(self, count: int = 3) -> None:
        """Wait for so many new signs of life."""
        wanted = self.listen().count(PING) + count
        while self.listen().count(PING) < wanted:
            await asyncio.sleep(0.02)

    async def hears_no_ping(self) -> None:
        """Wait until the signs of life stay out for several times systemd's patience."""
        before = -1
        while (count := self.listen().count(PING)) != before:
            before = count
            await asyncio.sleep(5 * PATIENCE_US / 1e6)


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    with Journal(tmp_path / "notify") as journal:
        monkeypatch.setenv("NOTIFY_SOCKET", str(journal.path))
        monkeypatch.setenv("WATCHDOG_USEC", str(PATIENCE_US))
        yield journal


def crowd() -> World:
    """A world in which everybody is inside."""
    world = World.made_up(40, seed=9)
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
        world.enter(position.id, LIST)
    return world


def health(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@hears
async def test_a_gate_tells_systemd_when_it_is_ready_how_it_is_and_that_it_stops(
    systemd: Journal, tmp_path: Path
) -> None:
    world = crowd()
    folder = tmp_path / "late"
    port = unused_port()
    async with TicketServer(world) as server:
        camera = {"path": str(folder)}
        web = {"enabled": True, "port": port}
        with Process(server.url, tmp_path, camera=camera, web=web) as gate:
            await asyncio.to_thread(gate.start, wait_for="camera failed, time 1")
            await systemd.hears("STATUS=")
            # Store and page are up, the camera is not: nothing to be ready with.
            assert await asyncio.to_thread(health, port) == 503
            assert "READY=1" not in systemd.listen()
            assert (tmp_path / "gated.db").exists()

            folder.mkdir()
            gate.pictures = folder
            await systemd.hears("READY=1")
            assert await asyncio.to_thread(health, port) == 200
            await systemd.hears_pings()

            gate.feed(world.positions[1].secret)
            gate.feed("a code that nobody knows")
            status = await systemd.hears("STATUS=", containing="out 1")
            tickets = len(world.positions)
            assert status.startswith(
                f"STATUS=check-out; in 0, out 1, refused 1; {tickets} tickets, "
            )

            assert "STOPPING=1" not in systemd.listen()
            assert await asyncio.to_thread(gate.stop) == 0
            heard = systemd.listen()
    assert heard.count("READY=1") == 1
    assert heard.count("STOPPING=1") == 1
    assert heard.index("READY=1") < heard.index("STOPPING=1")
    assert heard[-1] == "STOPPING=1"
    assert {message.partition("=")[0] for message in heard} == {
        "READY",
        "STATUS",
        "STOPPING",
        "WATCHDOG",
    }


@hears
async def test_a_camera_that_hangs_gets_no_pings_until_it_lives_again(
    systemd: Journal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        TicketServer(crowd()) as server,
        gate_before_window(server, tmp_path) as bench,
    ):
        await systemd.hears_pings()
        bench.window.freeze()
        try:
            while not bench.parts.eyes.stalled():
                systemd.listen()
                await asyncio.sleep(0.05)
            await systemd.hears_no_ping()
            # The rest of the gate is alive; the camera alone keeps the pings back.
            assert await bench.parts.store.silent() == ""
        finally:
            bench.window.thaw()
        await systemd.hears_pings()
        answer = await bench.scan(server.world.positions[1].secret)

    assert answer.decision.verdict is Verdict.ADMIT
    assert "not feeding the watchdog: no sign of the camera for" in caplog.text


@hears
async def test_a_database_that_does_not_answer_gets_no_pings_until_it_does(
    systemd: Journal, tmp_path: Path
) -> None:
    async with TicketServer(crowd()) as server:
        with Process(server.url, tmp_path) as gate:
            await asyncio.to_thread(gate.start)
            await systemd.hears_pings()
            with closing(sqlite3.connect(tmp_path / "gated.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                await systemd.hears_no_ping()
                while "not feeding the watchdog" not in gate.log():
                    await asyncio.sleep(0.05)
                other.execute("ROLLBACK")
            await systemd.hears_pings()
            assert await asyncio.to_thread(gate.stop) == 0

    assert "not feeding the watchdog: the database" in gate.log()
    assert "Traceback" not in gate.log()


async def test_a_systemd_that_is_stuck_does_not_hold_up_the_gate(
    systemd: Journal, tmp_path: Path
) -> None:
    world = crowd()
    async with TicketServer(world) as server, gate_before_window(server, tmp_path) as bench:
        systemd.fill_up()
        await asyncio.sleep(2 * PATIENCE_US / 1e6)
        answer = await bench.scan(world.positions[1].secret)

    assert answer.decision.verdict is Verdict.ADMIT


@pytest.mark.parametrize("notify_socket", ["", "/nowhere/notify", "@nobody-there"])
async def test_without_systemd_a_gate_works_and_says_nothing_of_it(
    notify_socket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("NOTIFY_SOCKET", notify_socket)
    monkeypatch.setenv("WATCHDOG_USEC", str(PATIENCE_US))
    world = crowd()
    async with TicketServer(world) as server, gate_before_window(server, tmp_path) as bench:
        await asyncio.sleep(2 * PATIENCE_US / 1e6)
        answer = await bench.scan(world.positions[1].secret)

    assert answer.decision.verdict is Verdict.ADMIT
    assert "ready, mode exit" in caplog.text
    # What the server lacks is told in any case.
    warnings = [line for line in caplog.records if line.levelno >= logging.WARNING]
    assert not [line for line in warnings if line.name != "gated.sync.pull"]
    assert "systemd" not in caplog.text


def unit(path: Path = UNIT) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


def test_the_unit_restarts_what_dies_but_not_what_is_misconfigured() -> None:
    service = unit()["Service"]

    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert service["RestartPreventExitStatus"] == "78"
    assert service["User"] == service["Group"] == "gated"
    # Longer than the gate itself takes to give up on a camera or a database: it says why first.
    assert int(service["WatchdogSec"]) > 10
    program, command, *rest = service["ExecStart"].split()
    assert (Path(program).name, command, rest[0]) == ("gated", "run", "--config")


def test_a_crash_loop_is_shown_on_the_lamp_and_tried_again() -> None:
    limited = unit()["Unit"]
    failed = FAILED.read_text(encoding="utf-8").splitlines()
    steps = [line.partition("=")[2] for line in failed if line.startswith("ExecStart=")]

    assert limited["OnFailure"] == FAILED.name
    assert int(limited["StartLimitBurst"]) == 5
    assert steps[0].endswith("bin/gated panel status error --seconds 60")
    # Systemd would refuse the next try while it counts the last ones.
    assert [step.split()[1] for step in steps[-2:]] == ["reset-failed", "start"]
    # Somebody who starts the gate by hand has the last word, and the pin.
    assert unit(FAILED)["Unit"]["Conflicts"] == UNIT.name


def test_systemd_itself_finds_nothing_wrong_with_the_units(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("needs systemd-analyze: apt-get install systemd")
    program = unit()["Service"]["ExecStart"].split()[0]
    copies = [tmp_path / path.name for path in (UNIT, FAILED)]
    for path, copy in zip((UNIT, FAILED), copies, strict=True):
        text = path.read_text(encoding="utf-8")
        # Where gated is not installed the program is not there, which is no fault of the unit.
        copy.write_text(text.replace(program, sys.executable), encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", *copies], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode == 0
