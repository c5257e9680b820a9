"""A day in the journal: one entry a scan, with fields, and no secret in any of them."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig import LIST, gate_before_window

from gated import logs
from gated.model import ScanType
from gated.simulator.server import TicketServer
from gated.simulator.world import World

PER_SCAN = {"VERDICT", "REASON", "MODE", "TICKET", "NONCE", "EYE", "ASKED", "MS", "STORE_MS"}


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Journald's socket, to which the log of this process goes."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear,
        (tmp_path / "stderr").open("w", encoding="utf-8") as stderr,
    ):
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        ear.bind(str(tmp_path / "journal"))
        ear.setblocking(False)
        found = os.fstat(stderr.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        monkeypatch.setattr(sys, "stderr", stderr)
        logs.set_up("debug", journal=tmp_path / "journal")
        yield ear
    for one in root.handlers:
        one.close()
    root.handlers = handlers
    root.setLevel(level)


def heard(ear: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(BlockingIOError):
        while True:
            yield ear.recv(1 << 20)


async def test_every_scan_of_a_day_is_one_entry_and_no_entry_has_a_secret(
    journal: socket.socket, tmp_path: Path
) -> None:
    world = World.made_up(60, seed=3)
    positions = list(world.positions.values())
    for position in positions[:20]:
        world.enter(position.id, LIST)
    entries: list[bytes] = []
    forged = "forged7kq2m9x4c6v8b3n5"
    nonces = []
    async with (
        TicketServer(world) as server,
        gate_before_window(server, tmp_path, privacy={"names": True}) as bench,
    ):

        async def scan(text: str) -> None:
            answer = await bench.scan(text)
            nonces.append(answer.scans[0].nonce)
            entries.extend(heard(journal))

        for mode in ScanType:
            await bench.parts.desk.set_mode(mode, origin="test")
            for position in positions[:30]:
                await scan(position.secret)
            await scan(forged)
        await bench.settled()
        await server.unplug()
        for position in positions[30:35]:
            await scan(position.secret)
        await scan(forged + "2")
        await server.plug()
        bench.parts.sync.push.back()
        await bench.settled()
        await bench.parts.sync.pull.once()
        entries.extend(heard(journal))

    scans = [entry for entry in entries if b"\nVERDICT=" in entry]
    fields = [dict(line.split("=", 1) for line in scan.decode().splitlines()) for scan in scans]
    assert [one["NONCE"] for one in fields] == nonces
    assert all(one.keys() >= PER_SCAN for one in fields)
    assert {one["VERDICT"] for one in fields} >= {"accepted", "refused"}
    assert {one["MODE"] for one in fields} == {"entry", "exit"}
    assert all(one["MS"].isdecimal() and one["STORE_MS"].isdecimal() for one in fields)
    whole = b"\n".join(entries).decode()
    secrets = [position.secret for position in positions] + [forged, "demo-token"]
    names = [position.attendee_name for position in positions if position.attendee_name]
    assert len(names) > 40
    assert [text for text in (*secrets, *names) if text in whole] == []
    # It was looked through whole, with what happened besides scans.
    assert "list pulled" in whole
    assert (tmp_path / "stderr").read_text(encoding="utf-8") == ""
