"""Keeping tasks alive: background ones for ever, the camera a few times, systemd informed."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import socket
import time
from typing import TYPE_CHECKING, Protocol

from gated.errors import CameraError, GatedError
from gated.sync.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gated.health import Health

logger = logging.getLogger(__name__)

_LASTED_S = 30.0


async def keep_running(part: str, run: Callable[[], Awaitable[None]], health: Health) -> None:
    """Run a background task again and again, with growing pauses; its failures turn it yellow."""
    pace = Pace(first_s=1, longest_s=60)
    while True:
        started = time.monotonic()
        try:
            await run()
            return
        except GatedError as error:
            words = str(error)
            logger.warning("%s failed: %s", part, words)
        except Exception:
            # The one broad except: nothing in the background may end the gate.
            logger.exception("%s failed", part)
            words = "failed; the log says why"
        health.warn(part, words)
        if time.monotonic() - started > _LASTED_S:
            pace.reset()
        await asyncio.sleep(pace.next())


async def keep_seeing(
    run: Callable[[], Awaitable[None]],
    health: Health,
    *,
    tries: int = 5,
    pause_s: float = 1.0,
) -> None:
    """Restart a failing camera a few times in a row. Raises CameraError when that was in vain."""
    failures = 0
    while True:
        started = time.monotonic()
        try:
            await run()
            return
        except CameraError as error:
            if time.monotonic() - started > _LASTED_S:
                failures = 0
            failures += 1
            logger.error("camera failed, time %d of %d: %s", failures, tries, error)
            health.fail("camera", str(error))
            if failures >= tries:
                raise
        await asyncio.sleep(pause_s * failures)


class Notifier(Protocol):
    """What systemd is told; nothing happens where there is none."""

    def __call__(self, state: str) -> object:
        """Send an sd_notify state such as READY=1."""


def systemd_notifier() -> Notifier:
    """`systemd.daemon.notify`; silence where no systemd started this process. Never waits."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    try:
        from systemd.daemon import notify as tell  # noqa: PLC0415
    except ImportError:
        return lambda state: None  # noqa: ARG005

    def notify(state: str) -> None:
        try:
            # The library waits for a systemd that is stuck, and stops every thread meanwhile.
            if address and _has_room(address):
                tell(state)
        except OSError as error:
            logger.debug("systemd did not hear %s: %s", state, error)

    return notify


def _has_room(address: str) -> bool:
    """Whether systemd would take a message this moment. Raises OSError where it is not there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to_systemd:
        to_systemd.connect("\0" + address[1:] if address.startswith("@") else address)
        return bool(select.select([], [to_systemd], [], 0)[1])


def watchdog_s() -> float | None:
    """How often systemd wants a sign of life: a third of its patience; None where it asks none."""
    patience_us = os.environ.get("WATCHDOG_USEC", "")
    return int(patience_us) / 3e6 if patience_us.isdecimal() else None


async def feed_watchdog(
    notify: Notifier, *, every_s: float, alive: Callable[[], Awaitable[str]]
) -> None:
    """Ping systemd while `alive` finds nothing wrong; it returns what is, or an empty text."""
    while True:
        wrong = await alive()
        if wrong:
            logger.error("not feeding the watchdog: %s", wrong)
        else:
            notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
