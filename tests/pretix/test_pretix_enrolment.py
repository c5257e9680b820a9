"""A gate becomes a device of a real pretix', and ceases to be one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from enrolling import FROM_NOTHING, unenrolled_gate
from pretix_gate import Watch
from pretix_office import Office
from pretix_server import Pretix
from rig import Process

from gated.config import Server
from gated.errors import DeviceRevoked, NotAuthorized
from gated.identity import IdentityFolder
from gated.model import Reason, Scan, State, Verdict
from gated.server.client import Client
from gated.store import ledger

pytest_plugins = ("pretix_fixtures",)
pytestmark = [pytest.mark.pretix, pytest.mark.timeout(180, func_only=True)]

# SQLite behind two busy workers is slower than any server at a venue.
PATIENT = {**FROM_NOTHING, "timeout_s": 20.0, "confirm_timeout_ms": 5000}
PROFILES = ["pretixscan", "full"]


def gate_from_nothing(folder: Path) -> Process:
    """A gate whose config names no server, as a process of its own."""
    folder.mkdir(exist_ok=True)
    return Process("", folder, server=PATIENT, gate={"mode": "entry"})


async def said(gate: Process, command: str, *arguments: str) -> str:
    """Run a command beside the gate, which must be content."""
    done = await asyncio.to_thread(gate.command, command, *arguments, timeout_s=90)
    assert done.returncode == 0, done.stderr + gate.log()
    return done.stdout


async def settled(gate: Process, *, scans: int) -> list[Scan]:
    """Wait until pretix knows of so many scans."""
    for _ in range(600):
        known = [scan for scan in gate.scans() if scan.state.settled]
        if len(known) == scans:
            return known
        await asyncio.sleep(0.1)
    raise AssertionError(gate.log())


@pytest.mark.parametrize("profile", PROFILES)
async def test_the_picture_of_a_devices_code_is_all_that_a_gate_needs(
    pretix: Pretix, tmp_path: Path, profile: str
) -> None:
    guest = pretix.fresh("door")
    async with Office(pretix) as office:
        made = await office.make_device("North gate", profile=profile, event="door")
    with gate_from_nothing(tmp_path) as gate:
        await asyncio.to_thread(gate.start, wait_for="waits to be enrolled")
        gate.feed(made.code)
        await asyncio.to_thread(gate.wait_for, "list pulled")
        gate.feed(guest.secret)
        (scan,) = await settled(gate, scans=1)
        log = gate.log()

    identity = IdentityFolder(tmp_path / "identity").load()
    assert identity is not None
    assert (identity.url, identity.organizer) == (pretix.url, "demo")
    assert (identity.event, identity.lists) == ("door", (pretix.lists["door"],))
    assert (identity.name, identity.profile) == ("North gate", profile)
    assert (scan.verdict, scan.reason, scan.state) == (
        Verdict.ADMIT,
        Reason.ENTERED,
        State.CONFIRMED,
    )
    assert [one["type"] for one in await pretix.checkins("door", "door", guest)] == ["entry"]
    there = await pretix.call("GET", f"devices/{identity.device_id}/")
    assert there.body["initialized"]
    assert there.body["software_brand"] == "gated"
    assert made.token not in log
    assert IdentityFolder(tmp_path / "identity").token(identity) not in log


@pytest.mark.parametrize("profile", PROFILES)
async def test_by_command_a_gate_is_enrolled_rolled_and_unenrolled(
    pretix: Pretix, tmp_path: Path, profile: str
) -> None:
    first, second = pretix.fresh("paid"), pretix.fresh("paid")
    async with Office(pretix) as office:
        made = await office.make_device("South gate", profile=profile)
    folder = IdentityFolder(tmp_path / "identity")
    with gate_from_nothing(tmp_path) as gate:
        await asyncio.to_thread(gate.start, wait_for="waits to be enrolled")
        by_code = ("--url", pretix.url, "--token", made.token)
        # For all events, each with lists: which one it is for, a person says.
        asked = await said(gate, "enrol", *by_code)
        number = str(pretix.lists["all"])
        told = await said(gate, "enrol", "--event", "conf", "--list", number)
        await asyncio.to_thread(gate.wait_for, "list pulled")
        gate.feed(first.secret)
        await settled(gate, scans=1)

        before = folder.load()
        assert before is not None
        token = folder.token(before)
        await said(gate, "roll-token")
        await asyncio.to_thread(gate.wait_for, "list pulled", more_than=1)
        gate.feed(second.secret)
        scans = await settled(gate, scans=2)
        after = folder.load()
        assert after is not None
        is_other = folder.token(after) != token
        server = Server(url=pretix.url, organizer="demo", event="conf", checkin_lists=(1,))
        async with Client(server, token) as old:
            with pytest.raises(NotAuthorized):
                await old.get("/api/v1/device/info")

        left = await said(gate, "unenrol", "--yes")
        await asyncio.to_thread(gate.wait_for, "waits to be enrolled", more_than=1)
        tried = await asyncio.to_thread(gate.command, "enrol", *by_code, timeout_s=90)

    assert "now say what it is for" in asked
    assert f"--event conf --list {number}" in asked
    assert f"for event conf, check-in lists {number}" in told
    assert is_other
    assert [scan.state for scan in scans] == [State.CONFIRMED] * 2
    for guest in (first, second):
        assert [one["type"] for one in await pretix.checkins("conf", "all", guest)] == ["entry"]
    there = await pretix.call("GET", f"devices/{after.device_id}/")
    assert there.body["revoked"]
    assert "enrolled nowhere" in left
    # Each code is good once, for good.
    assert tried.returncode != 0
    assert "this code was used before" in tried.stderr
    assert "make a new device at the server" in tried.stderr
    assert folder.load() is None


async def test_a_code_is_good_for_one_gate_only_and_a_gate_for_one_code(
    pretix: Pretix, tmp_path: Path
) -> None:
    async with Office(pretix) as office:
        made = await office.make_device("First gate", profile="pretixscan", event="door")
        other = await office.make_device("Other", profile="pretixscan", event="door")
    by_code = ("--url", pretix.url, "--token")
    one, another = gate_from_nothing(tmp_path / "one"), gate_from_nothing(tmp_path / "another")
    # No daemon runs: the command does it alone.
    await said(one, "enrol", *by_code, made.token)
    again = await asyncio.to_thread(another.command, "enrol", *by_code, made.token, timeout_s=90)
    over = await asyncio.to_thread(one.command, "enrol", *by_code, other.token, timeout_s=90)
    unknown = await asyncio.to_thread(another.command, "enrol", *by_code, "nothing", timeout_s=90)

    assert [done.returncode != 0 for done in (again, over, unknown)] == [True] * 3
    assert "make a new device at the server and show its code" in again.stderr
    assert "this gate is enrolled at 127.0.0.1" in over.stderr
    assert "the server does not know this code" in unknown.stderr
    assert IdentityFolder(tmp_path / "another" / "identity").load() is None
    assert IdentityFolder(tmp_path / "another" / "identity").intent() is None


async def test_revoked_at_pretix_a_gate_forgets_the_list_keeps_its_scans_and_takes_a_new_device(
    pretix: Pretix, tmp_path: Path
) -> None:
    hands = Watch()
    first, second = pretix.fresh("door"), pretix.fresh("door")
    async with (
        Office(pretix) as office,
        unenrolled_gate(tmp_path, hands=hands, server=PATIENT) as gate,
    ):
        made = await office.make_device("West gate", profile="pretixscan", event="door")
        await gate.waiting()
        gate.window.hold_up(made.code)
        parts = await gate.works()
        await office.revoke(made)
        # Told of it once: that alone takes nothing away, guests pass by the list.
        shown = await gate.scan(first.secret)
        while (access := parts.health.of("access")) is None or not access.level:
            await asyncio.sleep(0.05)
        hands.advance(601)
        with pytest.raises(DeviceRevoked):
            await parts.sync.pull.once()
        waiting = await gate.waiting()
        state = await waiting.overview.state()
        kept = await waiting.store.read(lambda db: list(ledger.every(db)))
        tickets = await waiting.store.read(
            lambda db: db.execute("SELECT COUNT(*) FROM tickets").fetchone()[0]
        )

        new = await office.make_device("West gate, anew", profile="pretixscan", event="door")
        gate.window.hold_up(new.code)
        await gate.works()
        again = await gate.scan(second.secret)
        for one in (first, second):
            while not await pretix.checkins("door", "door", one):
                await asyncio.sleep(0.1)

    assert shown.decision.verdict is again.decision.verdict is Verdict.ADMIT
    assert state["enrolment"]["state"] == "revoked"
    assert [scan.state for scan in kept] == [State.WAITING]
    assert tickets == 0
    for one in (first, second):
        assert [c["type"] for c in await pretix.checkins("door", "door", one)] == ["entry"]
