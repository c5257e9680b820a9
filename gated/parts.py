"""Everything a gate is made of, built and opened in order and wired together."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.camera.eyes import Eyes, open_eyes
from gated.clock import Clock
from gated.desk import Desk
from gated.emergency import was_on
from gated.front import Front, open_front
from gated.gate import Gate, Shown
from gated.health import Bell, Health
from gated.standing import Standing, stand
from gated.steering import Steering, steer
from gated.store.database import Store
from gated.store.tickets import Keeper
from gated.sync.opening import Sync, open_sync
from gated.tryouts import Tryouts
from gated.web.actions import actions
from gated.web.afar import Afar, open_afar
from gated.web.closing import closing_actions, closing_commands
from gated.web.commands import commands
from gated.web.differences import difference_actions, difference_commands
from gated.web.enrolling import enrolment_state
from gated.web.opening import open_page_and_socket
from gated.web.state import Overview

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from contextlib import AsyncExitStack

    from gated.camera import Source
    from gated.config import Config
    from gated.model import Scan, Sighting
    from gated.panel import Input
    from gated.sync.push import Outcome
    from gated.web.actions import Action
    from gated.web.page import Page
    from gated.web.sessions import Sessions

logger = logging.getLogger(__name__)

_QUEUE = 4


@dataclass
class Extras:
    """What the demo and tests add to a gate; the defaults are a gate at work."""

    source: Source | None = None
    pin_factory: object | None = None
    clock: Clock = field(default_factory=Clock.system)
    camera_pause_s: float = 1.0
    sessions: Sessions | None = None
    """Who stays logged in to the page while the parts are built anew."""
    actions: Sequence[Action] = ()
    demo: Callable[[], dict[str, Any] | None] | None = None
    on_shown: Callable[[Shown], None] | None = None
    on_settled: Callable[[Scan, Outcome], None] | None = None
    on_ready: Callable[[Parts], None] | None = None
    on_waiting: Callable[[Any], None] | None = None
    """Hears of a gate (`waiting.Waiting`) that has to be enrolled first."""


@dataclass(frozen=True)
class Parts:
    """Everything a gate is made of, once it is open."""

    store: Store
    front: Front
    sync: Sync
    desk: Desk
    eyes: Eyes
    gate: Gate
    overview: Overview
    page: Page | None
    afar: Afar
    health: Health
    steering: Steering
    standing: Standing
    sightings: asyncio.Queue[Sighting | None]
    stop: asyncio.Event

    @property
    def anew(self) -> asyncio.Event:
        """The gate has another identity, or none: its parts have to be built anew."""
        return self.standing.anew

    @property
    def background(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What goes on beside the guests, by name."""
        return {
            **self.sync.background,
            "inputs": self.steering.follow,
            "passage": self.steering.passage.run,
            "schedule": self.steering.timetable.run,
            "enrolment": self.standing.enrolment.run,
            "revocation": self.standing.revocation.run,
        }

    async def answer(self) -> None:
        """Answer guests until a None comes."""
        await self.gate.run(self.sightings)


async def open_parts(
    stack: AsyncExitStack,
    config: Config,
    extras: Extras,
    *,
    stop: asyncio.Event | None = None,
    file: Config | None = None,
) -> Parts:
    """Build and open every part, the store first: what is opened last is closed first.

    `file` is the config without the identity that is laid over it, where there is one.
    """
    clock = extras.clock
    changed, lamps_changed = Bell(), Bell()
    health = Health(changed)
    inputs: asyncio.Queue[Input] = asyncio.Queue()
    sightings: asyncio.Queue[Sighting | None] = asyncio.Queue(_QUEUE)

    store = await stack.enter_async_context(Store(Path(config.store.path), config.key_file))
    keeper = Keeper(store.vault, names=config.privacy.names)
    front = await open_front(
        stack,
        config,
        clock,
        health,
        on_input=inputs.put_nowait,
        lamps_changed=lamps_changed,
        pin_factory=extras.pin_factory,
        way_open=await was_on(store, config.panel),
    )
    sync = await open_sync(
        stack, config, store, keeper, clock, health, on_settled=extras.on_settled
    )
    desk = Desk(
        store,
        front.panel,
        clock,
        health,
        on_change=changed.ring,
        on_owed=sync.push.wake,
        signals=front.signals,
    )
    await desk.start(config.gate.mode)
    eyes = open_eyes(
        config,
        extras.source,
        sightings,
        health,
        mode=lambda: desk.mode,
        clock=clock.monotonic,
        on_looked=lambda ms: afar.looked(ms),  # noqa: PLW0108  it is opened later
        light=front.torch_switch(config.panel),
    )
    standing = await stand(file or config, config.server, sync.client, store, clock, health)
    tryouts = Tryouts()
    steering = await steer(
        stack,
        config,
        front,
        store,
        clock,
        desk,
        sync.closing,
        inputs,
        tryouts,
        on_owed=sync.push.wake,
    )
    overview = Overview(
        config,
        store,
        clock,
        health,
        desk=desk,
        coming=steering.timetable.coming,
        passage=steering.passage.state,
        emergency=steering.emergency.state,
        lamps=front.panel.lamps,
        signals=front.signals,
        eyes=eyes.state,
        capabilities=lambda: sync.capabilities,
        closing=sync.closing.progress,
        census=sync.census.state,
        enrolment=partial(enrolment_state, standing.enrolment),
        demo=extras.demo,
    )

    def shown(answer: Shown) -> None:
        front.answer(answer)
        steering.heard(answer)
        overview.remember(answer)
        afar.shown(answer)
        sync.push.wake()
        if extras.on_shown:
            extras.on_shown(answer)
        changed.ring()

    gate = Gate(
        store,
        front.panel,
        keeper,
        clock,
        health,
        passage=steering.passage,
        lists=config.server.checkin_lists,
        policy=config.policy,
        asking=sync.asker.asking,
        ask=sync.asker.ask,
        reports=sync.can_report,
        on_shown=shown,
        signals=front.signals,
        is_tryout=tryouts.takes,
        is_free=lambda: steering.emergency.is_on,
    )

    sync.client.on_answer = overview.reached
    afar = await open_afar(
        stack,
        config,
        store,
        clock,
        health,
        desk=desk,
        eyes=eyes,
        differences=lambda: len(sync.census.differences),
        overview=overview,
    )
    page = await open_page_and_socket(
        stack,
        config,
        overview,
        eyes,
        desk,
        emergency=steering.emergency,
        enrolment=standing.enrolment,
        tryouts=tryouts,
        actions=(
            *actions(desk),
            *difference_actions(sync.census),
            *closing_actions(sync.closing),
            *extras.actions,
        ),
        commands={
            **commands(sync.pull, desk, eyes.aiming),
            **closing_commands(sync.closing),
            **difference_commands(sync.census),
        },
        rung_by=(changed, lamps_changed),
        sessions=extras.sessions,
    )
    changed.on_ring(lambda: front.refresh(desk.mode))
    return Parts(
        store=store,
        front=front,
        sync=sync,
        desk=desk,
        eyes=eyes,
        gate=gate,
        overview=overview,
        page=page,
        afar=afar,
        health=health,
        steering=steering,
        standing=standing,
        sightings=sightings,
        stop=stop or asyncio.Event(),
    )
