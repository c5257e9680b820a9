"""The commands as somebody types them, beside a running daemon and without one."""

from __future__ import annotations

import asyncio
import csv
import fcntl
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from rig import LIST, Process, gate_before_window

from gated.errors import ConfigError, ServerUnreachable
from gated.model import Scan, ScanType, State, Verdict
from gated.simulator.faults import Fault
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import ledger, open_read_only
from gated.web.control import Control, call

GUESTS = 60
STRANGER = "a code that nobody knows"


def crowd() -> World:
    """A world in which everybody is inside."""
    world = World.made_up(GUESTS, seed=9)
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
        world.enter(position.id, LIST)
    return world


async def run(gate: Process, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(gate.command, *arguments)


async def scanned(gate: Process, *texts: str) -> list[Scan]:
    """Hold up codes, and wait until each is settled or kept here."""
    wanted = len(gate.scans()) + len(texts)
    for text in texts:
        gate.feed(text)
    for _ in range(200):
        scans = gate.scans()
        if len(scans) == wanted and all(scan.state.settled for scan in scans):
            return scans
        await asyncio.sleep(0.05)
    raise AssertionError(gate.log())


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What a failed command said; it must be one line, and nothing else."""
    assert done.returncode != 0
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("gated: ")
    return lines[0].removeprefix("gated: ")


def figures(scans: list[Scan]) -> dict[str, Any]:
    """What status must say of a ledger in which every guest left."""
    refused = Counter(str(scan.reason) for scan in scans if scan.verdict is Verdict.REFUSE)
    return {
        "in": sum(s.verdict.admits and s.type is ScanType.ENTRY for s in scans),
        "out": sum(s.verdict.admits and s.type is ScanType.EXIT for s in scans),
        "refused": dict(refused),
        "settled": sum(scan.state is State.CONFIRMED for scan in scans),
    }


def told(state: dict[str, Any]) -> dict[str, Any]:
    counts = state["counts"]
    return {
        "in": counts["in"],
        "out": counts["out"],
        "refused": {reason: one["count"] for reason, one in counts["refused"].items()},
        "settled": state["outbox"]["settled"],
    }


def control(folder: Path) -> dict[str, str]:
    return {"socket": str(folder / "control.sock")}


def modes_in(folder: Path) -> dict[str, int]:
    """Who may do what with the gate's own files."""
    return {
        path.name: path.stat().st_mode & 0o777
        for path in folder.iterdir()
        if path.name.startswith(("gated.db", "gated.key", "control"))
    }


def lines_of(status: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in status.splitlines())
    return {name: words.strip() for name, _, words in pairs}


async def test_the_day_of_somebody_who_types_commands_beside_a_running_gate(
    tmp_path: Path,
) -> None:
    world = crowd()
    async with TicketServer(world) as server:
        with Process(server.url, tmp_path) as gate:
            await asyncio.to_thread(gate.start)
            people = [one.secret for one in world.positions.values() if one.addon_to is None]
            scans = await scanned(gate, people[0], people[1], STRANGER)
            inside = len(world.inside(LIST))

            text, full = await asyncio.gather(run(gate, "status"), run(gate, "status", "--json"))
            state = json.loads(full.stdout)
            assert text.stderr == ""
            assert state["running"] is True
            assert told(state) == figures(scans)
            assert figures(scans)["out"] == 2
            assert state["counts"]["inside"] == inside
            said = lines_of(text.stdout)
            assert said["Test gate"] == "running, check-out"
            assert said["people"] == f"0 in, 2 out here; {inside} inside"
            assert said["refused"] == "1 Unknown ticket"
            assert said["to be told"] == "0 scans; 2 settled"
            assert said["server"] == f"{server.url} connected"

            late = world.add_order(name="Guest 0099")
            world.enter(late.id, LIST)
            synced = await run(gate, "sync")
            tickets = len(world.positions)
            assert synced.stdout == f"{tickets} tickets, 1 changed, 0 vanished\n"
            assert f"{tickets}/{tickets}" in synced.stderr
            # Nobody can be asked about the new ticket now: it is in the list, or it is unknown.
            await server.unplug()
            gate.feed(late.secret)
            while len(gate.scans()) < 4:
                await asyncio.sleep(0.05)
            newest = gate.scans()[-1]
            assert (newest.order_code, newest.verdict) == (late.order, Verdict.ADMIT)
            away = lines_of((await run(gate, "status")).stdout)
            assert away["to be told"] == "1 scans; 2 settled"
            assert "does not answer" in away["server"]
            failed = await run(gate, "sync")
            assert failed.returncode == 75
            assert sentence(failed).startswith("the server does not answer")
            await server.plug()

            assert (await run(gate, "mode", "entry")).returncode == 0
            assert lines_of((await run(gate, "status")).stdout)["Test gate"] == "running, check-in"
            assert (await run(gate, "mode", "exit")).returncode == 0
            with open_read_only(tmp_path / "gated.db") as db:
                acts = [(act.what, act.origin, act.detail) for act in ledger.acts(db)]
            assert acts[-2:] == [("mode", "command", "entry"), ("mode", "command", "exit")]

            assert await asyncio.to_thread(gate.stop) == 0
    assert "Traceback" not in gate.log()


async def test_scans_lists_the_whole_ledger_in_three_formats_beside_the_running_gate(
    tmp_path: Path,
) -> None:
    world = crowd()
    async with TicketServer(world) as server:
        with Process(server.url, tmp_path) as gate:
            await asyncio.to_thread(gate.start)
            scans = await scanned(gate, world.positions[1].secret, STRANGER)
            table, sheet, objects = await asyncio.gather(
                run(gate, "scans"),
                run(gate, "scans", "--format", "csv"),
                run(gate, "scans", "--format", "jsonl"),
            )
            await asyncio.to_thread(gate.stop)

    wanted = [
        (scan.nonce, scan.order_code, str(scan.verdict), str(scan.reason), str(scan.state))
        for scan in scans
    ]
    keys = ("nonce", "order", "verdict", "reason", "state")
    rows = [json.loads(line) for line in objects.stdout.splitlines()]
    cells = list(csv.DictReader(io.StringIO(sheet.stdout)))
    words = [line.split() for line in table.stdout.splitlines()]
    assert [tuple(row[key] for key in keys) for row in rows] == wanted
    assert [tuple(row[key] for key in keys) for row in cells] == wanted
    assert [list(row) for row in cells] == [list(row) for row in rows]
    assert [tuple(line[2:]) for line in words] == [
        (verdict, reason, order or "-", state) for _, order, verdict, reason, state in wanted
    ]
    # The code itself is nobody's business; only the beginning of it is ever shown.
    assert STRANGER not in table.stdout + sheet.stdout + objects.stdout
    assert table.stderr == sheet.stderr == objects.stderr == ""


async def test_after_the_plug_was_pulled_status_reads_the_file_and_sync_opens_it_alone(
    tmp_path: Path,
) -> None:
    world = crowd()
    async with TicketServer(world) as server:
        with Process(server.url, tmp_path) as gate:
            await asyncio.to_thread(gate.start)
            scans = await scanned(gate, world.positions[1].secret, STRANGER)
            await asyncio.to_thread(gate.kill)
            assert (tmp_path / "control.sock").is_socket()

            asked, nobody = await asyncio.gather(
                run(gate, "status", "--json"), run(gate, "mode", "entry")
            )
            state = json.loads(asked.stdout)
            assert state["running"] is False
            assert told(state) == figures(scans)
            assert nobody.returncode == 75
            assert sentence(nobody).startswith(f"no running gate at {tmp_path}/control.sock: ")

            world.add_order(name="Guest 0099")
            synced = await run(gate, "sync")
            tickets = len(world.positions)
            assert synced.stdout == f"{tickets} tickets, 1 changed, 0 vanished\n"
            assert f"{tickets}/{tickets}" in synced.stderr

            with (tmp_path / "gated.db.lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                held = await run(gate, "sync")
            assert held.returncode == 75
            assert sentence(held) == f"another gated is using {tmp_path}/gated.db"

            # What the killed one left there is no obstacle.
            await asyncio.to_thread(gate.start)
            assert gate.scans() == scans
            assert await asyncio.to_thread(gate.stop) == 0
            assert not (tmp_path / "control.sock").exists()


async def test_a_second_gate_is_told_so_and_disturbs_nothing(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with TicketServer(crowd()) as server:
        with Process(server.url, tmp_path) as gate:
            await asyncio.to_thread(gate.start)
            stranger = Process(server.url, other, control=control(tmp_path))
            same_database, same_socket = await asyncio.gather(
                run(gate, "run"), run(stranger, "run")
            )
            state = json.loads((await run(gate, "status", "--json")).stdout)
            assert await asyncio.to_thread(gate.stop) == 0

    assert same_database.returncode == 75
    assert sentence(same_database) == f"another gated is using {tmp_path}/gated.db"
    assert same_socket.returncode == 78
    assert same_socket.stderr.splitlines()[-1] == (
        f"gated: [control] socket: cannot listen on {tmp_path}/control.sock:"
        " another gate listens there"
    )
    assert state["running"] is True


async def test_nobody_but_the_gates_user_reads_what_it_writes_even_without_a_umask(
    tmp_path: Path,
) -> None:
    world = crowd()
    before = os.umask(0)
    try:
        async with TicketServer(world) as server:
            with Process(server.url, tmp_path) as gate:
                await asyncio.to_thread(gate.start)
                await scanned(gate, world.positions[1].secret)
                modes = await asyncio.to_thread(modes_in, tmp_path)
                await asyncio.to_thread(gate.stop)
    finally:
        os.umask(before)

    assert modes == {
        "control.sock": 0o660,
        "gated.db": 0o600,
        "gated.db-shm": 0o600,
        "gated.db-wal": 0o600,
        "gated.db.lock": 0o600,
        "gated.key": 0o600,
    }


async def test_a_control_socket_with_too_long_a_path_is_one_sentence_and_status_78(
    tmp_path: Path,
) -> None:
    path = tmp_path / ("long" * 40) / "control.sock"
    gate = Process("http://127.0.0.1:9", tmp_path, control={"socket": str(path)})
    before = await run(gate, "status")
    done = await run(gate, "run")
    beside = await run(gate, "status")

    assert before.returncode == 74
    assert sentence(before).startswith(f"there is no database at {tmp_path}/gated.db")
    assert done.returncode == 78
    assert sentence(done) == f"[control] socket: cannot listen on {path}: AF_UNIX path too long"
    assert beside.returncode == 0
    assert beside.stdout.startswith("Test gate:   not running")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("{folder}/" + "long" * 100 + ".sock", "File name too long"),
        ("{folder}/keep.txt", "there is a file that is no socket"),
        ("{folder}/keep.txt/control.sock", "File exists"),
        ("/proc/control.sock", "No such file or directory"),
    ],
    ids=["too long a name", "a file", "below a file", "where none can be"],
)
async def test_a_control_socket_that_cannot_be_is_told_and_takes_no_file_away(
    path: str, words: str, tmp_path: Path
) -> None:
    kept = tmp_path / "keep.txt"
    kept.write_text("not a socket", encoding="utf-8")
    path = path.format(folder=tmp_path)
    async with TicketServer(crowd()) as server:
        with pytest.raises(ConfigError) as told:
            async with gate_before_window(server, tmp_path, control={"socket": path}):
                pass

    assert str(told.value) == f"[control] socket: cannot listen on {path}: {words}"
    assert kept.read_text(encoding="utf-8") == "not a socket"


async def test_a_pipe_that_closes_early_is_quiet(ledger_of_many: Process) -> None:
    command = f"{sys.executable} -m gated scans --config {ledger_of_many.config} --format"
    script = (
        f"set -o pipefail; {command} table | head -1 && {command} csv | head -1 &&"
        f" {command} jsonl | head -1 && {command} csv | true"
    )
    done = await asyncio.to_thread(
        subprocess.run, ["bash", "-c", script], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3
    assert done.returncode == 0


@pytest.fixture
async def ledger_of_many(tmp_path: Path) -> Process:
    """A gate, stopped, whose ledger is longer than any pipe."""
    world = crowd()
    async with TicketServer(world) as server:
        with Process(server.url, tmp_path) as gate:
            await asyncio.to_thread(gate.start)
            await scanned(gate, world.positions[1].secret)
            await asyncio.to_thread(gate.stop)
    with closing(sqlite3.connect(tmp_path / "gated.db")) as db, db:
        names = [row[1] for row in db.execute("PRAGMA table_info(scans)")]
        copied = ", ".join(name for name in names if name not in {"id", "nonce"})
        db.execute(
            f"INSERT INTO scans (nonce, {copied}) WITH RECURSIVE copies (number) AS"
            " (SELECT 1 UNION ALL SELECT number + 1 FROM copies LIMIT 3000)"
            f" SELECT printf('copy-%d', number), {copied} FROM scans, copies"
        )
    return gate


async def test_a_gate_that_stops_in_the_middle_of_a_sync_says_so_and_ends_well(
    tmp_path: Path,
) -> None:
    async with TicketServer(crowd()) as server:
        with Process(server.url, tmp_path) as gate:
            await asyncio.to_thread(gate.start)
            server.faults.add(Fault.LATENCY, latency_s=2.0, path="checkinlists")
            before = len(server.requests.matching("/checkinlists/"))
            syncing = asyncio.create_task(run(gate, "sync"))
            while len(server.requests.matching("/checkinlists/")) == before:
                await asyncio.sleep(0.02)
            status = await asyncio.to_thread(gate.stop)
            done = await syncing

    assert status == 0
    assert done.returncode == 75
    assert sentence(done) == "the gate broke off: it stopped, or its log says why"
    assert "Traceback" not in gate.log()
    assert "never retrieved" not in gate.log()


async def test_a_gate_that_says_nothing_is_given_up_on(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def brood(_arguments: object, _say: object) -> None:
        asked.set()
        await asyncio.sleep(30)

    path = tmp_path / "control.sock"
    async with Control(path, {"status": brood}):
        with pytest.raises(ServerUnreachable, match=r"the gate said nothing for 0\.1 s"):
            async for _ in call(path, "status", silence_s=0.1):
                pass
    assert asked.is_set()


async def test_a_listener_that_is_no_gate_gets_one_sentence(tmp_path: Path) -> None:
    gate = Process("http://127.0.0.1:9", tmp_path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "control.sock"))
        other.listen()
        asking = asyncio.create_task(run(gate, "status"))
        other.settimeout(10)
        # One call to see whether anybody is there, one to ask.
        probe, _ = await asyncio.to_thread(other.accept)
        caller, _ = await asyncio.to_thread(other.accept)
        with probe, caller:
            caller.sendall(b"SSH-2.0-nobody\r\n")
        done = await asking

    assert done.returncode == 75
    assert sentence(done).startswith("the gate broke off")


async def test_the_shelf_is_dealt_with_through_the_running_gate(tmp_path: Path) -> None:
    world = crowd()
    async with TicketServer(world) as server:
        with Process(server.url, tmp_path, control=control(tmp_path)) as gate:
            await asyncio.to_thread(gate.start)
            first, second = await scanned(
                gate, world.positions[1].secret, world.positions[2].secret
            )
            await asyncio.to_thread(gate.stop)
            # As if both had been failed on for too long.
            with closing(sqlite3.connect(tmp_path / "gated.db")) as db, db:
                db.execute("UPDATE scans SET state = 'shelved', settled_no = NULL")
            server.requests.clear()
            await asyncio.to_thread(gate.start)
            status = lines_of((await run(gate, "status")).stdout)
            assert status["shelf"].startswith("2 scans need a person")
            again = await run(gate, "scans", "retry", first.nonce[:8])
            assert again.stdout == "it is told to the server again\n"
            dealt = await run(gate, "scans", "settle", second.nonce, "--why", "told by phone")
            assert dealt.stdout == "settled\n"
            assert "no scan on the shelf" in sentence(await run(gate, "scans", "retry", "x"))
            for _ in range(200):
                if all(scan.state.settled for scan in gate.scans()):
                    break
                await asyncio.sleep(0.05)
            states = [scan.state for scan in gate.scans()]
            assert states == [State.CONFIRMED, State.LOCAL]
            # Told before, so the server counts it once.
            exits = [row for row in world.checkins_of(1, LIST) if row.type == "exit"]
            assert len(exits) == 1
            with open_read_only(tmp_path / "gated.db") as db:
                origins = {act.what: act.origin for act in ledger.acts(db)}
            assert origins["retry"] == origins["settle"] == "command"
