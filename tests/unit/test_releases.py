"""Releases side by side, and the switch from one to the next and back."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from gated import config
from gated.errors import ReleaseError
from gated.releases import Releases
from gated.store import Store, copies

SCHEMA = resources.files("gated.store") / "schema"
KNOWN = len(list(SCHEMA.iterdir()))


class Service:
    """Starts what `current` points to, which is ready only if it is one of `good`."""

    def __init__(self, prefix: Path, good: set[str], database: Path) -> None:
        self.told: list[tuple[str, str]] = []
        self.good = good
        self.migrates_to = 0
        self._prefix = prefix
        self._database = database

    def __call__(self, verb: str, unit: str) -> bool:
        assert unit == "gated.service"
        current = (self._prefix / "current").resolve().name
        self.told.append((verb, current))
        if verb == "restart" and self.migrates_to and current not in self.good:
            with closing(sqlite3.connect(self._database)) as db, db:
                db.execute(f"PRAGMA user_version = {self.migrates_to}")
        return verb == "stop" or current in self.good


class Box:
    """/opt/gated and /var/lib/gated of a Pi."""

    def __init__(self, folder: Path) -> None:
        self.prefix = folder / "opt"
        self.settings = config.parse({"store": {"path": str(folder / "gated.db")}})
        self.database = Path(self.settings.store.path)
        self.service = Service(self.prefix, {"1.0", "1.1"}, self.database)
        self.releases = Releases(self.prefix, service=self.service)

    def install(self, version: str, schema: int = KNOWN) -> None:
        folder = self.prefix / "releases" / version
        steps = folder / "lib/python3.11/site-packages/gated/store/schema"
        steps.mkdir(parents=True)
        for number in range(schema):
            (steps / f"{number:03}.sql").touch()
        (folder / "bin").mkdir()
        (folder / "bin" / "gated").touch()

    @property
    def current(self) -> str:
        return (self.prefix / "current").resolve().name


@pytest.fixture
async def box(tmp_path: Path) -> Box:
    box = Box(tmp_path)
    async with Store(box.database, box.settings.key_file):
        pass
    return box


def test_the_first_release_is_put_in_place_and_started(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.install("1.0")
    box.releases.activate("1.0", box.settings)

    assert box.current == "1.0"
    assert box.service.told == [("restart", "1.0")]


def test_a_gate_that_is_not_set_up_is_not_started(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.install("1.0")
    box.releases.activate("1.0", None)

    assert box.current == "1.0"
    assert box.service.told == []


def test_an_update_switches_when_the_new_one_is_ready(box: Box) -> None:
    for version in ("1.0", "1.1"):
        box.install(version)
        box.releases.activate(version, box.settings)

    assert [(one.version, one.is_current, one.is_previous) for one in box.releases.installed()] == [
        ("1.0", False, True),
        ("1.1", True, False),
    ]
    assert box.service.told[1:] == [("stop", "1.0"), ("restart", "1.1")]


def test_an_update_that_does_not_become_ready_goes_back_by_itself(box: Box) -> None:
    box.install("1.0")
    box.releases.activate("1.0", box.settings)
    box.install("1.2", schema=KNOWN + 1)
    box.service.migrates_to = KNOWN + 1

    with pytest.raises(ReleaseError, match=r"1\.2 did not become ready; 1\.0 is at work again"):
        box.releases.activate("1.2", box.settings)

    assert box.current == "1.0"
    assert box.service.told[-1] == ("restart", "1.0")
    assert copies.schema(box.database) == KNOWN


def test_what_could_be_gone_back_to_before_a_failed_update_still_can_be(box: Box) -> None:
    for version in ("1.0", "1.1", "1.2"):
        box.install(version)
    box.releases.activate("1.0", box.settings)
    box.service.good.remove("1.1")
    with pytest.raises(ReleaseError):
        box.releases.activate("1.1", box.settings)
    with pytest.raises(ReleaseError, match="no release before this one"):
        box.releases.roll_back(box.settings)

    box.service.good.add("1.1")
    box.releases.activate("1.1", box.settings)
    with pytest.raises(ReleaseError):
        box.releases.activate("1.2", box.settings)
    assert box.releases.roll_back(box.settings) == "1.0"


def test_scans_of_a_failed_update_are_not_thrown_away(box: Box) -> None:
    box.install("1.0")
    box.releases.activate("1.0", box.settings)
    box.install("1.2", schema=KNOWN + 1)
    box.service.migrates_to = KNOWN + 1
    good = box.service.__call__

    def scan_then_fail(verb: str, unit: str) -> bool:
        if verb == "restart" and box.current == "1.2":
            _record_a_scan(box.database)
        return good(verb, unit)

    with pytest.raises(ReleaseError, match="after recording scans"):
        Releases(box.prefix, service=scan_then_fail).activate("1.2", box.settings)

    assert copies.last_scan(box.database) == 1


def test_a_database_that_cannot_be_brought_up_to_date_stops_the_update(box: Box) -> None:
    box.install("1.0")
    box.releases.activate("1.0", box.settings)
    with closing(sqlite3.connect(box.database)) as db, db:
        db.execute("PRAGMA user_version = 999")
    box.install("1.1")

    with pytest.raises(ReleaseError, match="could not be brought up to date"):
        box.releases.activate("1.1", box.settings)

    assert box.current == "1.0"
    assert box.service.told == [("restart", "1.0")]
    assert not list(box.database.parent.glob(".rehearsal-*"))


def test_what_the_new_release_would_not_get_over_stops_the_update(box: Box) -> None:
    box.install("1.0")
    box.releases.activate("1.0", box.settings)
    box.install("1.1")
    box.settings.key_file.chmod(0o644)

    with pytest.raises(ReleaseError, match=r"nothing was changed\. secrets: everybody .* may read"):
        box.releases.activate("1.1", box.settings)

    assert box.current == "1.0"
    assert box.service.told == [("restart", "1.0")]
    assert not list(box.database.parent.glob(".rehearsal-*"))


def test_a_key_that_does_not_fit_the_database_stops_the_update(box: Box) -> None:
    box.install("1.0")
    box.releases.activate("1.0", box.settings)
    box.install("1.1")
    box.settings.key_file.write_bytes(bytes(64))

    with pytest.raises(ReleaseError, match="does not belong to this database"):
        box.releases.activate("1.1", box.settings)


def test_what_is_red_for_another_reason_is_told_and_stops_nothing(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    for version in ("1.0", "1.1"):
        box.install(version)
        box.releases.activate(version, box.settings)

    assert box.current == "1.1"
    assert "enrolment: not enrolled" in caplog.messages


def test_going_back_is_one_command(box: Box) -> None:
    for version in ("1.0", "1.1"):
        box.install(version)
        box.releases.activate(version, box.settings)

    assert box.releases.roll_back(box.settings) == "1.0"
    assert box.current == "1.0"
    assert box.releases.roll_back(box.settings) == "1.1"


def test_going_back_over_a_new_schema_forgets_scans_only_when_told_so(box: Box) -> None:
    box.install("1.0", schema=KNOWN)
    box.releases.activate("1.0", box.settings)
    box.service.good.add("1.2")
    box.install("1.2", schema=KNOWN + 1)
    box.releases.activate("1.2", box.settings)
    with closing(sqlite3.connect(box.database)) as db, db:
        db.execute(f"PRAGMA user_version = {KNOWN + 1}")
    _record_a_scan(box.database)

    with pytest.raises(ReleaseError, match="forgets 1 scans"):
        box.releases.roll_back(box.settings)
    assert box.current == "1.2"

    assert box.releases.roll_back(box.settings, lose_scans=True) == "1.0"
    assert copies.schema(box.database) == KNOWN
    assert copies.last_scan(box.database) == 0
    assert copies.last_scan(box.database.with_name("gated.db.of-1.2")) == 1


def test_of_old_releases_one_is_kept_besides_the_two_at_hand(box: Box) -> None:
    box.service.good |= {"1.2", "1.3", "1.4"}
    for number, version in enumerate(("1.0", "1.1", "1.2", "1.3")):
        box.install(version)
        os.utime(box.prefix / "releases" / version, (number, number))
        box.database.with_name(f"gated.db.before-{version}").touch()
        box.releases.activate(version, box.settings)
    half = box.prefix / "releases" / ".gone-0.9"
    half.mkdir()
    box.install("1.4")
    box.releases.activate("1.4", box.settings)

    assert [one.version for one in box.releases.installed()] == ["1.2", "1.3", "1.4"]
    assert not half.exists()
    copied = sorted(one.name for one in box.database.parent.glob("gated.db.before-*"))
    assert copied == ["gated.db.before-1.2", "gated.db.before-1.3"]
    assert box.releases.roll_back(box.settings) == "1.3"


def test_a_failed_update_removes_no_release(box: Box) -> None:
    for version in ("1.0", "1.1"):
        box.install(version)
        box.releases.activate(version, box.settings)
    for version in ("0.7", "0.8", "2.0"):
        box.install(version)
    with pytest.raises(ReleaseError, match=r"1\.1 is at work again"):
        box.releases.activate("2.0", box.settings)

    assert len(box.releases.installed()) == 5


def test_there_may_be_nothing_to_go_back_to(box: Box) -> None:
    box.install("1.0")
    box.releases.activate("1.0", box.settings)
    with pytest.raises(ReleaseError, match="no release before"):
        box.releases.roll_back(box.settings)


def test_a_release_that_is_not_there_is_named_with_those_that_are(box: Box) -> None:
    box.install("1.0")
    with pytest.raises(ReleaseError, match=r"2\.0 is not installed .* known: 1\.0"):
        box.releases.activate("2.0", box.settings)


def _record_a_scan(database: Path) -> None:
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(
            "INSERT INTO scans (nonce, sighting, type, list_id, order_code, secret_hash, verdict,"
            " reason, at, dated, boot_id, monotonic_ns, eye, state)"
            " VALUES ('n', 'n', 'exit', 1, '', x'00', 'refuse', 'invalid', '', '', '', 0, '',"
            " 'local')"
        )
