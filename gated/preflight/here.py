"""What the checks look at: this machine, its config, the gate that runs on it, and a person."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from gated.clock import Clock
from gated.errors import GatedError
from gated.web.control import call, is_running

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable, Callable

    from gated.camera import Source
    from gated.config import Config
    from gated.preflight.visit import Visit

CONFIG = Path("/etc/gated/gated.toml")
_PROGRAM_S = 10.0
_GATE_S = 15.0


class Person(Protocol):
    """Somebody who stands before the gate."""

    def asks(self, question: str) -> Awaitable[bool]:
        """Answer yes or no."""

    def told(self, words: str) -> None:
        """Hear what to do now."""


class Usage(Protocol):
    """What `shutil.disk_usage` gives, in bytes."""

    @property
    def total(self) -> int:
        """The size of the file system."""

    @property
    def free(self) -> int:
        """What is left for the service."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who the service runs as."""

    name: str
    uid: int
    groups: frozenset[int]

    def may(self, status: os.stat_result, *, read: bool = False, write: bool = False) -> bool:
        """Whether the mode of a file lets this account at it."""
        wanted = 4 * read + 2 * write
        if self.uid == 0:
            return True
        if status.st_uid == self.uid:
            return status.st_mode >> 6 & wanted == wanted
        if status.st_gid in self.groups:
            return status.st_mode >> 3 & wanted == wanted
        return status.st_mode & wanted == wanted


def service_account(name: str = "gated") -> Account:
    """The service's account, or whoever asks where there is none of that name."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        entry = pwd.getpwuid(os.geteuid())
    others = {one.gr_gid for one in grp.getgrall() if entry.pw_name in one.gr_mem}
    return Account(entry.pw_name, entry.pw_uid, frozenset({entry.pw_gid, *others}))


def program(*command: str) -> str | None:
    """What a program says; None where it is not installed or says that it failed."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(  # noqa: S603  fixed commands
            command, capture_output=True, text=True, timeout=_PROGRAM_S, check=True
        )
        return done.stdout
    return None


@dataclass
class Here:
    """Everything a check may look at. Tests put other things in the place of the machine's."""

    config: Config
    config_path: Path = CONFIG
    problems: str = ""
    """What is wrong with the config file; then `config` is only defaults."""
    state: dict[str, Any] | None = None
    """What the running gate says of itself (web.state); None where none runs."""
    silent: str = ""
    """Why a gate that runs says nothing."""
    person: Person | None = None
    show: Callable[[str], None] | None = None
    """Puts a code where the camera can see it."""
    patience_s: float = 30.0
    """For how long a person is waited for."""
    database: Path = field(init=False)
    """The database to be looked at; an update looks at a copy of it."""
    root: Path = Path("/")
    clock: Clock = field(default_factory=Clock.system)
    account: Account = field(default_factory=service_account)
    usage: Callable[[Path], Usage] = shutil.disk_usage
    program: Callable[..., str | None] = program
    pin_factory: object | None = None
    source: Source | None = None
    """Stands in for the camera."""
    visit: asyncio.Future[Visit] | None = None

    def __post_init__(self) -> None:
        self.database = Path(self.config.store.path)

    def ask_gate(
        self, command: str, arguments: dict[str, Any] | None = None, *, silence_s: float = _GATE_S
    ) -> AsyncIterator[dict[str, Any]]:
        """Have the running gate do something. Raises GatedError."""
        return call(self.config.control_socket, command, arguments, silence_s=silence_s)

    async def answer(
        self, command: str, arguments: dict[str, Any] | None = None, *, silence_s: float = _GATE_S
    ) -> dict[str, Any]:
        """What it answers first. Raises GatedError."""
        async for answer in self.ask_gate(command, arguments, silence_s=silence_s):
            return answer
        raise GatedError("the running gate gave no answer")

    def condition(self, part: str) -> dict[str, Any] | None:
        """What the running gate says of one of its parts."""
        conditions = self.state["health"] if self.state else ()
        return next((one for one in conditions if one["part"] == part), None)


async def look_around(config: Config, path: Path = CONFIG, **more: Any) -> Here:
    """This machine, and what the gate that runs on it says of itself.

    Raises GatedError for somebody who may not ask it.
    """
    here = Here(config, path, **more)
    if _is_closed(config.control_socket):
        raise GatedError(f"{config.control_socket} may not be opened: run it with sudo")
    if is_running(config.control_socket):
        try:
            here.state = await here.answer("status")
        except GatedError as error:
            here.silent = str(error)
    return here


def _is_closed(socket: Path) -> bool:
    try:
        return socket.exists() and not os.access(socket, os.W_OK)
    except PermissionError:
        return True
