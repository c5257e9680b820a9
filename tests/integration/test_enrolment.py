"""Enrolment step by step: what it asks, writes down, refuses, loses, and lets go of."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from enrolling import CODE, Alone, code, device, standing, ticket_server
from rig import Hands

from gated.config import parse
from gated.errors import DeviceRevoked, EnrolmentRefused, NotAuthorized, ServerUnreachable
from gated.health import Health
from gated.identity import laid_over
from gated.model import State
from gated.server.token import read_token
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.store import home
from gated.sync.revocation import APART_S, Revocation

OWED = (
    "INSERT INTO scans (nonce, sighting, type, list_id, position_id, order_code, secret_hash,"
    " verdict, reason, at, dated, boot_id, monotonic_ns, eye, state) VALUES"
    " ('n1', 'n1', 'entry', 1, 7, 'ABCDE', x'00', 'admit', 'entered',"
    " '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:00.000000Z', 'b', 1, 'camera', 'waiting')"
)


def files(folder: Path) -> dict[str, int]:
    """What lies in the identity's folder, with the mode of each."""
    return {path.name: path.stat().st_mode & 0o777 for path in (folder / "identity").iterdir()}


async def owe(alone: Alone) -> None:
    """A scan that the server was not told of."""
    await alone.store.write(lambda db: db.execute(OWED))


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_code_becomes_a_token_and_the_only_list_is_taken(
    tmp_path: Path, dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with ticket_server(dialect) as server, standing(tmp_path) as alone:
        identity = await alone.enrolment.enrol(code(server), origin="command")
        known = laid_over(alone.settings).server
        acts = await alone.acts()

    made = device(server)
    assert (identity.event, identity.lists) == ("conf", (1,))
    assert (known.url, known.organizer, known.event) == (server.url, "demo", "conf")
    assert known.checkin_lists == (1,)
    assert read_token(known) == made.api_token
    assert made.software["software_brand"] == "gated"
    assert [(act.what, act.origin) for act in acts] == [
        ("enrolled", "command"),
        ("chosen", "command"),
    ]
    assert alone.changes == ["anew"]
    assert (tmp_path / "identity").stat().st_mode & 0o777 == 0o700
    assert set(files(tmp_path).values()) == {0o600}
    assert "intent.json" not in files(tmp_path)
    everything = caplog.text + repr(acts) + repr(identity)
    assert made.api_token not in everything
    assert CODE not in everything


async def test_with_several_lists_a_person_chooses_and_only_of_those(tmp_path: Path) -> None:
    async with ticket_server(lists=2) as server, standing(tmp_path) as alone:
        identity = await alone.enrolment.enrol(code(server), origin="camera")
        choices = alone.enrolment.choices
        assert not identity.chosen
        assert not laid_over(alone.settings).server.event
        with pytest.raises(EnrolmentRefused, match="has no check-in list 99: choose of 1 "):
            await alone.enrolment.choose("conf", [99], origin="page")
        chosen = await alone.enrolment.choose("conf", [2, 1], origin="page")

    assert [(one.event, one.list_id) for one in choices] == [("conf", 1), ("conf", 2)]
    assert chosen.lists == (2, 1)
    assert alone.enrolment.choices == ()


async def test_what_config_or_command_name_is_chosen_without_a_question(tmp_path: Path) -> None:
    for name in ("config", "command"):
        (tmp_path / name).mkdir()
    async with ticket_server(lists=2) as server:
        async with standing(tmp_path / "config", checkin_lists=[2]) as alone:
            identity = await alone.enrolment.enrol(code(server), origin="camera")
            assert identity.lists == (2,)
        server.world.add_device("Another", initialization_token="another")
        async with standing(tmp_path / "command") as alone:
            another = code(server, "another")
            identity = await alone.enrolment.enrol(another, origin="command", lists=[2])
            assert identity.lists == (2,)


async def test_a_device_of_one_of_the_servers_gates_is_told_its_list(tmp_path: Path) -> None:
    async with ticket_server(lists=2) as server, standing(tmp_path) as alone:
        device(server).gate = 4
        identity = await alone.enrolment.enrol(code(server), origin="camera")

    assert identity.lists == (1,)


@pytest.mark.parametrize(
    ("token", "sentence"),
    [
        (
            "demo-unknown",
            "the server does not know this code: have it show the device's code again",
        ),
        ("used", "this code was used before, and each is good once: make a new device"),
    ],
)
async def test_a_code_that_the_server_does_not_take_changes_nothing(
    tmp_path: Path, token: str, sentence: str
) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        used = server.world.add_device("Used", initialization_token="used")
        used.api_token = "somebody-has-it"
        with pytest.raises(EnrolmentRefused, match=sentence):
            await alone.enrolment.enrol(code(server, token), origin="camera")
        assert alone.enrolment.identity is None
        assert files(tmp_path) == {}
        (act,) = await alone.acts()

    assert act.what == "enrol_refused"
    assert sentence in act.detail
    assert token not in act.detail.replace("used before", "")


async def test_a_second_enrolment_is_refused_unless_an_admin_says_so(tmp_path: Path) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        server.world.add_device("South gate", initialization_token="south")
        await alone.enrolment.enrol(code(server), origin="camera")
        with pytest.raises(EnrolmentRefused, match=r"enrolled at 127.0.0.1:.* as 'North gate'"):
            await alone.enrolment.enrol(code(server, "south"), origin="camera")
        assert not device(server, "south").api_token
        replaced = await alone.enrolment.enrol(code(server, "south"), origin="page", replace=True)

    assert replaced.name == "South gate"


async def test_another_server_than_the_configs_needs_an_admins_word(tmp_path: Path) -> None:
    async with (
        ticket_server() as server,
        standing(tmp_path, url="https://tickets.example.org") as alone,
    ):
        with pytest.raises(EnrolmentRefused, match=r"the config expects tickets.example.org"):
            await alone.enrolment.enrol(code(server), origin="camera")
        assert not server.requests.matching("initialize")
        identity = await alone.enrolment.enrol(code(server), origin="page", other_server=True)
        known = laid_over(alone.settings).server

    assert identity.url == known.url == server.url


async def test_a_token_of_the_configs_wins_and_cannot_be_enrolled_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command")
        mine = tmp_path / "mine"
        mine.mkdir()
        (mine / "token").write_text("by-systemd\n", encoding="ascii")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(mine))
        by_systemd = laid_over(alone.settings)
        with pytest.raises(EnrolmentRefused, match="has its token from its config"):
            await alone.enrolment.enrol(code(server), origin="page", replace=True)
        monkeypatch.delenv("CREDENTIALS_DIRECTORY")

    assert by_systemd.server.token_file == str(mine / "token")
    with_file = parse(
        {
            "server": {
                "url": "https://tickets.example.org",
                "organizer": "o",
                "event": "e",
                "checkin_lists": [5],
                "token_file": "/etc/gated/token",
            },
            "store": {"path": str(tmp_path / "gated.db")},
        }
    )
    assert laid_over(with_file) is with_file


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_COMMIT, Fault.CAPTIVE_PORTAL])
async def test_an_answer_that_never_was_is_asked_for_again(tmp_path: Path, fault: Fault) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        server.faults.add(fault, times=1, path="initialize")
        with pytest.raises(Exception, match="the server"):
            await alone.enrolment.enrol(code(server), origin="camera")
        assert "intent.json" in files(tmp_path)
        assert CODE not in repr(alone.enrolment.folder.intent())
        await alone.enrolment.resume()
        identity = alone.enrolment.identity

    assert identity is not None
    assert identity.chosen
    assert "intent.json" not in files(tmp_path)


@pytest.mark.parametrize("fault", [Fault.RESET_AFTER_COMMIT, Fault.TRUNCATED_BODY])
async def test_an_answer_that_was_lost_needs_a_new_device(tmp_path: Path, fault: Fault) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        server.faults.add(fault, times=1, path="initialize")
        with pytest.raises(ServerUnreachable):
            await alone.enrolment.enrol(code(server), origin="camera")
        with pytest.raises(EnrolmentRefused, match=r"lost on the way.*make a new device"):
            await alone.enrolment.resume()
        acts = await alone.acts()
        assert files(tmp_path) == {}
        server.world.add_device("New", initialization_token="new")
        identity = await alone.enrolment.enrol(code(server, "new"), origin="camera")

    assert ("token_lost", "camera") in [(act.what, act.origin) for act in acts]
    assert identity.name == "New"


async def test_without_a_connection_nothing_is_pending(tmp_path: Path) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        await server.unplug()
        with pytest.raises(ServerUnreachable, match="no connection"):
            await alone.enrolment.enrol(code(server), origin="camera")

    assert files(tmp_path) == {}


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_rolled_token_takes_the_place_of_the_old_one(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with ticket_server(dialect) as server, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command")
        old = device(server).api_token
        await alone.enrolment.roll(origin="command")
        token = read_token(laid_over(alone.settings).server)
        acts = await alone.acts()

    assert token == device(server).api_token != old
    assert acts[-1].what == "rolled"
    assert len([name for name in files(tmp_path) if name.startswith("token")]) == 1


async def test_of_a_roll_without_an_answer_the_old_token_tells_whether_it_was_done(
    tmp_path: Path,
) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command")
        server.faults.add(Fault.RESET_BEFORE_COMMIT, times=1, path="roll")
        with pytest.raises(ServerUnreachable):
            await alone.enrolment.roll(origin="command")
        assert "intent.json" not in files(tmp_path)
        assert read_token(laid_over(alone.settings).server) == device(server).api_token

        server.faults.add(Fault.RESET_AFTER_COMMIT, times=1, path="roll")
        with pytest.raises(EnrolmentRefused, match="make a new device"):
            await alone.enrolment.roll(origin="command")
        identity = alone.enrolment.identity
        # It goes on by its list, and a new device needs no further leave.
        assert laid_over(alone.settings).server.event == "conf"
        server.world.add_device("New", initialization_token="new")
        new = await alone.enrolment.enrol(code(server, "new"), origin="page")

    assert identity is not None
    assert identity.spent == "lost"
    assert (new.name, new.lists, new.spent) == ("New", (1,), "")


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_unenrolled_the_device_is_revoked_the_list_wiped_and_scans_are_kept(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with ticket_server(dialect) as server, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command")
        await owe(alone)
        await alone.store.write(lambda db: db.execute("INSERT INTO checkin_lists VALUES (1, '{}')"))
        await alone.enrolment.unenrol(origin="command")
        left = await alone.store.read(
            lambda db: db.execute("SELECT COUNT(*) FROM checkin_lists").fetchone()[0]
        )
        owed = await alone.store.read(home.unsettled)
        act = (await alone.acts())[-1]

    assert device(server).rights.revoked
    assert files(tmp_path) == {}
    assert (left, owed) == (0, 1)
    assert (act.what, act.origin, act.detail) == ("unenrolled", "command", "1 scans kept")


async def test_without_the_server_a_gate_is_unenrolled_only_on_demand(tmp_path: Path) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command")
        await server.unplug()
        with pytest.raises(ServerUnreachable):
            await alone.enrolment.unenrol(origin="command")
        assert alone.enrolment.identity
        await alone.enrolment.unenrol(origin="command", offline=True)
        assert not alone.enrolment.identity

    assert not device(server).rights.revoked


async def test_scans_owed_to_one_server_are_not_taken_to_another(tmp_path: Path) -> None:
    async with ticket_server() as server, ticket_server() as other, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command")
        await owe(alone)
        await alone.enrolment.unenrol(origin="command")
        with pytest.raises(EnrolmentRefused, match=r"1 scans are still to be told to 127.0.0.1"):
            await alone.enrolment.enrol(code(other), origin="camera")
        assert not device(other).api_token
        gone = await alone.enrolment.let_go(["n1"], "exported to scans.jsonl", origin="command")
        identity = await alone.enrolment.enrol(code(other), origin="camera")
        row = await alone.store.read(
            lambda db: dict(
                db.execute("SELECT state, position_id, order_code FROM scans").fetchone()
            )
        )

    assert gone == 1
    assert identity.url == other.url
    # It stays in the ledger, but is about nobody on the other server's list.
    assert row == {"state": State.LOCAL, "position_id": None, "order_code": "ABCDE"}


async def test_a_revoked_gate_forgets_token_and_list_and_takes_up_its_lists_again(
    tmp_path: Path,
) -> None:
    async with ticket_server(lists=2) as server, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command", lists=[2])
        await owe(alone)
        await alone.enrolment.revoked()
        assert not laid_over(alone.settings).server.token_file
        assert [name for name in files(tmp_path) if name.startswith("token")] == []
        server.world.add_device("New", initialization_token="new")
        again = await alone.enrolment.enrol(code(server, "new"), origin="camera")
        owed = await alone.store.read(home.unsettled)

    assert (again.event, again.lists, owed) == ("conf", (2,), 1)


async def test_revoked_is_only_what_the_api_calls_so(tmp_path: Path) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command")
        token = device(server).api_token
        server.world.tokens.pop(token)
        with pytest.raises(NotAuthorized) as invalid:
            await alone.enrolment.roll(origin="command")
        server.world.tokens[token] = device(server).rights
        device(server).rights.revoked = True
        with pytest.raises(DeviceRevoked):
            await alone.enrolment.roll(origin="command")

    assert not isinstance(invalid.value, DeviceRevoked)


async def test_revoked_is_believed_when_told_twice_ten_minutes_apart() -> None:
    hands, health = Hands(), Health()
    believed: list[str] = []

    async def believe() -> None:
        believed.append("wiped")

    revocation = Revocation(hands.clock, health, believe=believe)
    running = asyncio.create_task(revocation.run())
    revocation.heard()
    hands.advance(APART_S - 5)
    revocation.heard()
    await asyncio.sleep(0.02)
    assert believed == []
    # A welcome in between: it was something else, and the ten minutes begin anew.
    revocation.welcomed()
    assert health.of("access") is not None
    hands.advance(APART_S)
    revocation.heard()
    await asyncio.sleep(0.02)
    assert believed == []
    hands.advance(APART_S + 1)
    revocation.heard()
    await asyncio.wait_for(running, 5)

    assert believed == ["wiped"]


async def test_the_server_is_told_of_another_version_of_gated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ticket_server() as server, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command")
        for module in ("gated.enrolment", "gated.server.device"):
            monkeypatch.setattr(f"{module}.__version__", "99.0")
        running = asyncio.create_task(alone.enrolment.run())
        while device(server).software["software_version"] != "99.0":
            await asyncio.sleep(0.01)
        running.cancel()


async def test_a_damaged_identity_is_told_in_one_sentence(tmp_path: Path) -> None:
    from gated.errors import StoreError

    async with ticket_server() as server, standing(tmp_path) as alone:
        await alone.enrolment.enrol(code(server), origin="command")
        (tmp_path / "identity" / "identity.json").write_text("{", encoding="utf-8")
        with pytest.raises(StoreError, match="is damaged: move it away and enrol the gate anew"):
            laid_over(alone.settings)
