"""The bundle for somebody who helps: what they need, and no guest in it."""

from __future__ import annotations

import asyncio
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import pytest
from rig import LIST, Process, gate_before_window, settings

from gated import config
from gated.errors import GatedError
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import Store
from gated.support import Bundle, gather

FORGED = "forged7kq2m9x4c6v8b3n5"
TOKEN = "demo-token"


def crowd() -> World:
    """Some are inside; everybody has a name."""
    world = World.made_up(40, seed=5)
    for number, position in enumerate(world.positions.values()):
        world.order_of(position).status = "p"
        position.canceled = False
        position.attendee_name = f"Zoë Ottokar {number:03d}"
        world.enter(position.id, LIST)
    return world


def about_guests(world: World) -> list[str]:
    """What names the guests."""
    positions = world.positions.values()
    return [
        *(position.secret for position in positions),
        *(position.attendee_name for position in positions if position.attendee_name),
        *(world.order_of(position).code for position in positions),
        FORGED,
        TOKEN,
    ]


def leaky(world: World) -> str:
    """A log that says everything that a log must not say."""
    lines = [
        f"gated.sync: {text} was here, <{text}>; TICKET={text}." for text in about_guests(world)
    ]
    return "\n".join(["2026-11-25T20:00:00 gated[7]: ready, mode exit", *lines, "the last line"])


def read(path: Path) -> dict[str, str]:
    with tarfile.open(path) as tar:
        return {
            Path(one.name).name: file.read().decode()
            for one in tar.getmembers()
            if (file := tar.extractfile(one))
        }


def program(world: World) -> Any:
    """The programs of a system whose log leaks."""
    return lambda *command: leaky(world) if command[0] == "journalctl" else None


def found_in(text: str, words: list[str]) -> list[str]:
    return [word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)]


@pytest.mark.parametrize("names", [True, False])
async def test_a_bundle_says_how_the_gate_is_and_nothing_of_its_guests(
    tmp_path: Path, *, names: bool
) -> None:
    world = crowd()
    secrets = [position.secret for position in world.positions.values()]
    async with (
        TicketServer(world) as server,
        gate_before_window(server, tmp_path, privacy={"names": names}) as bench,
    ):
        for secret in (*secrets[:5], secrets[0], FORGED):
            await bench.scan(secret)
        await bench.settled()
        gate = config.parse(settings(server.url, tmp_path, privacy={"names": names}))

        bundle = await gather(gate, tmp_path / "gated.toml", ask=program(world))

    path = tmp_path / "bundle.tar.gz"
    bundle.write(path)
    files = read(path)

    whole = "\n".join(files.values())
    known = about_guests(world)
    if not names:  # What the gate does not know it cannot take out of a log that has it.
        known = [word for word in known if not word.startswith("Zoë")]
    assert found_in(leaky(world), known) == known
    assert found_in(whole, known) == []
    assert path.stat().st_mode & 0o777 == 0o600

    log = files["log.txt"].splitlines()
    assert log[0] == "2026-11-25T20:00:00 gated[7]: ready, mode exit"
    assert log[-1] == "the last line"
    assert "gated.sync: [removed] was here, <[removed]>; TICKET=[removed]." in log
    state = json.loads(files["status.json"])
    assert state["running"]
    assert state["scans"] == []
    assert state["counts"]["out"] == 5
    database = json.loads(files["database.json"])
    assert database["quick_check"] == "ok"
    assert sum(database["scans"].values()) == 7
    assert database["tickets"] == len(world.positions)
    assert database["schema"] > 5
    assert json.loads(files["config.json"])["server"]["organizer"] == "demo"
    offered = {one["feature"]: one["offered"] for one in json.loads(files["capabilities.json"])}
    assert offered["the list"] is True
    versions = json.loads(files["versions.json"])
    assert versions["libraries"].keys() >= {"aiohttp", "zxing-cpp"}
    assert versions["kernel"]
    assert files["about.txt"].splitlines()[1:] == ["missing: service.txt: nothing here tells it"]


async def test_a_code_that_nobody_knows_is_taken_out_and_a_nonce_is_not(tmp_path: Path) -> None:
    gate = config.parse(settings("http://127.0.0.1:1", tmp_path))
    async with Store(Path(gate.store.path), gate.key_file):
        pass
    nonce = "5f0c9e8d7b6a54433221100ffeeddcc0"
    log = f"NONCE={nonce} code gk5ngwwiw2eojug3kkdavfr2ibo6xdog in /opt/gated/releases/0.1.0/lib"

    bundle = await gather(gate, tmp_path / "gated.toml", ask=lambda *_: log)

    said = f"NONCE={nonce} code [removed] in /opt/gated/releases/0.1.0/lib"
    assert bundle.files["log.txt"] == said


async def test_a_damaged_database_costs_what_hangs_on_it_and_lets_nothing_out(
    tmp_path: Path,
) -> None:
    world = crowd()
    gate = config.parse(settings("http://127.0.0.1:1", tmp_path))
    async with Store(Path(gate.store.path), gate.key_file):
        pass
    database = Path(gate.store.path)
    await asyncio.to_thread(database.write_bytes, b"SQLite format 3\0" + b"not at all" * 1000)

    bundle = await gather(gate, tmp_path / "gated.toml", ask=program(world))

    assert "damaged" in bundle.missing["database.json"]
    assert "guests could not be taken out" in bundle.missing["log.txt"]
    assert {"config.json", "versions.json"} <= bundle.files.keys()
    assert found_in("\n".join(bundle.files.values()), about_guests(world)) == []


async def test_without_its_key_a_gate_keeps_its_log_to_itself_and_makes_no_new_key(
    tmp_path: Path,
) -> None:
    gate = config.parse(settings("http://127.0.0.1:1", tmp_path))
    async with Store(Path(gate.store.path), gate.key_file):
        pass
    gate.key_file.unlink()

    bundle = await gather(gate, tmp_path / "gated.toml", ask=program(crowd()))

    assert "log.txt" not in bundle.files
    assert not gate.key_file.exists()


async def test_a_gate_that_never_ran_has_a_bundle_too(tmp_path: Path) -> None:
    gate = config.parse(settings("http://127.0.0.1:1", tmp_path))

    bundle = await gather(
        gate, tmp_path / "gated.toml", ask=lambda *_: f"it does not start with {TOKEN}"
    )

    assert bundle.files["log.txt"] == "it does not start with [removed]"
    assert "no database" in bundle.missing["database.json"]


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "bundle"
    path.write_text("mine")

    with pytest.raises(GatedError, match="is there already"):
        Bundle({}, {}).write(path)
    assert path.read_text() == "mine"
    with pytest.raises(GatedError, match="cannot be written: No such file"):
        Bundle({}, {}).write(tmp_path / "nowhere" / "bundle")


async def test_the_command_packs_a_bundle_beside_a_gate_and_with_a_broken_config(
    tmp_path: Path,
) -> None:
    gate = Process("http://127.0.0.1:1", tmp_path)
    file = tmp_path / "bundle.tar.gz"

    done = await asyncio.to_thread(gate.command, "support-bundle", str(file))

    assert (done.returncode, done.stdout) == (0, f"{file}\n"), done.stderr
    assert "without database.json: there is no database" in done.stderr
    assert TOKEN not in "\n".join(read(file).values())

    gate.config.write_text("[gate]\nnmae = 'x'\n")
    done = await asyncio.to_thread(gate.command, "support-bundle", f"{file}2")

    assert done.returncode == 0, done.stderr
    assert "did you mean [gate] name?" in read(Path(f"{file}2"))["config.json"]
