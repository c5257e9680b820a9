"""Builds every part, runs them in one TaskGroup, stops them in order. No logic."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.camera import open_source
from gated.camera.reader import Reader
from gated.camera.repeat import Repeat
from gated.clock import Clock
from gated.desk import Desk
from gated.errors import PanelError
from gated.gate import Gate, Shown
from gated.health import Bell, Health
from gated.panel import open_panel
from gated.server.client import Client
from gated.server.token import read_token
from gated.signals import STATUS
from gated.store.database import Store
from gated.store.tickets import Keeper
from gated.supervise import feed_watchdog, keep_running, keep_seeing, systemd_notifier, watchdog_s
from gated.sync.ask import Asker
from gated.sync.changes import Changes
from gated.sync.pull import Pull
from gated.sync.push import Push
from gated.web.commands import actions, commands
from gated.web.control import Control
from gated.web.page import Page
from gated.web.state import Overview

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gated.camera import Source
    from gated.config import Config
    from gated.model import Scan, Sighting
    from gated.panel import Panel
    from gated.supervise import Notifier
    from gated.sync.push import Outcome

logger = logging.getLogger(__name__)

_QUEUE = 4
_FINISH_S = 1.2


@dataclass
class Extras:
    """What the demo and tests add to a gate; the defaults are a gate at work."""

    source: Source | None = None
    pin_factory: object | None = None
    clock: Clock = field(default_factory=Clock.system)
    camera_pause_s: float = 1.0
    actions: Mapping[str, Callable[[dict[str, Any]], Awaitable[None]]] = field(default_factory=dict)
    demo: Callable[[], dict[str, Any] | None] | None = None
    on_shown: Callable[[Shown], None] | None = None
    on_settled: Callable[[Scan, Outcome], None] | None = None
    on_ready: Callable[[Parts], None] | None = None


@dataclass(frozen=True)
class Parts:
    """Everything a gate is made of, once it is open."""

    store: Store
    panel: Panel
    client: Client
    desk: Desk
    reader: Reader
    pull: Pull
    changes: Changes
    push: Push
    gate: Gate
    overview: Overview
    page: Page | None
    health: Health
    presses: asyncio.Queue[None]
    sightings: asyncio.Queue[Sighting | None]
    stop: asyncio.Event


async def run(config: Config, extras: Extras | None = None) -> None:
    """Run a gate until SIGTERM or SIGINT. Raises GatedError."""
    extras = extras or Extras()
    notify = systemd_notifier()
    try:
        async with AsyncExitStack() as stack:
            parts = await _open(stack, config, extras)
            await _work(parts, extras, notify)
    except BaseExceptionGroup as group:
        raise _first(group) from group


async def _open(stack: AsyncExitStack, config: Config, extras: Extras) -> Parts:
    """Build and open every part, the store first: what is opened last is closed first."""
    token = read_token(config.server)
    source = extras.source or open_source(config.camera)
    clock = extras.clock
    changed, lamps_changed = Bell(), Bell()
    health = Health(changed)
    presses: asyncio.Queue[None] = asyncio.Queue()
    sightings: asyncio.Queue[Sighting | None] = asyncio.Queue(_QUEUE)

    store = await stack.enter_async_context(Store(Path(config.store.path), config.key_file))
    keeper = Keeper(store.vault, names=config.privacy.names)
    panel = await _open_panel(stack, config, extras, health, presses, lamps_changed)
    desk = Desk(store, panel, clock, health, on_change=changed.ring)
    await desk.start(config.gate.mode)
    reader = Reader(source, Repeat(again_s=config.gate.again_s), sightings, mode=lambda: desk.mode)
    client = await stack.enter_async_context(Client(config.server, token))
    changes = Changes(
        client,
        store,
        keeper,
        clock,
        health,
        every_s=config.server.pull_s,
        capabilities=lambda: pull.capabilities,
        on_changed=changed.ring,
    )

    def pulled() -> None:
        push.back()  # a token that works again works for the upload too
        changed.ring()

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
        on_settled=settled,
    )
    overview = Overview(
        config,
        store,
        clock,
        health,
        mode=lambda: desk.mode,
        lamps=panel.lamps,
        camera=reader.state,
        capabilities=lambda: pull.capabilities,
        demo=extras.demo,
    )
    asker = Asker(
        client, timeout_ms=config.server.confirm_timeout_ms, can_list=lambda: pull.can_list
    )

    def shown(answer: Shown) -> None:
        overview.remember(answer)
        push.wake()
        if extras.on_shown:
            extras.on_shown(answer)
        changed.ring()

    gate = Gate(
        store,
        panel,
        keeper,
        clock,
        health,
        lists=config.server.checkin_lists,
        policy=config.policy,
        asking=asker.asking,
        ask=asker.ask,
        reports=lambda: bool(pull.capabilities and pull.capabilities.failed_checkins),
        on_shown=shown,
    )

    def reached(reachable: bool) -> None:  # noqa: FBT001  the client calls it so
        if reachable:
            health.ok("server", "connected")
            push.back()
        else:
            health.warn("server", "does not answer: the gate goes on by itself")

    client.on_reach = reached
    client.on_answer = overview.reached
    page = None
    if config.web.enabled:
        page = await stack.enter_async_context(
            Page(
                host=config.web.host,
                port=config.web.port,
                state=overview.state,
                lamps=overview.lamps,
                picture=reader.jpeg,
                actions={**actions(desk), **extras.actions},
            )
        )
        changed.on_ring(page.changed)
        lamps_changed.on_ring(page.lamps_changed)
    await stack.enter_async_context(Control(config.control_socket, commands(overview, pull, desk)))
    changed.on_ring(lambda: _show_status(panel, health, health.pattern))
    return Parts(
        store=store,
        panel=panel,
        client=client,
        desk=desk,
        reader=reader,
        pull=pull,
        changes=changes,
        push=push,
        gate=gate,
        overview=overview,
        page=page,
        health=health,
        presses=presses,
        sightings=sightings,
        stop=asyncio.Event(),
    )


async def _open_panel(
    stack: AsyncExitStack,
    config: Config,
    extras: Extras,
    health: Health,
    presses: asyncio.Queue[None],
    lamps_changed: Bell,
) -> Panel:
    """Open the configured panel; where it does not open, scanning goes on and the page says so."""

    def failed(error: PanelError) -> None:
        health.fail("panel", str(error))

    def build(panel: Any) -> Panel:
        return open_panel(
            panel,
            pin_factory=extras.pin_factory,
            on_press=lambda: presses.put_nowait(None),
            on_change=lamps_changed.ring,
            on_failure=failed,
        )

    try:
        panel = await stack.enter_async_context(build(config.panel))
        _show_status(panel, health, "starting")
    except PanelError as error:
        logger.error("no lamps: %s", error)
        failed(error)
        dark = config.panel.model_copy(update={"kind": "none"})
        return await stack.enter_async_context(build(dark))
    return panel


async def _work(parts: Parts, extras: Extras, notify: Notifier) -> None:
    """Run the vital tasks and the background ones until told to stop, then stop in order."""

    async def announce() -> None:
        await parts.reader.started.wait()
        parts.health.ok("camera", parts.reader.source.name)
        notify("READY=1")
        logger.info(
            "ready, mode %s, page %s", parts.desk.mode, parts.page.url if parts.page else "off"
        )
        if extras.on_ready:
            extras.on_ready(parts)

    async def follow_button() -> None:
        while True:
            await parts.presses.get()
            await parts.desk.toggle_mode(origin="button")

    async def tell_systemd() -> None:
        while True:
            notify(f"STATUS={await parts.overview.sentence()}")
            await asyncio.sleep(5)

    async def alive() -> str:
        return parts.reader.stalled() or await parts.store.silent()

    async with asyncio.TaskGroup() as tasks:
        camera = tasks.create_task(
            keep_seeing(parts.reader.run, parts.health, pause_s=extras.camera_pause_s),
            name="camera",
        )
        scanning = tasks.create_task(parts.gate.run(parts.sightings), name="gate")
        background = [
            tasks.create_task(keep_running(part, work, parts.health), name=part)
            for part, work in (
                ("announce", announce),
                ("pull", parts.pull.run),
                ("changes", parts.changes.run),
                ("push", parts.push.run),
                ("button", follow_button),
                ("status", tell_systemd),
            )
        ]
        if every_s := watchdog_s():
            watchdog = feed_watchdog(notify, every_s=every_s, alive=alive)
            background.append(tasks.create_task(watchdog, name="watchdog"))
        await _told_to_stop(parts.stop)
        notify("STOPPING=1")
        logger.info("stopping")
        camera.cancel()
        await asyncio.wait({camera})
        await parts.sightings.put(None)
        await asyncio.wait({scanning}, timeout=_FINISH_S)
        for task in (scanning, *background):
            task.cancel()


async def _told_to_stop(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _show_status(panel: Panel, health: Health, pattern: str) -> None:
    try:
        panel.set_status(STATUS[pattern])
    except PanelError as error:
        health.fail("panel", str(error))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended the gate; the others are its echo."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
