"""A pretix on loopback: seeded, served by gunicorn, asked over plain HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from pretix_environment import Environment, configure

ORGANIZER = "demo"
_SEED = str(Path(__file__).parent / "seed_pretix.py")


@dataclass(frozen=True)
class Seeded:
    """A ticket as pretix has it."""

    id: int
    secret: str
    order: str


@dataclass(frozen=True)
class Answer:
    """What pretix said, as JSON where it was JSON."""

    status: int
    body: Any

    @property
    def word(self) -> str:
        """`ok`, `ok, attention`, or the reason of a refusal."""
        if not isinstance(self.body, dict) or "status" not in self.body:
            return f"HTTP {self.status}"
        if self.body["status"] == "ok":
            return "ok, attention" if self.body["require_attention"] else "ok"
        return str(self.body["reason"])


class Pretix:
    """One database copied from the migrated one, one seed, and gunicorn with two workers."""

    def __init__(self, environment: Environment, folder: Path, world: dict[str, Any]) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment
        self._variables = configure(folder, self.url)
        self._world = folder / "world.json"
        self._world.write_text(json.dumps(world), encoding="utf-8")
        self._seeded = folder / "seeded.json"
        self._gunicorn: subprocess.Popen[bytes] | None = None
        self.events: dict[str, int] = {}
        self.lists: dict[str, int] = {}
        self.items: dict[str, int] = {}
        self.tokens: dict[str, str] = {}
        self.positions: dict[str, Seeded] = {}
        self._fresh: dict[str, list[str]] = defaultdict(list)

    def seed(self) -> None:
        """Fill the database."""
        shutil.copy(self._environment.database, self.folder / "db.sqlite3")
        self._python(_SEED, "seed", str(self._world), str(self._seeded))
        seeded = json.loads(self._seeded.read_text(encoding="utf-8"))
        self.events, self.lists, self.items, self.tokens = (
            seeded[part] for part in ("events", "lists", "items", "tokens")
        )
        self.positions = {key: Seeded(**one) for key, one in seeded["positions"].items()}
        for key in reversed(self.positions):
            self._fresh[key.rpartition("/")[0]].append(key)

    def age(self) -> None:
        """Let happen to positions what the world says happens later."""
        self._python(_SEED, "age", str(self._world), str(self._seeded))

    def fresh(self, kind: str) -> Seeded:
        """A ticket of this kind that no test has had yet."""
        return self.positions[self._fresh[kind].pop()]

    def is_fresh(self, key: str) -> bool:
        """Whether no test has had this ticket yet."""
        return key in self._fresh[key.rpartition("/")[0]]

    def start(self) -> None:
        """Serve, and wait until both workers have loaded what they need."""
        with (self.folder / "gunicorn.log").open("ab") as log:
            self._gunicorn = subprocess.Popen(
                [
                    str(self._environment.python),
                    *("-m", "gunicorn", "pretix.wsgi", "--workers", "2", "--timeout", "60"),
                    *("--preload", "--bind", f"127.0.0.1:{self.port}"),
                ],
                env=self._variables,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        for _ in range(600):
            if self._gunicorn.poll() is None and self._is_up():
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "gunicorn.log").read_text(encoding="utf-8"))

    def kill(self) -> None:
        """Pull the server's plug, in the middle of whatever it does."""
        if self._gunicorn:
            os.killpg(self._gunicorn.pid, signal.SIGKILL)
            self._gunicorn.wait()
            self._gunicorn = None

    async def call(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, token: str = "team"
    ) -> Answer:
        """Ask pretix something; `path` below the organizer, or from / on."""
        return await asyncio.to_thread(self._call, method, path, body, token)

    async def every(self, path: str) -> list[dict[str, Any]]:
        """All pages of a list."""
        found: list[dict[str, Any]] = []
        number, is_last = 1, False
        while not is_last:
            joined = "&" if "?" in path else "?"
            answer = await self.call("GET", f"{path}{joined}page={number}")
            assert answer.status == 200, answer
            found += answer.body["results"]
            number, is_last = number + 1, answer.body["next"] is None
        return found

    async def redeem(
        self, event: str, list_key: str, secret: str, /, token: str = "team", **body: Any
    ) -> Answer:
        """Redeem a code as an app does that is online; a locked SQLite is asked again."""
        said = {
            "canceled_supported": True,
            "questions_supported": False,
            "type": "entry",
            "datetime": datetime.now(UTC).isoformat(),
            **body,
        }
        path = f"events/{event}/checkinlists/{self.lists[list_key]}/positions"
        for _ in range(5):
            answer = await self.call(
                "POST", f"{path}/{quote(secret, safe='')}/redeem/", said, token=token
            )
            if answer.status < 500:
                break
        return answer

    async def checkins(self, event: str, list_key: str, ticket: Seeded) -> list[dict[str, Any]]:
        """What counts of a ticket on a list, oldest first."""
        path = f"events/{event}/checkinlists/{self.lists[list_key]}/positions/"
        answer = await self.call("GET", f"{path}?ignore_status=true&secret={ticket.secret}")
        (position,) = answer.body["results"]
        return list(reversed(position["checkins"]))

    def log(self) -> str:
        """What pretix wrote down."""
        return (self.folder / "gunicorn.log").read_text(encoding="utf-8")

    def _call(self, method: str, path: str, body: dict[str, Any] | None, token: str) -> Answer:
        if not path.startswith("/"):
            path = f"/api/v1/organizers/{ORGANIZER}/{path}"
        request = Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": self.tokens[token],
                "Content-Type": "application/json",
            },
        )
        try:
            with urlopen(request, timeout=60) as response:
                return _answer(response.status, response.read())
        except HTTPError as error:
            with error:
                return _answer(error.code, error.read())

    def _is_up(self) -> bool:
        try:
            return self._call("GET", "events/", None, "team").status == 200
        except (URLError, OSError):
            return False

    def _python(self, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._environment.python), *arguments],
            env=self._variables,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def _answer(status: int, body: bytes) -> Answer:
    try:
        return Answer(status, json.loads(body))
    except ValueError:
        return Answer(status, body.decode(errors="replace"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
