"""One virtual Pi: switched on and off, and told to do things over a folder that it shares."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .image import image
from .kept import NotHereError
from .kernel import kernel

_NUMBERS = itertools.count(1)


class WentWrongError(Exception):
    """What was tried did not happen; the sentence says what did."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, and how it ended."""

    output: str
    status: int


class Machine:
    """A Pi in a folder: its card, its console, and the folder `share` that it sees as /host.

    Raises NotHereError where this machine cannot have one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.share = folder / "share"
        self.disks: list[Path] = []
        """More than the card: /dev/ubdb, /dev/ubdc, ..."""
        self.boots_with: list[str] = ["rw"]
        """How the kernel takes the card: its parameters, from the next start on."""
        self._card = folder / "card"
        self._kernel, self._image = kernel(), image()
        self._process: subprocess.Popen[bytes] | None = None

    def switch_on(self, timeout_s: float = 180) -> float:
        """Boot; return after how many seconds it listened. Raises WentWrongError."""
        began = time.monotonic()
        for name in ("ask", "answer"):
            (self.share / name).mkdir(parents=True, exist_ok=True)
        for leftover in (*(self.share / "ask").iterdir(), self.share / "up"):
            leftover.unlink(missing_ok=True)
        shm = Path("/dev/shm")  # a kernel whose memory lies on a disk is slow
        command: list[str | Path] = [
            *(self._kernel, "mem=1G", f"ubd0={self._card},{self._image}", "root=/dev/ubda"),
            *(f"ubd{number}={disk}" for number, disk in enumerate(self.disks, 1)),
            *self.boots_with,
            *("con0=null,fd:1", "con=null", "ssl=null", "quiet", "systemd.show_status=0"),
            *("audit=0", "panic=-1", f"virtual_pi.share={self.share}"),
        ]
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, "TMPDIR": str(shm if shm.is_dir() else self.folder)},
            )
        (self.folder / "pid").write_text(f"{self._process.pid}\n")
        while not (self.share / "up").exists():
            if self._process.poll() is not None:
                raise WentWrongError(f"the kernel ended: {self._console()}")
            if time.monotonic() - began > timeout_s:
                self.cut_power()
                raise WentWrongError(f"not up after {timeout_s:.0f} s: {self._console()}")
            time.sleep(0.1)
        return time.monotonic() - began

    def cut_power(self) -> None:
        """End it this moment, as pulling the plug does. What it wrote to its card is on it."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._wait_until_gone(self._process.pid)

    def switch_off(self, timeout_s: float = 60) -> None:
        """Shut down as one should; pull the plug where that takes too long."""
        if self._process is None or self._process.poll() is not None:
            return
        ask(self.share, "systemctl --no-block poweroff")
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.cut_power()
            raise WentWrongError(f"not off after {timeout_s:.0f} s") from None
        self._wait_until_gone(self._process.pid)

    def wait(self) -> None:
        """Until it is switched off from inside."""
        if self._process:
            self._process.wait()

    def run(self, script: str, *, timeout_s: float = 120, check: bool = True) -> str:
        """Run bash as root and give what it printed. Raises WentWrongError where it fails."""
        answer = self.answer(script, timeout_s=timeout_s)
        if check and answer.status:
            last = "\n".join(answer.output.splitlines()[-15:])
            raise WentWrongError(f"{script.strip()} ended with {answer.status}: {last}")
        return answer.output

    def answer(self, script: str, *, timeout_s: float = 120) -> Answer:
        """Run bash as root, and say how it ended. Raises WentWrongError if it does not."""
        return wait_for(self.share, ask(self.share, script), timeout_s=timeout_s)

    def until(self, script: str, *, timeout_s: float = 60) -> str:
        """Repeat until it succeeds; give what it printed. Raises WentWrongError."""
        patient = (
            f"for i in $(seq {timeout_s * 4:.0f}); do ({script}) && exit; sleep 0.25; done; exit 1"
        )
        return self.run(patient, timeout_s=2 * timeout_s + 30)

    def copy_in(self, path: Path, to: str) -> None:
        """A file or a folder of this machine."""
        draft = self.share / path.name
        subprocess.run(["cp", "-r", "--reflink=auto", path, draft], check=True)
        self.run(
            f"mkdir -p {shlex.quote(to)} && cp -r /host/{shlex.quote(path.name)} {shlex.quote(to)}"
        )
        subprocess.run(["rm", "-r", draft], check=True)

    @staticmethod
    def _wait_until_gone(group: int) -> None:
        """The kernel's helpers hold the card's lock until they are gone, too."""
        with suppress(ProcessLookupError):
            while True:
                os.killpg(group, 0)
                time.sleep(0.05)

    def _console(self) -> str:
        return (self.folder / "console.log").read_text(errors="replace")[-1500:]


def ask(share: Path, script: str) -> str:
    """Have a machine run this; give the name of its answer."""
    name = f"{os.getpid()}-{next(_NUMBERS):06d}"
    draft = share / "ask" / f"{name}~"
    draft.write_text(script)
    draft.rename(share / "ask" / name)
    return name


def wait_for(share: Path, name: str, *, timeout_s: float) -> Answer:
    """Raises WentWrongError when no answer has come by then."""
    answer, status = share / "answer" / name, share / "answer" / f"{name}.status"
    until = time.monotonic() + timeout_s
    while not status.exists():
        if time.monotonic() > until:
            said = answer.read_text(errors="replace")[-1500:] if answer.exists() else ""
            raise WentWrongError(f"no answer after {timeout_s:.0f} s; so far: {said}")
        time.sleep(0.05)
    given = Answer(answer.read_text(errors="replace"), int(status.read_text()))
    answer.unlink()
    status.unlink()
    return given


def new_folder() -> Path:
    """Where a machine lies that nobody named a place for."""
    return Path(tempfile.mkdtemp(prefix="virtual-pi-"))


def running(folder: Path) -> Path:
    """The shared folder of a machine that another process has switched on. Raises NotHereError."""
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except (OSError, ValueError):
        raise NotHereError(f"no virtual Pi runs in {folder}: boot one first") from None
    return folder / "share"
