"""One run: a gate and a server, killed at random moments; then quiet, and the books compared."""

from __future__ import annotations

import multiprocessing
import os
import random
import socket
import sys
import time
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from . import books, gate
from .plan import TICKETS, Plan, faults, plan

_FORKS = multiprocessing.get_context("forkserver")
# What is slow to import; each process then starts in no time.
_FORKS.set_forkserver_preload(["gated.parts", "gated.cli", "gated.simulator.process"])

_LONGEST_S = 300
_PAUSES_S = (0.1, 0.7)


@dataclass(frozen=True)
class Result:
    """What came out of a run; no differences is good."""

    seed: int
    differences: list[str]
    tally: str
    kills: int
    seconds: float


@dataclass
class _Stage:
    """The two processes and what happened to them."""

    plan: Plan
    dice: random.Random
    port: int
    server: ForkServerProcess | None = None
    gate: ForkServerProcess | None = None
    starts: int = 0
    kills: int = 0
    faults: list[list[str]] = field(default_factory=list)

    def start_server(self, *, quiet: bool = False) -> None:
        drawn = [] if quiet else faults(self.dice)
        self.faults.append(drawn)
        plan = self.plan
        arguments = ["--dialect", plan.dialect.value, "--port", str(self.port)]
        arguments += ["--tickets", str(TICKETS), "--seed", str(plan.seed)]
        arguments += ["--data", str(plan.server)]
        arguments += ["--profile", plan.profile]
        arguments += [word for fault in drawn for word in ("--fault", fault)]
        self.server = _FORKS.Process(target=simulate, args=(arguments, plan.folder), daemon=True)
        self.server.start()

    def start_gate(self) -> None:
        url = f"http://127.0.0.1:{self.port}"
        arguments = (self.plan, url, self.starts)
        self.gate = _FORKS.Process(target=run_gate, args=arguments, daemon=True)
        self.gate.start()
        self.starts += 1

    def kill(self, process: ForkServerProcess | None) -> None:
        if process is not None and process.is_alive():
            process.kill()
            self.kills += 1
        if process is not None:
            process.join()

    def answered(self) -> int:
        return self.plan.acks.read_bytes().count(b"\n") if self.plan.acks.exists() else 0

    def strike(self) -> None:
        """Kill one of the two, or both, and start it again after a while or at once."""
        victims = self.dice.choice(["gate", "gate", "server", "server", "both"])
        if victims != "server":
            self.kill(self.gate)
        if victims != "gate":
            self.kill(self.server)
            time.sleep(self.dice.choice([0, 0, 0.3]) * self.dice.random())
            self.start_server()
        if victims != "server":
            self.start_gate()


def trial(seed: int, *, scans: int, folder: Path) -> Result:
    """Do one run in an empty folder."""
    begun = time.monotonic()
    stage = _Stage(plan(seed, scans=scans, folder=folder), random.Random(f"{seed}-kills"), _port())
    try:
        found = _act(stage, begun)
    finally:
        for process in (stage.gate, stage.server):
            if process is not None and process.is_alive():
                process.kill()
                process.join()
    return Result(
        seed,
        found[0],
        f"{stage.plan.dialect}: {found[1]}",
        stage.kills,
        time.monotonic() - begun,
    )


def _act(stage: _Stage, begun: float) -> tuple[list[str], str]:
    stage.start_server(quiet=True)
    _wait_for(stage.port)
    stage.start_gate()
    while not stage.answered():
        _check(stage, begun)
        time.sleep(0.02)
    after = stage.dice.randint(1, 4)
    while after:
        time.sleep(stage.dice.uniform(*_PAUSES_S))
        if stage.answered() >= stage.plan.scans:
            after -= 1
        _check(stage, begun)
        stage.strike()
    stage.kill(stage.server)
    stage.start_server(quiet=True)
    stage.plan.quiet.touch()
    while stage.gate is not None and stage.gate.exitcode is None:
        if time.monotonic() - begun > _LONGEST_S:
            stage.kill(stage.gate)
            break
        stage.gate.join(0.05)
    ended = stage.gate.exitcode if stage.gate else None
    stage.kill(stage.server)
    found = books.read(stage.plan)
    differences = books.differences(found)
    if ended and not differences:
        differences = [f"the gate ended with {ended}: see {stage.plan.folder}/gate.log"]
    return differences, books.tally(found.scans)


def _check(stage: _Stage, begun: float) -> None:
    for name, process in (("gate", stage.gate), ("server", stage.server)):
        if process is not None and process.exitcode:
            raise RuntimeError(f"the {name} ended by itself: see {stage.plan.folder}/{name}.log")
    if time.monotonic() - begun > _LONGEST_S:
        raise RuntimeError(f"{stage.answered()} scans took {_LONGEST_S} s")


def run_gate(plan: Plan, url: str, start: int) -> None:
    """What the gate's process does."""
    from gated import logs

    _log_to(plan.folder / "gate.log")
    logs.set_up("info")
    gate.main(plan, url, start)


def simulate(arguments: list[str], folder: Path) -> None:
    """What the server's process does: the very command."""
    from gated.cli import cli

    _log_to(folder / "server.log")
    cli.main(["simulate-server", "--verbose", *arguments], standalone_mode=False)


def _log_to(path: Path) -> None:
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(log, stream.fileno())


def _port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_for(port: int) -> None:
    for _ in range(500):
        try:
            with urlopen(f"http://127.0.0.1:{port}/api/v1/version", timeout=5):
                return
        except URLError as error:
            if getattr(error, "code", None):
                return
            time.sleep(0.02)
    raise RuntimeError("the server did not start")
