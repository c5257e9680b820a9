"""Entries with fields for the journal: as journald reads them, and never waiting for it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self, TextIO

import pytest

from gated import logs
from gated.journal import Journal, encoded

logger = logging.getLogger("gated.test")
JOURNALD = next(
    (
        path
        for path in (
            Path("/usr/lib/systemd/systemd-journald"),
            Path("/lib/systemd/systemd-journald"),
        )
        if path.exists()
    ),
    None,
)
real = pytest.mark.skipif(
    os.geteuid() != 0 or JOURNALD is None or shutil.which("journalctl") is None,
    reason="needs systemd's journald, and root to run one beside the system's",
)


class Ear:
    """A socket in the place of journald's, and what came there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self.path.unlink(missing_ok=True)

    def heard(self) -> list[dict[str, str]]:
        """The entries that came since it was asked last."""
        entries = []
        with contextlib.suppress(BlockingIOError):
            while True:
                entries.append(decoded(self._socket.recv(1 << 20)))
        return entries


def decoded(datagram: bytes) -> dict[str, str]:
    """An entry read by the rules of the protocol, not by those of who wrote it."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, is_short, value = line.partition(b"=")
        if not is_short:
            (size,) = struct.unpack_from("<Q", rest)
            value, end, rest = rest[8 : 8 + size], rest[8 + size : 9 + size], rest[9 + size :]
            assert end == b"\n"
        assert name.decode() not in fields
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[Ear]:
    with Ear(tmp_path / "journal") as ear:
        yield ear


class Service:
    """This process as systemd starts one: its stderr is connected to the journal."""

    def __init__(self, stderr: TextIO) -> None:
        self._stderr = stderr

    def log_to(self, journal: Path, *, redirected: bool = False) -> None:
        """Set up the log, in the test itself: pytest puts back stderr before each."""
        found = os.fstat(self._stderr.fileno())
        told = "8:1234" if redirected else f"{found.st_dev}:{found.st_ino}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("JOURNAL_STREAM", told)
            patch.setattr(sys, "stderr", self._stderr)
            logs.set_up("info", journal=journal)

    def wrote(self) -> str:
        """What went to stderr."""
        return Path(self._stderr.name).read_text(encoding="utf-8")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    with (tmp_path / "stderr").open("w", encoding="utf-8", buffering=1) as stderr:
        yield Service(stderr)
    for one in root.handlers:
        if isinstance(one, Journal):
            one.close()
    root.handlers = handlers
    root.setLevel(level)


def test_an_entry_has_its_text_its_priority_its_origin_and_fields_of_its_own(
    ear: Ear, service: Service
) -> None:
    service.log_to(ear.path)

    logger.warning("the server says %s", "later", extra={"fields": {"VERDICT": "refused"}})

    assert ear.heard() == [
        {
            "MESSAGE": "gated.test: the server says later",
            "PRIORITY": "4",
            "LOGGER": "gated.test",
            "SYSLOG_IDENTIFIER": "gated",
            "VERDICT": "refused",
        }
    ]
    assert service.wrote() == ""


def test_a_traceback_is_one_entry_and_no_argument_makes_a_second(
    ear: Ear, service: Service
) -> None:
    service.log_to(ear.path)
    try:
        raise ValueError("bad\nVERDICT=accepted\n")
    except ValueError:
        logger.exception("it failed: %s", "abc\nPRIORITY=0\n\x1b[2J")

    (entry,) = ear.heard()
    first, *traceback = entry["MESSAGE"].split("\n")
    assert first == r"gated.test: it failed: abc\nPRIORITY=0\n\x1b[2J"
    assert all(line.startswith("  ") for line in traceback)
    assert entry["PRIORITY"] == "3"
    assert "VERDICT" not in entry


def test_where_stderr_was_sent_elsewhere_it_is_written_to(ear: Ear, service: Service) -> None:
    service.log_to(ear.path, redirected=True)

    logger.info("all is well", extra={"fields": {"VERDICT": "accepted"}})

    assert ear.heard() == []
    assert service.wrote() == "<6>gated.test: all is well\n"


def test_where_there_is_no_journal_stderr_is_written_to(tmp_path: Path, service: Service) -> None:
    service.log_to(tmp_path / "nowhere")

    logger.info("all is well")

    assert service.wrote() == "<6>gated.test: all is well\n"


def test_a_journal_that_takes_nothing_is_not_waited_for_and_hears_later_what_was_lost(
    ear: Ear, service: Service
) -> None:
    service.log_to(ear.path)
    sent = 20_000

    # Far more than any socket's queue holds: it returns only because it never waits.
    for number in range(sent):
        logger.info("entry %d", number)
    before = ear.heard()
    logger.info("the last one")
    lost, last = ear.heard()

    assert 0 < len(before) < sent
    assert [entry["MESSAGE"] for entry in before] == [
        f"gated.test: entry {number}" for number in range(len(before))
    ]
    assert lost["MESSAGE"] == f"{sent - len(before)} entries were lost here: the journal was busy"
    assert lost["PRIORITY"] == "4"
    assert last["MESSAGE"] == "gated.test: the last one"


def test_a_journal_that_goes_away_and_comes_back_is_found_again(
    tmp_path: Path, service: Service
) -> None:
    path = tmp_path / "journal"
    with Ear(path):
        service.log_to(path)
    logger.info("nobody hears this")

    with Ear(path) as ear:
        logger.info("this is heard")
        lost, heard = ear.heard()

    assert lost["MESSAGE"].startswith("1 entries were lost")
    assert heard["MESSAGE"] == "gated.test: this is heard"


def test_a_huge_text_is_cut_to_what_the_journal_takes(ear: Ear) -> None:
    handler = Journal(logging.LogRecord.getMessage, ear.path)
    record = logging.LogRecord("gated.test", logging.INFO, "", 0, "ü" * 1_000_000, (), None)

    handler.emit(record)
    handler.close()

    (entry,) = ear.heard()
    assert 20_000 < len(entry["MESSAGE"]) < 60_000


def test_an_entry_that_cannot_be_made_ends_nothing(
    ear: Ear, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    handler = Journal(logging.LogRecord.getMessage, ear.path)

    handler.emit(logging.LogRecord("gated.test", logging.INFO, "", 0, "%d", ("x",), None))
    handler.close()

    assert ear.heard() == []


def test_a_value_with_a_newline_is_sent_with_its_length() -> None:
    assert encoded({"A": "b"}) == b"A=b\n"
    assert encoded({"A": "b\nC=d"}) == b"A\n\x05\0\0\0\0\0\0\0b\nC=d\n"
    assert decoded(encoded({"A": "b\nC=d", "E": "f", "G": ""})) == {
        "A": "b\nC=d",
        "E": "f",
        "G": "",
    }


@real
def test_the_real_journald_finds_refused_scans_by_their_field() -> None:
    assert JOURNALD
    namespace = f"gatedtest{os.getpid()}"
    path = Path(f"/run/systemd/journal.{namespace}/socket")
    journald = subprocess.Popen([JOURNALD, namespace], stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if path.is_socket():
                break
            time.sleep(0.05)
        handler = Journal(logging.LogRecord.getMessage, path)
        for verdict, reason in (("accepted", "left"), ("refused", "invalid")):
            record = logging.LogRecord("gated.gate", logging.INFO, "", 0, f"{verdict}\n!", (), None)
            record.fields = {"VERDICT": verdict, "REASON": reason}
            handler.emit(record)
        handler.close()
        command = ["journalctl", f"--namespace={namespace}", "VERDICT=refused", "-o", "json"]
        found = ""
        for _ in range(200):
            found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            if found:
                break
            time.sleep(0.05)
    finally:
        journald.terminate()
        journald.wait(timeout=20)
        shutil.rmtree(path.parent, ignore_errors=True)
        for folder in ("/run/log/journal", "/var/log/journal"):
            for kept in Path(folder).glob(f"*.{namespace}"):
                shutil.rmtree(kept, ignore_errors=True)

    entry = json.loads(found)
    assert entry["MESSAGE"] == "refused\n!"
    assert entry["REASON"] == "invalid"
    assert entry["PRIORITY"] == "6"
    assert entry["SYSLOG_IDENTIFIER"] == "gated"
