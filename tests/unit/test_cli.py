"""The commands as somebody types them, those that need no running gate."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import subprocess
import sys
import tracemalloc
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import segno

from gated import __version__
from gated.cli import cli, main
from gated.config import Policy
from gated.model import CheckinList, Listed, ScanType, State, Ticket
from gated.printing import scan_lines
from gated.store import Store, ledger, open_read_only, outbox, passes
from gated.store.outbox import Ending
from gated.store.redeem import Asking, Redemption, redeem
from gated.store.rows import stamp
from gated.store.tickets import Keeper
from gated.web.credentials import Credentials
from gated.web.guard import Role

if TYPE_CHECKING:
    from collections.abc import Sequence

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEAVY = ("picamera2", "gpiozero", "zxingcpp", "cv2")
FIVE_MISTAKES = """
[gate]
mode = "entrance"
again_s = -1
[server]
urll = "https://tickets.example.org"
[web]
port = "8080"
[pannel]
green = 17
"""


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def complaints(self) -> list[str]:
        return self.err.splitlines()


class Run(Protocol):
    def __call__(self, *arguments: str | Path) -> Said: ...


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command as `python -m gated` does."""

    def run(*arguments: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["gated", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return run


def written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


def code(file: Path, text: str) -> Path:
    """A picture with a QR code, or with nothing."""
    if text:
        segno.make_qr(text).save(str(file), scale=4, border=4)
    else:
        segno.make_qr("x").save(str(file), scale=4, dark="white")
    return file


def test_without_a_command_the_commands_are_listed(gated: Run) -> None:
    said = gated("--help")

    assert said.status == 0
    assert all(name in said.out for name in cli.commands)
    assert "gated demo" in said.out


@pytest.mark.parametrize("name", sorted(cli.commands))
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself(gated: Run, name: str, option: str) -> None:
    said = gated(name, option)

    assert (said.status, said.err) == (0, "")
    assert said.lines[0].startswith("Usage: ")
    assert f" {name} " in said.lines[0]
    assert len(said.lines) > 3


def test_the_version_is_told(gated: Run) -> None:
    assert gated("--version") == Said(0, f"gated, version {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["lock"], ["mode", "in"], ["read"], ["check-config"]])
def test_wrong_usage_is_told_with_status_2(gated: Run, arguments: list[str]) -> None:
    said = gated(*arguments)

    assert said.status == 2
    assert "Usage:" in said.err
    assert said.out == ""


SERVER = """[server]
url = "https://tickets.example.org"
organizer = "demo"
event = "conf"
checkin_lists = [1]
token_file = "{token}"
"""

LOADED = """
import sys
sys.argv = ["gated", *sys.argv[1:]]
from gated.cli import main
try:
    main()
finally:
    print("loaded:", *(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["check-config", "{config}"]], ids=" ".join
)
def test_what_needs_no_hardware_loads_nothing_of_it(tmp_path: Path, arguments: list[str]) -> None:
    config = written(tmp_path / "gated.toml", SERVER.format(token="/etc/gated/token"))
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            LOADED.format(heavy=HEAVY),
            *(argument.format(config=config) for argument in arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.stderr.splitlines() == ["loaded:"]
    assert ended.returncode == 0


def test_the_module_runs_as_the_command_does(tmp_path: Path) -> None:
    config = written(tmp_path / "gated.toml", FIVE_MISTAKES)
    ended = subprocess.run(
        [sys.executable, "-m", "gated", "check-config", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 78
    assert len(ended.stderr.splitlines()) == 5
    assert ended.stdout == ""


def test_a_good_config_is_fine(gated: Run, tmp_path: Path) -> None:
    token = written(tmp_path / "token", "made-up")
    config = written(tmp_path / "gated.toml", SERVER.format(token=token))

    assert gated("check-config", config) == Said(0, f"{config} is fine\n", "")


def test_a_config_without_its_token_is_fine_so_far(gated: Run, tmp_path: Path) -> None:
    config = written(tmp_path / "gated.toml", SERVER.format(token=tmp_path / "token"))
    said = gated("check-config", config)

    assert said == Said(0, f"{config} is fine; {tmp_path / 'token'} is not there yet\n", "")


def test_a_config_without_a_server_is_that_of_a_gate_to_be_enrolled(
    gated: Run, tmp_path: Path
) -> None:
    config = written(tmp_path / "gated.toml", f'[store]\npath = "{tmp_path}/gated.db"\n')
    said = gated("check-config", config)

    assert said.status == 0
    assert said.out == f"{config} is fine; the gate is still to be enrolled\n"


def test_five_mistakes_are_five_lines_and_stop_systemd(gated: Run, tmp_path: Path) -> None:
    config = written(tmp_path / "gated.toml", FIVE_MISTAKES)
    said = gated("check-config", config)

    assert said.status == 78
    assert said.out == ""
    assert len(said.complaints) == 5
    assert all(line.startswith(f"gated: {config}: [") for line in said.complaints)
    assert [line.split(": ")[2] for line in said.complaints] == [
        "[gate] mode",
        "[gate] again_s",
        "[server] urll",
        "[web] port",
        "[pannel]",
    ]


@pytest.mark.parametrize("arguments", [["check-config"], ["status", "-c"], ["run", "--config"]])
def test_a_missing_config_is_one_line(gated: Run, tmp_path: Path, arguments: list[str]) -> None:
    missing = tmp_path / "none.toml"

    assert gated(*arguments, missing) == Said(
        78, "", f"gated: {missing}: there is no such file (see config/gated.example.toml)\n"
    )


def test_the_config_may_be_named_by_the_environment(
    gated: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATED_CONFIG", str(tmp_path / "none.toml"))

    assert str(tmp_path / "none.toml") in gated("scans").err


def test_pictures_are_read_in_the_order_given(gated: Run, tmp_path: Path) -> None:
    first = code(tmp_path / "b.png", "first code")
    second = code(tmp_path / "a.png", "second code")
    empty = code(tmp_path / "c.png", "")

    assert gated("read", first, second, empty) == Said(
        0, f"{first}: first code  (all-on)\n{second}: second code  (all-on)\n{empty}: -\n", ""
    )


def test_a_folder_of_pictures_is_read_in_the_order_of_their_names(
    gated: Run, tmp_path: Path
) -> None:
    for name in ("b.png", "a.png"):
        code(tmp_path / name, name)
    written(tmp_path / "notes.txt", "no picture")
    (tmp_path / "guests.mp4").write_bytes(b"")

    assert gated("read", tmp_path).lines == [
        f"{tmp_path / 'a.png'}: a.png  (all-on)",
        f"{tmp_path / 'b.png'}: b.png  (all-on)",
    ]


def test_pictures_are_read_as_json_for_programs(gated: Run, tmp_path: Path) -> None:
    hostile = code(tmp_path / "a.png", 'line\nfeed \x1b[2J "Gäste"')
    empty = code(tmp_path / "b.png", "")
    said = gated("read", "--json", tmp_path)

    one, other = map(json.loads, said.lines)
    assert said.status == 0
    assert {**one, "ms": 0} == {
        "file": str(hostile),
        "texts": ['line\nfeed \x1b[2J "Gäste"'],
        "ms": 0,
        "pass": one["pass"],
    }
    assert {**other, "ms": 0} == {"file": str(empty), "texts": [], "ms": 0, "pass": ""}
    assert isinstance(one["ms"], float)
    assert one["ms"] > 0


def test_an_unreadable_picture_is_told_and_the_others_are_still_read(
    gated: Run, tmp_path: Path
) -> None:
    code(tmp_path / "a.png", "first code")
    bad = written(tmp_path / "b.png", "no picture")
    code(tmp_path / "c.png", "second code")
    said = gated("read", tmp_path)

    assert said.status == 1
    texts = [line.rpartition(": ")[2].removesuffix("  (all-on)") for line in said.lines]
    assert texts == ["first code", "second code"]
    assert said.err == f"gated: {bad} is not a picture that can be read\n"


def test_an_unreadable_picture_is_told_beside_the_json(gated: Run, tmp_path: Path) -> None:
    written(tmp_path / "a.png", "no picture")
    code(tmp_path / "b.png", "second code")
    said = gated("read", "--json", tmp_path)

    assert said.status == 1
    assert [json.loads(line)["texts"] for line in said.lines] == [["second code"]]
    assert len(said.complaints) == 1


def test_a_picture_that_is_not_there_is_wrong_usage(gated: Run, tmp_path: Path) -> None:
    said = gated("read", tmp_path / "none.png")

    assert said.status == 2
    assert "none.png" in said.err


def test_a_code_that_is_read_does_nothing_to_the_terminal(gated: Run, tmp_path: Path) -> None:
    hostile = code(tmp_path / "a.png", "\x1b[2J\r\nb.png: forged\x07")
    said = gated("read", hostile)

    assert said.out == f"{hostile}: \\x1b[2J\\r\\nb.png: forged\\x07  (all-on)\n"


def keep(store: Store, db: sqlite3.Connection, guests: Sequence[Listed]) -> None:
    all_list = CheckinList(id=1, name="All")
    passes.begin(db)
    passes.add(db, Keeper(store.vault), 1, guests)
    passes.finish(db, [all_list], at=NOON)


async def day(settings: Path) -> None:
    """Two guests come in, one of them twice, one leaves, and somebody shows an unknown code."""
    async with Store(settings.with_name("gated.db"), settings.with_name("gated.key")) as store:
        guests = [
            Listed(
                Ticket(position_id=number, order_code=f"ORDR{number}", item=1), f"secret {number}"
            )
            for number in (1, 2)
        ]
        await store.write(lambda db: keep(store, db, guests))
        shown = [
            ("secret 1", ScanType.ENTRY),
            ("secret 2", ScanType.ENTRY),
            ("secret 1", ScanType.ENTRY),
            ("secret 1", ScanType.EXIT),
            ("no ticket", ScanType.ENTRY),
        ]
        for minute, (secret, scan_type) in enumerate(shown):
            redemption = Redemption(
                nonce=f"nonce-{minute}",
                type=scan_type,
                secret_hash=store.vault.hash(secret),
                at=NOON + timedelta(minutes=minute),
                lists=(1,),
                policy=Policy(),
            )
            await store.write(partial(redeem, redemption=redemption, asking=Asking.AWAY))


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A config whose database nobody has opened yet."""
    return written(
        tmp_path / "gated.toml",
        f"""
        [gate]
        name = "North"
        [server]
        url = "https://tickets.example.org"
        organizer = "demo"
        event = "conf"
        checkin_lists = [1]
        token_file = "{tmp_path}/token"
        [store]
        path = "{tmp_path}/gated.db"
        [control]
        socket = "{tmp_path}/control.sock"
        """,
    )


@pytest.fixture
def after_a_day(settings: Path) -> Path:
    asyncio.run(day(settings))
    return settings


SCANS = [
    ("entry", "admit", "entered", "ORDR1", "waiting"),
    ("entry", "admit", "entered", "ORDR2", "waiting"),
    ("entry", "refuse", "already_redeemed", "ORDR1", "local"),
    ("exit", "admit", "left", "ORDR1", "waiting"),
    ("entry", "refuse", "invalid", "", "local"),
]
COLUMNS = ("type", "verdict", "reason", "order", "state")


def chosen(rows: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in COLUMNS) for row in rows]


def test_scans_are_listed_in_a_table_oldest_first(gated: Run, after_a_day: Path) -> None:
    said = gated("scans", "-c", after_a_day)

    assert (said.status, said.err) == (0, "")
    assert [line.split() for line in said.lines] == [
        [f"2026-11-22T12:0{minute}:00Z", *(word or "-" for word in words)]
        for minute, words in enumerate(SCANS)
    ]


def test_scans_are_listed_as_json_lines(gated: Run, after_a_day: Path) -> None:
    rows = [
        json.loads(line) for line in gated("scans", "-c", after_a_day, "--format", "jsonl").lines
    ]

    assert chosen(rows) == SCANS
    assert [row["nonce"] for row in rows] == [f"nonce-{minute}" for minute in range(5)]
    assert rows[0]["at"] == "2026-11-22T12:00:00.000000Z"
    assert rows[0]["position"] == 1
    assert rows[0]["list"] == 1
    assert rows[0]["attempts"] == 0
    assert rows[0]["sent_at"] is None


def test_scans_are_listed_as_csv_with_the_same_columns(gated: Run, after_a_day: Path) -> None:
    table = gated("scans", "-c", after_a_day, "--format", "csv").out
    lines = gated("scans", "-c", after_a_day, "--format", "jsonl").lines
    rows = list(csv.DictReader(io.StringIO(table)))

    assert chosen(rows) == SCANS
    assert list(rows[0]) == list(json.loads(lines[0]))


def test_no_scan_shows_a_secret(gated: Run, after_a_day: Path) -> None:
    for style in ("table", "csv", "jsonl"):
        assert "secret" not in gated("scans", "-c", after_a_day, "--format", style).out


def shelve(config: Path, *nonces: str) -> None:
    """Let the server have failed on these scans for too long."""

    async def work() -> None:
        database = config.with_name("gated.db")
        async with Store(database, config.with_name("gated.key")) as store:
            words = "the server failed on this request (500)"
            endings = [Ending(nonce, State.SHELVED, outbox.FAILED, words) for nonce in nonces]
            await store.write(partial(outbox.settle, endings=endings, at=NOON))

    asyncio.run(work())


def states(gated: Run, config: Path) -> dict[str, str]:
    lines = gated("scans", "-c", config, "--format", "jsonl").lines
    return {row["nonce"]: row["state"] for row in map(json.loads, lines)}


def acts(config: Path) -> list[tuple[str, str, str]]:
    with open_read_only(config.with_name("gated.db")) as db:
        return [(act.what, act.origin, act.detail) for act in ledger.acts(db)]


def test_the_shelf_is_listed_with_names_and_the_servers_words(
    gated: Run, after_a_day: Path
) -> None:
    assert gated("scans", "-c", after_a_day, "--shelved") == Said(0, "", "")
    shelve(after_a_day, "nonce-1", "nonce-3")

    said = gated("scans", "-c", after_a_day, "--shelved")

    assert said.status == 0
    assert [line.split()[0] for line in said.lines] == ["nonce-1", "nonce-3"]
    assert all(line.endswith("the server failed on this request (500)") for line in said.lines)
    lines = gated("scans", "-c", after_a_day, "--shelved", "--format", "jsonl").lines
    assert [json.loads(line)["nonce"] for line in lines] == ["nonce-1", "nonce-3"]


def test_a_scan_is_taken_off_the_shelf_to_be_told_again(gated: Run, after_a_day: Path) -> None:
    shelve(after_a_day, "nonce-1", "nonce-3")

    said = gated("scans", "retry", "nonce-1", "-c", after_a_day)

    assert (said.status, said.err) == (0, "")
    assert states(gated, after_a_day)["nonce-1"] == "waiting"
    assert states(gated, after_a_day)["nonce-3"] == "shelved"
    assert acts(after_a_day) == [("retry", "command", "nonce-1")]


def test_a_scan_on_the_shelf_is_settled_by_hand_with_a_reason(
    gated: Run, after_a_day: Path
) -> None:
    shelve(after_a_day, "nonce-1")

    said = gated("scans", "-c", after_a_day, "settle", "nonce-1", "--why", "entered by\n hand")

    assert (said.status, said.err) == (0, "")
    assert states(gated, after_a_day)["nonce-1"] == "local"
    assert acts(after_a_day) == [("settle", "command", "nonce-1: entered by hand")]
    assert "settled by hand: entered by hand" in gated("scans", "-c", after_a_day).out
    # The guest came in all the same.
    state = json.loads(gated("status", "-c", after_a_day, "--json").out)
    assert state["counts"]["inside"] == 1
    assert state["outbox"]["shelved"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["retry", "nonce-0"], 'no scan on the shelf is called "nonce-0"'),
        (["retry", ""], 'no scan on the shelf is called ""'),
        (["retry", "nonce-%"], 'no scan on the shelf is called "nonce-%"'),
        (["retry", "nonce"], '"nonce" begins the names of 2 scans: give more of it'),
        (["settle", "nonce-1", "--why", "  "], "say why the scan is settled"),
    ],
)
def test_what_is_not_on_the_shelf_is_said_and_nothing_is_done(
    gated: Run, after_a_day: Path, arguments: list[str], words: str
) -> None:
    shelve(after_a_day, "nonce-1", "nonce-3")
    before = states(gated, after_a_day)

    said = gated("scans", *arguments, "-c", after_a_day)

    assert said.status == 1
    assert len(said.complaints) == 1
    assert words in said.err
    assert states(gated, after_a_day) == before
    assert acts(after_a_day) == []


def test_a_name_may_be_cut_short_and_one_that_begins_another_is_itself(
    gated: Run, after_a_day: Path
) -> None:
    _rename(after_a_day, "nonce-3", "nonce-1-2")
    shelve(after_a_day, "nonce-1", "nonce-1-2")

    assert gated("scans", "retry", "nonce-1", "-c", after_a_day).status == 0
    assert states(gated, after_a_day)["nonce-1"] == "waiting"
    assert gated("scans", "retry", "non", "-c", after_a_day).status == 0
    assert states(gated, after_a_day)["nonce-1-2"] == "waiting"


def _rename(config: Path, old: str, new: str) -> None:
    with closing(sqlite3.connect(config.with_name("gated.db"))) as db, db:
        db.execute("UPDATE scans SET nonce = ? WHERE nonce = ?", (new, old))


def test_the_status_of_a_gate_that_does_not_run_comes_from_its_database(
    gated: Run, after_a_day: Path
) -> None:
    said = gated("status", "-c", after_a_day)
    facts = dict(line.split(maxsplit=1) for line in said.lines if ": " in line)

    assert (said.status, said.err) == (0, "")
    assert facts["North:"] == "not running, check-out"
    assert facts["people:"] == "2 in, 1 out here; 1 inside"
    assert facts["list:"].startswith("2 tickets, ")
    assert "1 Already checked in" in facts["refused:"]
    assert "1 Unknown ticket" in facts["refused:"]


def test_the_status_is_told_as_json_for_programs(gated: Run, after_a_day: Path) -> None:
    state = json.loads(gated("status", "-c", after_a_day, "--json").out)

    assert state["running"] is False
    assert state["gate"] == {"name": "North", "mode": "exit", "version": __version__}
    assert state["counts"]["in"] == 2
    assert state["counts"]["out"] == 1
    assert state["counts"]["inside"] == 1
    assert state["outbox"]["waiting"] == 3
    assert state["list"]["tickets"] == 2
    assert state["list"]["names"] == ["All"]


def test_looking_changes_nothing(gated: Run, after_a_day: Path) -> None:
    database = after_a_day.with_name("gated.db")
    before = database.read_bytes()

    for arguments in (["status"], ["status", "--json"], ["scans"]):
        assert gated(*arguments, "-c", after_a_day).status == 0

    assert database.read_bytes() == before


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"], ["scans"]])
def test_a_gate_that_never_ran_has_no_database_to_look_at(
    gated: Run, settings: Path, arguments: list[str]
) -> None:
    said = gated(*arguments, "-c", settings)

    assert said.status == 74
    assert len(said.complaints) == 1
    assert "there is no database at" in said.err
    assert not settings.with_name("gated.db").exists()


def test_the_mode_of_a_gate_that_does_not_run_cannot_be_switched(
    gated: Run, settings: Path
) -> None:
    said = gated("mode", "-c", settings, "entry")

    assert said.status != 0
    assert len(said.complaints) == 1
    assert said.err.startswith("gated: ")


def test_page_login_sets_a_pin_and_makes_a_token_that_is_shown_once(
    gated: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = tmp_path / "page-login"
    config = written(tmp_path / "gated.toml", f'[web]\nlogin_file = "{login}"\n')
    credentials = Credentials(login)

    monkeypatch.setattr("sys.stdin", io.StringIO("123456\n"))
    refused = gated("page-login", "--config", config, "set-pin", "--stdin")
    assert (refused.status, refused.err) == (1, "gated: too easy to guess: take another one\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("271828\n"))
    assert gated("page-login", "--config", config, "set-pin", "--stdin").status == 0
    assert credentials.role_of("271828") is Role.STAFF

    token = gated("page-login", "--config", config, "new-token").out.strip()
    assert credentials.role_of(token) is Role.ADMIN
    assert token not in login.read_text()
    assert gated("page-login", "--config", config, "remove", "admin").status == 0
    assert credentials.role_of(token) is Role.VIEW


LOUD = """
[signals.accepted]
steps = [{ s = 0.05, green = true, hz = 900 }]
[panel]
pin_factory = "mock"
[control]
socket = "/nowhere/control.sock"
"""


def test_the_panels_signals_are_listed_as_the_config_has_them(gated: Run, tmp_path: Path) -> None:
    file = written(tmp_path / "gated.toml", LOUD)

    said = gated("panel", "list", "-c", file)

    assert said.status == 0
    assert "accepted:      green: short; sound short; rising" in said.lines
    assert "refused:       red: long long; sound long; low" in said.lines
    assert "offline:       slow blinking" in said.lines


def test_a_signal_is_played_on_the_pins_where_no_gate_is_running(
    gated: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpiozero.pins.mock import MockPWMPin

    written_to: list[tuple[str, float]] = []
    write = MockPWMPin._set_state

    def noted(pin: Any, value: float) -> None:
        written_to.append((pin.info.name, float(value)))
        write(pin, value)

    monkeypatch.setattr(MockPWMPin, "_set_state", noted)
    file = written(tmp_path / "gated.toml", LOUD)

    said = gated("panel", "test", "accepted", "-c", file)

    assert said == Said(0, "accepted: Let the guest pass.\n", "")
    assert ("GPIO17", 1.0) in written_to
    assert ("GPIO18", 0.5) in written_to
    assert ("GPIO27", 1.0) not in written_to


def test_the_status_lamp_alone_says_error_though_the_config_is_wrong(
    gated: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpiozero.pins.mock import MockPWMPin

    touched: list[tuple[str, float]] = []
    write = MockPWMPin._set_state

    def noted(pin: Any, value: float) -> None:
        touched.append((pin.info.name, float(value)))
        write(pin, value)

    monkeypatch.setattr(MockPWMPin, "_set_state", noted)
    file = written(tmp_path / "gated.toml", LOUD + '[server]\nurl = "nonsense"\n')

    said = gated("panel", "status", "error", "--seconds", "0.01", "-c", file)

    assert said == Said(0, "error: The gate does not work: see the page.\n", "")
    assert {pin for pin, _ in touched} == {"GPIO24"}
    assert touched[-2:] == [("GPIO24", 1.0), ("GPIO24", 0.0)]


def test_a_wrong_panel_or_none_lights_nothing(gated: Run, tmp_path: Path) -> None:
    wrong = written(tmp_path / "wrong.toml", "[panel]\nstatus = 99\n")
    without = written(tmp_path / "without.toml", "[panel]\nstatus = false\n")

    assert "[panel] status" in gated("panel", "status", "error", "-c", wrong).err
    assert "no status lamp" in gated("panel", "status", "error", "-c", without).err
    assert "no pattern is called on" in gated("panel", "status", "on", "-c", without).err


def test_a_signal_that_there_is_not_is_told_with_those_that_there_are(
    gated: Run, tmp_path: Path
) -> None:
    said = gated("panel", "test", "welcome", "-c", written(tmp_path / "gated.toml", LOUD))

    assert said.status == 1
    assert "no signal is called welcome: accepted, attention, refused" in said.err


@pytest.mark.parametrize(
    ("arguments", "times"),
    [
        (("--since", "2026-11-22T12:00:01Z"), [1, 2, 3]),
        (("--until", "2026-11-22T12:00:02Z"), [0, 1]),
        (("--since", "2026-11-22T13:00:01+01:00", "--until", "2026-11-22T12:00:03Z"), [1, 2]),
        (("--reason", "invalid"), [3]),
        (("--reason", "invalid", "--until", "2026-11-22T12:00:03Z"), []),
    ],
)
def test_scans_are_chosen_by_time_and_reason(
    gated: Run, settings: Path, arguments: tuple[str, ...], times: list[int]
) -> None:
    at_times(settings, 4)
    said = gated("scans", "--config", settings, "--format", "jsonl", *arguments)

    found = [json.loads(line)["at"] for line in said.lines]
    assert found == [f"2026-11-22T12:00:0{number}.000000Z" for number in times]


def test_a_time_that_is_none_is_wrong_usage(gated: Run, settings: Path) -> None:
    said = gated("scans", "--config", settings, "--since", "yesterday")

    assert said.status == 2
    assert "write it as 2026-11-22T18:00" in said.err


def test_a_long_ledger_streams_without_growing(settings: Path) -> None:
    def peak(scans: int) -> int:
        at_times(settings, scans)
        with open_read_only(settings.parent / "gated.db") as db:
            tracemalloc.start()
            for line in scan_lines(ledger.every(db), "csv"):
                assert line
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        return most

    few, many = peak(1_000), peak(20_000)
    # 19,000 scans kept would be 10 MB; what Python itself sets aside comes and goes.
    assert many < few + 1_000_000


async def test_a_reader_who_dawdles_over_the_ledger_holds_up_no_write(settings: Path) -> None:
    folder = settings.parent
    await asyncio.to_thread(at_times, settings, 1_000)
    async with Store(folder / "gated.db", folder / "gated.key") as store:
        with open_read_only(folder / "gated.db") as db:
            reading = ledger.every(db)
            first = next(reading)
            newest = "UPDATE scans SET order_code = 'NEWER' WHERE id = (SELECT MAX(id) FROM scans)"
            await store.write(lambda writer: writer.execute(newest))
            with closing(sqlite3.connect(folder / "gated.db")) as other:
                # Only where nobody looks at what was before can the log start anew.
                busy, _, _ = other.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            scans = [first, *reading]
    assert not busy
    assert len({scan.nonce for scan in scans}) == len(scans) == 1_000
    assert scans[-1].order_code == "NEWER"


def test_stats_are_told_without_a_running_gate(gated: Run, after_a_day: Path) -> None:
    said = gated("stats", "--config", after_a_day, "--json")
    told = json.loads(said.out)

    words = gated("stats", "--config", after_a_day).out
    assert told["running"] is False
    assert f"{told['in']} in, {told['out']} out" in words
    assert sum(one["count"] for one in told["refused"].values()) > 0


def at_times(config: Path, number: int) -> None:
    """A ledger with a scan a second from noon on, every fourth one refused."""

    async def write() -> None:
        folder = config.parent
        async with Store(folder / "gated.db", folder / "gated.key") as store:
            await store.write(lambda db: db.execute("DELETE FROM scans"))
            await store.write(
                lambda db: db.executemany(
                    "INSERT INTO scans (nonce, sighting, type, list_id, order_code, secret_hash,"
                    " verdict, reason, at, dated, boot_id, monotonic_ns, eye, state)"
                    " VALUES (?1, ?1, 'exit', 1, 'ABCDE', x'00', ?2, ?3, ?4, ?4, '', 0, 'camera',"
                    " 'local')",
                    [
                        (
                            f"nonce-{one}",
                            "refuse" if one % 4 == 3 else "admit",
                            "invalid" if one % 4 == 3 else "left",
                            stamp(NOON + timedelta(seconds=one)),
                        )
                        for one in range(number)
                    ],
                )
            )

    asyncio.run(write())
