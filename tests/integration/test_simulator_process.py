"""`gated simulate-server` as a process of its own: what it prints, and what a SIGKILL leaves."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from gated import config
from gated.simulator.process import books

REDEEM = "/api/v1/organizers/demo/events/conf/checkinlists/1/positions/{}/redeem/"


@dataclass
class Simulated:
    process: subprocess.Popen[str]
    said: dict[str, str]
    config: str

    def post(self, path: str, key: str = "", **body: object) -> tuple[int, str]:
        headers = {
            "Authorization": f"Device {self.said['device token']}",
            "Content-Type": "application/json",
            "X-Idempotency-Key": key,
        }
        url = self.said["address"] + path
        request = Request(url, json.dumps(body).encode(), headers, method="POST")
        try:
            with urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def redeem(self, ticket: str, key: str = "", **body: object) -> tuple[int, str]:
        return self.post(REDEEM.format(self.said[ticket]), key, **body)


@contextmanager
def simulated(*arguments: str) -> Iterator[Simulated]:
    with subprocess.Popen(
        [sys.executable, "-m", "gated", "simulate-server", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield introduced(process)
        finally:
            process.kill()


def introduced(process: subprocess.Popen[str]) -> Simulated:
    assert process.stdout is not None
    said = {}
    while (line := process.stdout.readline()).strip():
        name, _, words = line.partition(":")
        said[name] = words.strip()
    text = ""
    while "token_file" not in text:
        text += (line := process.stdout.readline())
        assert line, f"it ended with {process.wait()}"
    return Simulated(process, said, text)


def test_what_was_answered_survives_a_sigkill(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    with simulated(*data) as server:
        first = server.redeem("valid", "k", nonce="n")
        assert first[0] == 201
        assert server.redeem("VIP")[0] == 201
        server.process.send_signal(signal.SIGKILL)
        assert server.process.wait(10) == -signal.SIGKILL
    with simulated(*data) as again:
        assert again.said["tickets"] == "306, 2 inside"
        assert again.redeem("valid", "k", nonce="n") == first
        assert again.redeem("valid", nonce="n")[0] == 201
        assert again.redeem("VIP")[0] == 400
        again.process.terminate()
        assert again.process.wait(10) == 0
    assert len(books(tmp_path).checkins) == 2


def test_its_config_can_be_pasted_and_used(tmp_path: Path) -> None:
    with simulated("--dialect", "pretix", "--tickets", "120", "--data", str(tmp_path)) as server:
        path = tmp_path / "gated.toml"
        rest = f'[store]\npath = "{tmp_path}/gated.db"\n[control]\nsocket = "{tmp_path}/s"\n'
        rest += '[camera]\nsource = "scene"\n[panel]\nkind = "none"\n'
        path.write_text(server.config + rest, encoding="utf-8")
        assert config.load(path).server.url == server.said["address"]
        synced = subprocess.run(
            [sys.executable, "-m", "gated", "sync", "--config", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert synced.stdout.startswith("121 tickets"), synced.stderr


def test_a_fault_strikes_as_it_was_typed() -> None:
    with simulated("--fault", "html-500=x1,/redeem/") as server:
        assert [server.redeem("valid")[0] for _ in range(2)] == [500, 201]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--fault", "latncy"], 2, "did you mean latency?"),
        (["--profile", "pretixscan_online_noorders"], 2, "fork has only full, pretixscan"),
        (["--data", "{other}"], 1, "holds pretix with 5 tickets of seed 1: say --dialect pretix"),
        (["--port", "{taken}"], 1, "take another"),
    ],
)
def test_what_cannot_be_simulated_is_said_in_a_sentence(
    tmp_path: Path, arguments: list[str], status: int, said: str
) -> None:
    with simulated("--dialect", "pretix", "--tickets", "5", "--data", str(tmp_path)) as other:
        port = other.said["address"].rpartition(":")[2]
        words = [one.format(other=tmp_path, taken=port) for one in arguments]
        ended = subprocess.run(
            [sys.executable, "-m", "gated", "simulate-server", *words],
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stdout) == (status, "")
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
