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
from gated.server.client import Client
from gated.server.token import read_token
from gated.standing import Standing, stand
from gated.steering import Steering, steer
from gated.store.database import Store
from gated.store.tickets import Keeper
from gated.sync.ask import Asker
from gated.sync.bulk import Bulk
from gated.sync.census import Census
from gated.sync.changes import Changes
from gated.sync.checkout_all import CheckOutAll
from gated.sync.forgetting import Forgetting
from gated.sync.freshness import Freshness
from gated.sync.pull import Pull
from gated.sync.push import Push
from gated.sync.timekeeper import Timekeeper
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
    client: Client
    desk: Desk
    eyes: Eyes
    pull: Pull
    freshness: Freshness
    forgetting: Forgetting
    changes: Changes
    push: Push
    timekeeper: Timekeeper
    closing: CheckOutAll
    census: Census
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
            "clock": self.timekeeper.run,
            "pull": self.pull.run,
            "changes": self.changes.run,
            "freshness": self.freshness.run,
            "forgetting": self.forgetting.run,
            "push": self.push.run,
            "closing": self.closing.run,
            "census": self.census.run,
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
    desk = Desk(
        store,
        front.panel,
        clock,
        health,
        on_change=changed.ring,
        on_owed=lambda: push.wake(),  # noqa: PLW0108  it is made later
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
    client, timekeeper = await _open_client(
        stack, Client(config.server, read_token(config.server)), store, clock, health
    )

    def taken_in() -> None:
        census.wake()
        changed.ring()

    changes = Changes(
        client,
        store,
        keeper,
        clock,
        health,
        every_s=config.server.pull_s,
        capabilities=lambda: pull.capabilities,
        on_changed=taken_in,
    )

    def pulled() -> None:
        push.back()  # a token that works again works for the upload too
        taken_in()

    pull = Pull(
        client,
        store,
        keeper,
        clock,
        health,
        every_s=config.server.complete_s,
        changes=changes,
        on_pulled=pulled,
    )
    await pull.remember()

    def settled(scan: Scan, outcome: Outcome) -> None:
        closing.settled(scan, outcome)
        if extras.on_settled:
            extras.on_settled(scan, outcome)
        changed.ring()

    push = Push(
        client,
        store,
        clock,
        health,
        capabilities=lambda: pull.capabilities,
        exit_via=config.server.exit_via,
        look_again=pull.probe,
        before_telling=timekeeper.before_telling,
        on_settled=settled,
    )
    census = Census(
        client,
        store,
        clock,
        health,
        capacity=config.gate.capacity,
        every_s=3 * config.server.pull_s,
        on_owed=push.wake,
    )
    closing = CheckOutAll(
        client,
        store,
        clock,
        health,
        bulk=Bulk(
            client,
            store,
            clock,
            most=config.server.bulk_most,
            capabilities=lambda: pull.capabilities,
            read_list=pull.once,
        ),
        on_owed=push.wake,
        on_change=changed.ring,
    )
    standing = await stand(file or config, config.server, client, store, clock, health)
    tryouts = Tryouts()
    steering = await steer(
        stack, config, front, store, clock, desk, closing, inputs, tryouts, on_owed=push.wake
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
        capabilities=lambda: pull.capabilities,
        closing=closing.progress,
        census=census.state,
        enrolment=partial(enrolment_state, standing.enrolment),
        demo=extras.demo,
    )
    asker = Asker(
        client, timeout_ms=config.server.confirm_timeout_ms, can_list=lambda: pull.can_list
    )

    def shown(answer: Shown) -> None:
        front.answer(answer)
        steering.heard(answer)
        overview.remember(answer)
        afar.shown(answer)
        push.wake()
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
        asking=asker.asking,
        ask=asker.ask,
        reports=lambda: bool(pull.capabilities and pull.capabilities.failed_checkins),
        on_shown=shown,
        signals=front.signals,
        is_tryout=tryouts.takes,
        is_free=lambda: steering.emergency.is_on,
    )

    client.on_reach, client.on_answer = partial(_reached, health, push), overview.reached
    afar = await open_afar(
        stack,
        config,
        store,
        clock,
        health,
        desk=desk,
        eyes=eyes,
        differences=lambda: len(census.differences),
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
            *difference_actions(census),
            *closing_actions(closing),
            *extras.actions,
        ),
        commands={
            **commands(pull, desk, eyes.aiming),
            **closing_commands(closing),
            **difference_commands(census),
        },
        rung_by=(changed, lamps_changed),
        sessions=extras.sessions,
    )
    changed.on_ring(lambda: front.refresh(desk.mode))
    return Parts(
        store=store,
        front=front,
        client=client,
        desk=desk,
        eyes=eyes,
        pull=pull,
        freshness=Freshness(store, clock, health, old_s=config.server.old_after_s),
        forgetting=Forgetting(store, clock, keep_days=config.privacy.keep_days),
        changes=changes,
        push=push,
        timekeeper=timekeeper,
        closing=closing,
        census=census,
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


async def _open_client(
    stack: AsyncExitStack, client: Client, store: Store, clock: Clock, health: Health
) -> tuple[Client, Timekeeper]:
    """Every answer of the server's tells the time, too."""
    timekeeper = Timekeeper(clock, store, health, ask=client.version)
    await timekeeper.start()
    client.on_date = timekeeper.learn
    return await stack.enter_async_context(client), timekeeper


def _reached(health: Health, push: Push, reachable: bool) -> None:  # noqa: FBT001  called so
    if reachable:
        health.ok("server", "connected")
        push.back()
    else:
        health.warn("server", "does not answer: the gate goes on by itself")
