"""Runs the parts of a gate in one TaskGroup, and stops them in order. No logic."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from gated.parts import Extras, Parts, open_parts
from gated.supervise import feed_watchdog, keep_running, keep_seeing, systemd_notifier, watchdog_s

if TYPE_CHECKING:
    from gated.config import Config
    from gated.supervise import Notifier

__all__ = ["Extras", "Parts", "run"]

logger = logging.getLogger(__name__)

_FINISH_S = 1.2


async def run(config: Config, extras: Extras | None = None) -> None:
    """Run a gate until SIGTERM or SIGINT. Raises GatedError."""
    extras = extras or Extras()
    notify = systemd_notifier()
    try:
        async with AsyncExitStack() as stack:
            parts = await open_parts(stack, config, extras)
            await _work(parts, extras, notify)
    except BaseExceptionGroup as group:
        raise _first(group) from group


async def _work(parts: Parts, extras: Extras, notify: Notifier) -> None:
    """Run the vital tasks and the background ones until told to stop, then stop in order."""

    async def announce() -> None:
        await parts.eyes.started()
        notify("READY=1")
        logger.info(
            "ready, mode %s, page %s", parts.desk.mode, parts.page.url if parts.page else "off"
        )
        if extras.on_ready:
            extras.on_ready(parts)

    async def tell_systemd() -> None:
        while True:
            notify(f"STATUS={await parts.overview.sentence()}")
            await asyncio.sleep(5)

    async with asyncio.TaskGroup() as tasks:
        eyes = _open_eyes(tasks, parts, extras)
        scanning = tasks.create_task(parts.gate.run(parts.sightings), name="gate")
        background = [
            tasks.create_task(keep_running(part, work, parts.health), name=part)
            for part, work in (
                ("announce", announce),
                ("clock", parts.timekeeper.run),
                ("pull", parts.pull.run),
                ("changes", parts.changes.run),
                ("freshness", parts.freshness.run),
                ("forgetting", parts.forgetting.run),
                ("push", parts.push.run),
                ("closing", parts.closing.run),
                ("census", parts.census.run),
                ("inputs", parts.steering.follow),
                ("schedule", parts.steering.timetable.run),
                ("status", tell_systemd),
            )
        ]
        if every_s := watchdog_s():
            watchdog = feed_watchdog(notify, every_s=every_s, alive=parts.afar.vitals.ill)
            background.append(tasks.create_task(watchdog, name="watchdog"))
        await _told_to_stop(parts.stop)
        notify("STOPPING=1")
        logger.info("stopping")
        await _close_eyes(eyes)
        await parts.sightings.put(None)
        await asyncio.wait({scanning}, timeout=_FINISH_S)
        for task in (scanning, *background):
            task.cancel()


def _open_eyes(tasks: asyncio.TaskGroup, parts: Parts, extras: Extras) -> set[asyncio.Task[None]]:
    """Start what sees; a camera that fails for good ends the gate, a scan engine never does."""
    eyes = {tasks.create_task(one.run(), name=one.name) for one in parts.eyes.scanners}
    if camera := parts.eyes.reader:
        seeing = keep_seeing(camera.run, parts.health, pause_s=extras.camera_pause_s)
        eyes.add(tasks.create_task(seeing, name="camera"))
    return eyes


async def _close_eyes(eyes: set[asyncio.Task[None]]) -> None:
    for eye in eyes:
        eye.cancel()
    await asyncio.wait(eyes)


async def _told_to_stop(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await stop.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended the gate; the others are its echo."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
