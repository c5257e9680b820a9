"""The gate of a trial: everything of a real one but camera and lamps, scanning at full speed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
from collections.abc import Generator
from contextlib import AsyncExitStack

from gated import config
from gated.errors import ServerUnreachable
from gated.model import Frame, ScanType, Sighting
from gated.parts import Extras, Parts, open_parts
from gated.simulator.world import World
from gated.store import outbox

from .haste import FACTOR, HastyLoop, hasty_clock
from .plan import TICKETS, Plan

_AT_ONCE = 3
_BETWEEN_S = 0.02
_SENSIBLE = 0.8
"""How often a guest does what makes sense: come in when outside, leave when inside."""


class Blind:
    """A camera that never sees anything: the codes come from the driver."""

    name = "blind"

    def __init__(self) -> None:
        self._closed = threading.Event()

    def open(self) -> None:
        """There is nothing to claim."""

    def frames(self) -> Generator[Frame | None]:
        while not self._closed.wait(0.1):
            yield None

    def close(self) -> None:
        self._closed.set()


def settings(plan: Plan, url: str) -> config.Config:
    """A config as an organiser would write it."""
    token = plan.folder / "token"
    token.write_text("demo-token", encoding="ascii")
    return config.parse(
        {
            "server": {
                "url": url,
                "organizer": "demo",
                "event": "conf",
                "checkin_lists": list(plan.lists),
                "token_file": str(token),
                "exit_via": plan.exit_via,
                "confirm_timeout_ms": 2000,
                "complete_s": 60.0,
            },
            "panel": {"kind": "none"},
            "store": {"path": str(plan.folder / "gated.db")},
            "control": {"socket": str(plan.folder / "control.sock")},
            "web": {"enabled": False},
        }
    )


def main(plan: Plan, url: str, start: int) -> None:
    """Run until the plan's scans are done and, once it is quiet, nothing is owed; or killed."""
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        runner.run(_run(plan, url, start))


async def _run(plan: Plan, url: str, start: int) -> None:
    extras = Extras(source=Blind(), clock=hasty_clock())
    async with AsyncExitStack() as stack:
        parts = await open_parts(stack, settings(plan, url), extras)
        background = [
            asyncio.create_task(work()) for work in (parts.sync.pull.run, parts.sync.changes.run)
        ]
        background.append(asyncio.create_task(parts.sync.push.run()))
        try:
            driving = asyncio.create_task(_drive(parts, plan, start))
            done, _ = await asyncio.wait({driving, *background}, return_when="FIRST_COMPLETED")
            for task in done:
                task.result()
        finally:
            for task in background:
                task.cancel()


async def _drive(parts: Parts, plan: Plan, start: int) -> None:
    while start == 0 and not parts.sync.pull.can_list:
        await asyncio.sleep(0.1)
    guests = Guests(plan, start)
    acks = os.open(plan.acks, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    places = asyncio.Semaphore(_AT_ONCE)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(guests.left):
            await places.acquire()
            task = tasks.create_task(_scan(parts, guests, acks))
            task.add_done_callback(lambda _: places.release())
            await asyncio.sleep(guests.dice.uniform(0, _BETWEEN_S) * FACTOR)
    while not plan.quiet.exists() or (await parts.store.read(outbox.count)).waiting:
        await asyncio.sleep(1)
    await _pull_once_more(parts)


async def _pull_once_more(parts: Parts) -> None:
    """The server may still be on its way up from its last kill: knock again, as a gate does."""
    while True:
        try:
            await parts.sync.pull.once()
        except ServerUnreachable:
            await asyncio.sleep(1)
        else:
            return


async def _scan(parts: Parts, guests: Guests, acks: int) -> None:
    text, kind = guests.draw()
    shown = await parts.gate.scan(Sighting(text, "QRCode", kind, hasty_clock().monotonic()))
    assert shown is not None
    guests.in_hand.discard(text)
    if shown.decision.verdict.admits:
        guests.inside.symmetric_difference_update({text} if guests.crossed(text, kind) else ())
    line = {
        "nonces": [scan.nonce for scan in shown.scans],
        "text": text,
        "type": kind,
        "verdict": shown.decision.verdict,
    }
    os.write(acks, json.dumps(line).encode() + b"\n")


class Guests:
    """Who comes next, mostly sensibly; some come twice, some with a code of nobody."""

    def __init__(self, plan: Plan, start: int) -> None:
        self.dice = random.Random(f"{plan.seed}-{start}")
        world = World.made_up(TICKETS, seed=plan.seed)
        self._codes = [one.secret for one in world.positions.values()]
        self.in_hand: set[str] = set()
        self.inside: set[str] = set()
        lines = plan.acks.read_text().splitlines() if plan.acks.exists() else []
        for line in map(json.loads, lines):
            if line["verdict"] != "refuse" and self.crossed(line["text"], line["type"]):
                self.inside.symmetric_difference_update({line["text"]})
        self.left = max(0, plan.scans - len(lines))

    def crossed(self, text: str, kind: str) -> bool:
        """Whether the guest is now on the other side, as far as we know."""
        return (text in self.inside) == (kind == ScanType.EXIT)

    def draw(self) -> tuple[str, ScanType]:
        """One guest who is not just being answered, and in which mode the gate is."""
        if self.dice.random() < 0.03:
            text = self.dice.choice(["1", "17", "nobody's", "x" * 300, "%2F/..?", ""])
        else:
            text = self.dice.choice([one for one in self._codes if one not in self.in_hand])
        self.in_hand.add(text)
        sensible = ScanType.EXIT if text in self.inside else ScanType.ENTRY
        other = ScanType.ENTRY if sensible is ScanType.EXIT else ScanType.EXIT
        return text, sensible if self.dice.random() < _SENSIBLE else other
