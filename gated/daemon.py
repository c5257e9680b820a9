"""Runs the parts of a gate in one TaskGroup, and stops them in order. No logic."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gated.identity import enrols, laid_over
from gated.parts import Extras, Parts, open_parts
from gated.supervise import feed_watchdog, keep_running, keep_seeing, systemd_notifier, watchdog_s
from gated.waiting import Waiting, open_waiting
from gated.web.opening import sessions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gated.config import Config
    from gated.supervise import Notifier

__all__ = ["Extras", "Parts", "run"]

logger = logging.getLogger(__name__)

_FINISH_S = 1.2


async def run(config: Config, extras: Extras | None = None) -> None:
    """Run a gate until SIGTERM or SIGINT; `config` is the file's. Raises GatedError.

    Whenever the gate is enrolled, or no longer is, its parts are built anew.
    """
    extras = extras or Extras()
    # Whoever enrols the gate on its page stays logged in when it begins to work.
    extras = replace(extras, sessions=extras.sessions or sessions_of(config.web))
    notify = systemd_notifier()
    stop = asyncio.Event()
    try:
        with _told_to_stop(stop):
            while not stop.is_set():
                async with AsyncExitStack() as stack:
                    parts = await _open(stack, config, extras, stop)
                    await _work(parts, extras, notify)
    except BaseExceptionGroup as group:
        raise _first(group) from group


async def _open(
    stack: AsyncExitStack, config: Config, extras: Extras, stop: asyncio.Event
) -> Parts | Waiting:
    """A gate that knows its server and lists, or one that waits to learn them."""
    known = laid_over(config)
    server = known.server
    if enrols(config) and not (server.token_file and server.event and server.checkin_lists):
        return await open_waiting(stack, config, extras, stop=stop)
    return await open_parts(stack, known, extras, stop=stop, file=config)


async def _work(parts: Parts | Waiting, extras: Extras, notify: Notifier) -> None:
    """Run the vital tasks and the background ones until told to stop, then stop in order."""

    async def announce() -> None:
        await parts.eyes.started()
        notify("READY=1")
        logger.info(
            "%s, mode %s, page %s",
            "ready" if isinstance(parts, Parts) else "waits to be enrolled",
            parts.desk.mode,
            parts.page.url if parts.page else "off",
        )
        if extras.on_ready and isinstance(parts, Parts):
            extras.on_ready(parts)
        if extras.on_waiting and isinstance(parts, Waiting):
            extras.on_waiting(parts)

    async def tell_systemd() -> None:
        while True:
            notify(f"STATUS={await parts.overview.sentence()}")
            await asyncio.sleep(5)

    async with asyncio.TaskGroup() as tasks:
        eyes = _open_eyes(tasks, parts, extras)
        answering = tasks.create_task(parts.answer(), name="gate")
        background = [
            tasks.create_task(keep_running(part, work, parts.health), name=part)
            for part, work in (
                ("announce", announce),
                *parts.background.items(),
                ("status", tell_systemd),
            )
        ]
        if every_s := watchdog_s():
            watchdog = feed_watchdog(notify, every_s=every_s, alive=parts.afar.vitals.ill)
            background.append(tasks.create_task(watchdog, name="watchdog"))
        await _either(parts.stop, parts.anew)
        if parts.stop.is_set():
            notify("STOPPING=1")
        logger.info("stopping" if parts.stop.is_set() else "starting anew")
        await _close_eyes(eyes)
        await parts.sightings.put(None)
        await asyncio.wait({answering}, timeout=_FINISH_S)
        for task in (answering, *background):
            task.cancel()


async def _either(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _open_eyes(
    tasks: asyncio.TaskGroup, parts: Parts | Waiting, extras: Extras
) -> set[asyncio.Task[None]]:
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


@contextmanager
def _told_to_stop(stop: asyncio.Event) -> Iterator[None]:
    """Have the signals set `stop`, between two sets of parts, too."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that ended the gate; the others are its echo."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
