"""What the steps do to a virtual Pi again and again: install, show tickets, read the ledger."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trials.books import Books, differences

from gated.simulator.process import books
from gated.simulator.world import World
from gated.store import ledger, open_read_only

from . import releases
from .image import GUEST
from .machine import Answer, Machine, WentWrongError, ask, wait_for
from .pictures import GUESTS, SEED, draw

# The header's lines as the example config has them.
GREEN, RED, ENTRY, EXIT, STATUS, BUTTON = 17, 27, 22, 23, 24, 25
LIST = 1
_VERDICTS = {"accepted": "admit", "refused": "refuse"}


@dataclass
class Pi:
    """A machine, and what was done to it so far."""

    machine: Machine
    release: Path | None = None

    def install(self) -> str:
        """Build the release, unpack it as an admin would, run its install.sh; what it said."""
        self.release = releases.release(self.machine.folder / "releases")
        self.machine.copy_in(self.release, "/root")
        folder = self.release.name.removesuffix(".tar.gz")
        self.machine.run(f"tar xzf {self.release.name} && rm {self.release.name}")
        return self.machine.run(f"./{folder}/deploy/install.sh", timeout_s=600)

    def update(self, number: str, *, new_schema: bool = False, broken: bool = False) -> Answer:
        """Install a made-up next version; what install.sh said, and its status."""
        assert self.release, "nothing is installed"
        folder = releases.next_release(self.release, number, new_schema=new_schema, broken=broken)
        self.machine.copy_in(folder, "/root")
        return self.machine.answer(f"./{folder.name}/deploy/install.sh", timeout_s=600)

    def dpkg(self, package: Path) -> Answer:
        """Have dpkg install a package; what it said, and its status."""
        self.machine.copy_in(package, "/root")
        return self.machine.answer(
            f"dpkg -i {package.name}; s=$?; rm {package.name}; exit $s", timeout_s=600
        )

    def set_up(self) -> None:
        """A ticket server on the box, its token, and the config."""
        for name in ("ticket-server.service", "gated.toml", "watch_pins.py"):
            shutil.copy(GUEST / name, self.machine.share)
        self.machine.run(
            "cp /host/ticket-server.service /etc/systemd/system/;"
            "systemctl daemon-reload; systemctl enable -q --now ticket-server"
        )
        self.machine.until("test -s /host/server/token && curl -so /dev/null 127.0.0.1:8111")
        self.machine.run(
            "install -o root -g gated -m 0640 /host/server/token /etc/gated/token;"
            "install -o root -g gated -m 0640 /host/gated.toml /etc/gated/gated.toml;"
            "gated check-config /etc/gated/gated.toml"
        )

    def show(self, texts: Sequence[str | None]) -> None:
        """Hold these before the camera, over and over, from the next start of gated on."""
        folder = self.machine.share / "camera"
        shutil.rmtree(folder, ignore_errors=True)
        draw(folder, list(texts))
        self.machine.run(
            "rm -rf /srv/camera; cp -r /host/camera /srv/camera; chmod -R a+rX /srv/camera"
        )

    def scans(self) -> list[dict[str, Any]]:
        """The ledger, oldest first."""
        lines = self.machine.run("gated scans --format jsonl").splitlines()
        return [json.loads(line) for line in lines]

    def set_mode(self, mode: Literal["entry", "exit"]) -> None:
        """By the button, unless the lamp says that the gate does so already."""
        lamp = f"/run/pins/sim_gpio{ENTRY if mode == 'entry' else EXIT}/value"
        for _ in range(6):
            if self.mode() == mode:
                return
            # On a busy machine it may be let go before the gate has looked.
            self.press()
            self.machine.answer(f"for i in $(seq 20); do grep -q 1 {lamp} && exit; sleep 0.2; done")
        lines = self.machine.answer("gpioinfo | grep -v unused; gated mode; gated status").output
        said = self.journal("-n 40")
        raise WentWrongError(f"five presses did not make the gate {mode}:\n{lines}\n{said}")

    def mode(self) -> str:
        """What its lamps say: `entry`, `exit`, or nothing."""
        lit = self.machine.run(
            f"cat /run/pins/sim_gpio{ENTRY}/value /run/pins/sim_gpio{EXIT}/value"
        )
        return {"1\n0": "entry", "0\n1": "exit"}.get(lit.strip(), "")

    def pins(self, seconds: float) -> dict[int, dict[str, Any]]:
        """What the lines of the header do meanwhile, seen from the board's side."""
        return self.watched(self.watch_pins(seconds))

    def watch_pins(self, seconds: float) -> str:
        """Begin to; `watched` gives what was seen."""
        lines = " ".join(str(one) for one in (GREEN, RED, ENTRY, EXIT, STATUS))
        return ask(self.machine.share, f"python3 /host/watch_pins.py {seconds} {lines}")

    def watched(self, watching: str) -> dict[int, dict[str, Any]]:
        """By the number of the line: `now`, the share of time it was `on`, how often it `rises`."""
        said = wait_for(self.machine.share, watching, timeout_s=60)
        return {int(line): seen for line, seen in json.loads(said.output).items()}

    def press(self) -> None:
        """The button, from the board's side: it connects its line to ground."""
        line = f"/run/pins/sim_gpio{BUTTON}/pull"
        self.machine.run(f"echo pull-down >{line}; sleep 0.3; echo pull-up >{line}; sleep 0.5")

    def unit(self, *names: str) -> dict[str, str]:
        """Properties of gated.service."""
        asked = ",".join(names)
        said = self.machine.run(f"systemctl show gated -p {asked}")
        return dict(line.split("=", 1) for line in said.splitlines())

    def journal(self, since: str = "") -> str:
        """What gated wrote to the journal."""
        return self.machine.run(f"journalctl -u gated -o short-monotonic --no-pager {since}")

    def follow_journal(self, name: str) -> Path:
        """A file outside that gets each answer from the journal as it is shown, and keeps it."""
        fields = "-o json --output-fields=NONCE,VERDICT"
        ask(self.machine.share, f"exec journalctl -u gated -b -f -n 0 {fields} >/host/{name}")
        self.machine.until(f"test -e /host/{name}")
        return self.machine.share / name

    @staticmethod
    def shown(log: Path) -> dict[str, str]:
        """What such a file has of answers: the verdict by nonce."""
        found = {}
        for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
            with suppress(ValueError):  # the power went in the middle of it
                entry = json.loads(line)
                if "NONCE" in entry:
                    found[entry["NONCE"]] = _VERDICTS.get(entry["VERDICT"], entry["VERDICT"])
        return found

    def must_settle(self) -> None:
        """Wait until the server has been told everything. Raises WentWrongError."""
        waiting = 'gated scans --format jsonl | grep -c \'"state": "waiting"\''
        self.machine.until(f"[ $({waiting}) = 0 ]", timeout_s=120)

    def compare_books(self, shown: dict[str, str]) -> list[str]:
        """Everything in which guests, ledger and server do not agree, a line each."""
        self.machine.run(
            "systemctl stop gated ticket-server;"
            "rm -rf /host/ledger; cp -r /var/lib/gated /host/ledger"
        )
        with open_read_only(self.machine.share / "ledger" / "gated.db") as db:
            scans, inside = list(ledger.every(db)), ledger.inside(db, (LIST,))
        told = Books(
            answered=shown,
            scans=scans,
            inside=inside,
            world=books(self.machine.share / "server"),
            first=World.made_up(GUESTS, seed=SEED),
        )
        found = differences(told)
        self.machine.run("systemctl start ticket-server gated", timeout_s=120)
        return found

    def must_be_ready(self) -> dict[str, str]:
        """Raises WentWrongError with the journal's last lines when the service is not."""
        state = self.unit("ActiveState", "SubState", "NRestarts", "MainPID")
        if (state["ActiveState"], state["SubState"]) != ("active", "running"):
            last = "\n".join(self.journal("-n 25").splitlines())
            raise WentWrongError(f"gated.service is {state}: {last}")
        return state
