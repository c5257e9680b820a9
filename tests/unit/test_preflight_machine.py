"""The checks of files, disk and board: each is red for the right reason, and only then."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gated import config
from gated.clock import Clock
from gated.identity import Identity, IdentityFolder, laid_over
from gated.preflight import Here, Outcome, box, disk, files
from gated.preflight.here import Account, program
from gated.preflight.visit import Visit

GB = 10**9
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD, RED, UNKNOWN = Outcome.GOOD, Outcome.RED, Outcome.UNKNOWN


def put(root: Path, name: str, text: str = "") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def a_box(folder: Path, /, **more: Any) -> Here:
    """A box whose data lie in folder/data, and whose /sys and /proc are what a test puts there."""
    data = folder / "data"
    data.mkdir(exist_ok=True)
    document: dict[str, Any] = {"store": {"path": str(data / "gated.db")}, **more.pop("set", {})}
    more.setdefault("account", Account("gated", os.getuid(), frozenset({os.getgid()})))
    more.setdefault("program", lambda *_: None)
    return Here(config.parse(document), folder / "gated.toml", root=folder, **more)


def with_server(folder: Path, token: str = "abc") -> dict[str, Any]:
    return {
        "server": {
            "url": "https://tickets.example.org",
            "organizer": "demo",
            "event": "conf",
            "checkin_lists": [1],
            "token_file": str(put(folder, "token", token)),
        },
        "web": {"login_file": str(folder / "page-login")},
    }


def test_a_config_with_problems_is_red_with_all_of_them(tmp_path: Path) -> None:
    here = a_box(tmp_path, problems="[gate] mode: must be one of; [web] port: must be a number")
    found = files.config(here)

    assert (found.outcome, found.words) == (RED, here.problems)
    assert files.config(a_box(tmp_path)).outcome is GOOD


def test_a_config_that_the_service_may_not_read_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path, account=Account("gated", 54321, frozenset({54321})))
    put(tmp_path, "gated.toml").chmod(0o600)

    assert files.config(here).words == f"gated may not read {tmp_path / 'gated.toml'}"


def test_a_gate_without_a_token_is_not_enrolled(tmp_path: Path) -> None:
    found = files.enrolment(a_box(tmp_path))
    assert (found.outcome, found.words) == (RED, "not enrolled")
    assert found.remedy.startswith("show the gate the QR code")
    here = a_box(tmp_path, set=with_server(tmp_path))
    assert files.enrolment(here).outcome is GOOD
    (tmp_path / "token").unlink()
    assert files.enrolment(here).outcome is RED


def enrolled(folder: Path, **changes: Any) -> Here:
    """A gate that was enrolled by a QR code."""
    kept = IdentityFolder(a_box(folder).config.identity_folder)
    identity = Identity(
        url="https://tickets.example.org",
        organizer="demo",
        token_file=kept.put_token("abcdefgh"),
        **{"event": "conf", "lists": (1,), **changes},
    )
    kept.save(identity)
    here = a_box(folder)
    here.config = laid_over(here.config)
    return here


def test_a_gate_that_was_shown_its_devices_code_is_enrolled(tmp_path: Path) -> None:
    assert files.enrolment(enrolled(tmp_path)).outcome is GOOD


@pytest.mark.parametrize("spent", ["revoked", "lost"])
def test_a_device_whose_token_opens_nothing_any_more_is_red(tmp_path: Path, spent: str) -> None:
    found = files.enrolment(enrolled(tmp_path, spent=spent))

    assert (found.outcome, found.words) == (RED, f"the token of this gate's device is {spent}")


def test_enrolled_for_nothing_yet_is_red(tmp_path: Path) -> None:
    found = files.enrolment(enrolled(tmp_path, lists=()))

    assert found.outcome is RED
    assert "gated enrol --event" in found.remedy


def test_an_identity_that_everybody_may_look_into_is_red(tmp_path: Path) -> None:
    here = enrolled(tmp_path)
    assert files.secrets(here).outcome is GOOD
    here.config.identity_folder.chmod(0o755)

    assert files.secrets(here).outcome is RED


@pytest.mark.parametrize("name", ["token", "page-login", "data/gated.key"])
def test_a_secret_that_everybody_may_read_is_red(tmp_path: Path, name: str) -> None:
    here = a_box(tmp_path, set=with_server(tmp_path))
    for one in ("token", "page-login", "data/gated.key"):
        put(tmp_path, one, "Xyzzy42").chmod(0o640)
    assert files.secrets(here).outcome is GOOD
    (tmp_path / name).chmod(0o644)

    found = files.secrets(here)
    assert found.outcome is RED
    assert found.remedy == f"sudo chmod o= {tmp_path / name}"
    assert "Xyzzy42" not in found.words


def test_a_secret_that_the_service_may_not_read_is_red(tmp_path: Path) -> None:
    somebody = Account("gated", 54321, frozenset({54321}))
    here = a_box(tmp_path, set=with_server(tmp_path), account=somebody)
    (tmp_path / "token").chmod(0o600)

    found = files.secrets(here)
    assert (found.outcome, found.words) == (RED, f"gated may not read {tmp_path / 'token'}")


def test_a_data_folder_that_the_service_may_not_write_into_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    assert files.data_folder(here).outcome is GOOD
    here.account = Account("gated", 54321, frozenset({54321}))
    assert files.data_folder(here).words == f"gated may not write into {tmp_path / 'data'}"


def test_a_database_that_root_left_behind_is_red(tmp_path: Path) -> None:
    somebody = Account("gated", 54321, frozenset({54321}))
    here = a_box(tmp_path, account=somebody)
    (tmp_path / "data").chmod(0o777)
    put(tmp_path, "data/gated.db-wal").chmod(0o600)

    found = files.data_folder(here)
    assert found.outcome is RED
    assert found.remedy == f"sudo chown gated: {tmp_path / 'data' / 'gated.db-wal'}"


def test_a_data_folder_that_is_not_there_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    (tmp_path / "data").rmdir()

    assert files.data_folder(here).words == f"there is no {tmp_path / 'data'}"


def test_a_full_disk_is_red(tmp_path: Path) -> None:
    def usage(free: int) -> Callable[[Path], Any]:
        return lambda _: SimpleNamespace(total=30 * GB, free=free)

    full = disk.space(a_box(tmp_path, usage=usage(5_000_000)))
    assert full.outcome is RED
    assert full.words.startswith("5 MB of 30.0 GB free")
    assert disk.space(a_box(tmp_path, usage=usage(9 * GB))).outcome is GOOD


def test_there_must_be_room_for_the_copies_of_an_update(tmp_path: Path) -> None:
    here = a_box(tmp_path, usage=lambda _: SimpleNamespace(total=30 * GB, free=2 * GB))
    assert disk.space(here).outcome is GOOD
    with here.database.open("wb") as file:
        file.truncate(GB)  # a hole: it takes no room here

    assert disk.space(here).outcome is RED


def test_a_card_that_the_kernel_made_read_only_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    mounts = f"/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n/dev/mmcblk0p3 {tmp_path} ext4 {{}} 0 0\n"
    put(tmp_path, "proc/self/mounts", mounts.format("ro,noatime"))
    found = disk.writable(here)
    put(tmp_path, "proc/self/mounts", mounts.format("rw,errors=remount-ro"))

    assert found.outcome is RED
    assert "mmcblk0p3" in found.remedy
    assert disk.writable(here).outcome is GOOD


def test_of_two_mounts_on_one_place_the_later_counts(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    put(tmp_path, "proc/self/mounts", "/dev/a / ext4 ro 0 0\noverlay / overlay rw 0 0\n")

    assert disk.writable(here).outcome is GOOD


@pytest.mark.parametrize(("upper", "outcome"), [("tmpfs", RED), ("ext4", GOOD)])
def test_scans_that_go_to_an_overlay_in_memory_are_red(
    tmp_path: Path, upper: str, outcome: Outcome
) -> None:
    here = a_box(tmp_path)
    layers = "lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay,workdir=/media/root-rw/work"
    mounts = f"overlayroot / overlay rw,relatime,{layers} 0 0\nx /media/root-rw {upper} rw 0 0\n"
    put(tmp_path, "proc/self/mounts", mounts)

    assert disk.writable(here).outcome is outcome


@pytest.mark.parametrize(
    ("name", "text", "outcome"),
    [
        ("sys/fs/ext4/mmcblk0p2/errors_count", "0", GOOD),
        ("sys/fs/ext4/mmcblk0p2/errors_count", "3", RED),
        ("sys/block/mmcblk0/device/life_time", "0x02 0x01", GOOD),
        ("sys/block/mmcblk0/device/life_time", "0x02 0x0b", RED),
        ("sys/block/mmcblk0/device/pre_eol_info", "0x03", RED),
        ("sys/block/mmcblk0/device/name", "SC32G", UNKNOWN),
        # 0 is "not defined".
        ("sys/block/mmcblk0/device/life_time", "0x00 0x00", UNKNOWN),
    ],
)
def test_the_card_says_how_it_is(tmp_path: Path, name: str, text: str, outcome: Outcome) -> None:
    put(tmp_path, name, f"{text}\n")

    assert disk.card(a_box(tmp_path)).outcome is outcome


@pytest.mark.parametrize(("milli", "outcome"), [("61000", GOOD), ("84500", RED)])
def test_a_hot_board_is_red(tmp_path: Path, milli: str, outcome: Outcome) -> None:
    assert box.temperature(a_box(tmp_path)).outcome is UNKNOWN
    put(tmp_path, "sys/class/thermal/thermal_zone0/temp", milli)

    assert box.temperature(a_box(tmp_path)).outcome is outcome


@pytest.mark.parametrize(
    ("bits", "outcome", "words"),
    [
        ("0", GOOD, "never too low since the start"),
        ("50005", RED, "the voltage is too low, it is throttled"),
        ("50000", RED, "the voltage was too low since the start"),
        ("80000", GOOD, "well now; since the start: it is at its soft limit of temperature"),
    ],
)
async def test_low_voltage_is_red_also_when_it_is_over(
    tmp_path: Path, bits: str, outcome: Outcome, words: str
) -> None:
    put(tmp_path, "sys/devices/platform/soc/soc:firmware/get_throttled", bits)
    found = await box.power(a_box(tmp_path))

    assert (found.outcome, found.words) == (outcome, words)


@pytest.mark.parametrize(
    ("synchronised", "off_s", "outcome"),
    [
        (True, 0.0, GOOD),
        (True, None, GOOD),
        (True, 90.0, RED),
        (False, -3600.0, RED),
        (False, 0.0, GOOD),
        (False, None, RED),
    ],
)
async def test_a_clock_that_nobody_confirms_or_the_server_contradicts_is_red(
    tmp_path: Path, *, synchronised: bool, off_s: float | None, outcome: Outcome
) -> None:
    import asyncio

    clock = Clock(wall=lambda: NOON, synchronised=lambda: synchronised)
    here = a_box(tmp_path, set=with_server(tmp_path), clock=clock)
    here.visit = asyncio.get_running_loop().create_future()
    here.visit.set_result(Visit(off_s=off_s))

    assert (await box.clock(here)).outcome is outcome


UNIT = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "UnitFileState": "enabled",
    "WatchdogUSec": "15s",
    "NRestarts": "0",
    "Result": "success",
}


def systemd(manager: str = "0", **changes: str) -> Callable[..., str]:
    def run(*command: str) -> str:
        if "gated.service" in command:
            return "".join(f"{name}={value}\n" for name, value in (UNIT | changes).items())
        return f"RuntimeWatchdogUSec={manager}\n"

    return run


@pytest.mark.parametrize(
    ("changes", "outcome", "words"),
    [
        ({}, GOOD, "the service runs"),
        ({"NRestarts": "7"}, GOOD, "restarted 7 times"),
        ({"LoadState": "not-found"}, RED, "not installed"),
        ({"ActiveState": "failed", "Result": "watchdog"}, RED, "failed (watchdog)"),
        ({"UnitFileState": "disabled"}, RED, "will not after a restart"),
    ],
)
def test_a_service_that_does_not_run_or_will_not_is_red(
    tmp_path: Path, changes: dict[str, str], outcome: Outcome, words: str
) -> None:
    found = box.service(a_box(tmp_path, program=systemd(**changes)))

    assert found.outcome is outcome
    assert words in found.words


def test_without_systemd_nothing_is_said_of_it(tmp_path: Path) -> None:
    assert box.service(a_box(tmp_path)).outcome is UNKNOWN
    assert box.watchdog(a_box(tmp_path)).outcome is UNKNOWN


def test_a_unit_without_a_watchdog_is_red(tmp_path: Path) -> None:
    for none in ("0", "infinity"):
        found = box.watchdog(a_box(tmp_path, program=systemd(WatchdogUSec=none)))
        assert found.outcome is RED


def test_the_boards_own_watchdog_is_named(tmp_path: Path) -> None:
    put(tmp_path, "dev/watchdog")

    assert "a Pi that hangs is not" in box.watchdog(a_box(tmp_path, program=systemd())).words
    words = box.watchdog(a_box(tmp_path, program=systemd(manager="15s"))).words
    assert words.endswith("and so is a Pi that hangs")


def test_what_the_running_gate_complains_of_is_red(tmp_path: Path) -> None:
    def state(level: str) -> dict[str, Any]:
        return {"health": [{"part": "store", "level": level, "words": "the disk is full"}]}

    assert box.gate(a_box(tmp_path)).outcome is UNKNOWN
    assert box.gate(a_box(tmp_path, state=state("warning"))).outcome is GOOD
    found = box.gate(a_box(tmp_path, state=state("error")))
    assert (found.outcome, found.words) == (RED, "store: the disk is full")
    assert box.gate(a_box(tmp_path, silent="it said nothing for 15 s")).outcome is RED


def test_a_program_that_is_missing_or_fails_says_nothing() -> None:
    assert program("/nonexistent/program") is None
    assert program("false") is None
    assert program("echo", "yes") == "yes\n"


@pytest.mark.parametrize(
    ("mode", "uid", "groups", "may"),
    [
        (0o600, 1, (), True),
        (0o060, 1, (2,), False),  # the owner's bits count for the owner, also when they are less
        (0o060, 9, (2,), True),
        (0o006, 9, (2,), False),
        (0o006, 9, (3,), True),
        (0o000, 0, (), True),
    ],
)
def test_rights_are_told_as_the_kernel_does(
    mode: int, uid: int, groups: tuple[int, ...], *, may: bool
) -> None:
    status = os.stat_result((0o100000 | mode, 0, 0, 1, 1, 2, 0, 0, 0, 0))
    account = Account("x", uid, frozenset(groups))

    assert account.may(status, read=True, write=True) is may
