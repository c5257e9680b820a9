"""A gate before a real pretix, and a gate that only decides."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pretix_scenes import Scene
from pretix_server import ORGANIZER, Pretix
from rig import Bench, Hands, Window, settings
from test_decide import NOW

from gated import config, daemon
from gated.clock import Clock
from gated.gate import Shown
from gated.health import Health
from gated.model import Decision, Scan, Sighting
from gated.panel.pins import mock_pins
from gated.server.client import Client
from gated.store import ledger
from gated.store.database import Store
from gated.store.redeem import Asking, Redeemed, Redemption, redeem
from gated.store.tickets import Keeper
from gated.sync.pull import Pull


class Watch(Hands):
    """Guests come far apart, but the time told to pretix is the true one."""

    def wall(self) -> datetime:
        return datetime.now(UTC)


class AtPretix(Bench):
    """A gate whose server takes its time; codes come as the camera would have read them."""

    async def scan(self, text: str) -> Shown:
        """Hold up a code as a new guest, and wait for the lamp."""
        self.hands.advance(20)
        seen = self.hands.monotonic()
        await self.parts.sightings.put(Sighting(text, "QRCode", self.parts.desk.mode, seen))
        return await asyncio.wait_for(self.answers.get(), 10)

    async def settled(self, *, within_s: float = 60.0) -> list[Scan]:
        """Wait until nothing is owed; give back the whole ledger."""
        async with asyncio.timeout(within_s):
            while True:
                scans = await self.scans()
                if all(scan.state.settled for scan in scans):
                    return scans
                await asyncio.sleep(0.1)

    async def scans(self) -> list[Scan]:
        return await self.parts.store.read(lambda db: list(ledger.every(db)))

    async def mode(self, mode: str) -> None:
        """Press the button if need be."""
        if self.parts.desk.mode != mode:
            await self.parts.desk.press()


@asynccontextmanager
async def gate_at_pretix(
    pretix: Pretix,
    folder: Path,
    /,
    *,
    lists: tuple[str, ...] = ("all",),
    event: str = "conf",
    token: str = "team",
    mode: str = "entry",
    url: str = "",
    pulled: bool = True,
    **server: Any,
) -> AsyncIterator[AtPretix]:
    """Run the whole daemon in this process, before a window."""
    hands = Watch()
    window = Window(hands)
    pins = mock_pins()
    ready: asyncio.Future[daemon.Parts] = asyncio.get_running_loop().create_future()
    answers: asyncio.Queue[Shown] = asyncio.Queue()
    document = settings(
        url or pretix.url,
        folder,
        gate={"mode": mode},
        server={
            "event": event,
            "checkin_lists": [pretix.lists[key] for key in lists],
            "timeout_s": 20.0,
            # SQLite behind two busy workers is slower than any server at a venue.
            "confirm_timeout_ms": 5000,
            **server,
        },
    )
    # A bare token is a device's.
    bare = pretix.tokens[token].removeprefix("Device ")
    (folder / "token").write_text(bare, encoding="ascii")
    extras = daemon.Extras(
        source=window,
        pin_factory=pins,
        clock=hands.clock,
        camera_pause_s=0.01,
        on_shown=answers.put_nowait,
        on_ready=ready.set_result,
    )
    running = asyncio.create_task(daemon.run(config.parse(document), extras))
    either: set[asyncio.Future[Any]] = {running, ready}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        await running
    parts = await ready
    if pulled:
        async with asyncio.timeout(60):
            while not parts.sync.pull.can_list:
                await asyncio.sleep(0.05)
    try:
        yield AtPretix(
            parts=parts, window=window, hands=hands, pins=pins, running=running, answers=answers
        )
    finally:
        parts.stop.set()
        await running


def decide_all(pretix: Pretix, folder: Path, scenes: list[Scene]) -> dict[str, Decision]:
    """Pull, let things happen, pull again; then decide every scene at NOW, by its key."""
    return asyncio.run(_decide_all(pretix, folder, scenes))


async def _decide_all(pretix: Pretix, folder: Path, scenes: list[Scene]) -> dict[str, Decision]:
    events = sorted({scene.event for scene in scenes})
    # It stands still: however long pulling takes, the list is no older than the decisions.
    clock = Clock(wall=lambda: NOW, monotonic=lambda: 0.0, boot_id="test-boot")
    token = pretix.tokens["full"]
    decisions: dict[str, Decision] = {}
    for first in (True, False):
        if not first:
            pretix.age()
        for event in events:
            server = config.Server(
                url=pretix.url,
                organizer=ORGANIZER,
                event=event,
                checkin_lists=tuple(
                    number for key, number in pretix.lists.items() if key.startswith(f"{event} ")
                ),
                token_file="unused",
                timeout_s=60,
            )
            async with (
                Store(folder / f"{event}.db", folder / f"{event}.key") as store,
                Client(server, token) as client,
            ):
                pull = Pull(client, store, Keeper(store.vault), clock, Health(), every_s=60)
                await pull.probe()
                await pull.once()
                if first:
                    continue
                for scene in scenes:
                    if scene.event == event:
                        decisions[scene.key] = await _decide(pretix, store, scene)
    return decisions


async def _decide(pretix: Pretix, store: Store, scene: Scene) -> Decision:
    redemption = Redemption(
        nonce=scene.key,
        type=scene.type,
        secret_hash=store.vault.hash(scene.secret),
        at=NOW,
        lists=tuple(pretix.lists[key] for key in scene.lists),
        policy=scene.row.policy,
    )
    # The list was pulled at NOW: without asking it is believed, with a server away it is not.
    asking = Asking.NEVER if scene.row.believed else Asking.AWAY
    answer = await store.write(partial(redeem, redemption=redemption, asking=asking))
    assert isinstance(answer, Redeemed)
    return answer.decision
