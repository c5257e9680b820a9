"""What the control socket can have done: arguments checked, then the desk called."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gated.web.actions import mode_of, text_of

if TYPE_CHECKING:
    from gated.camera.aiming import Aiming
    from gated.desk import Desk
    from gated.sync.pull import Progress, Pull
    from gated.web.control import Command, Say
    from gated.web.state import Overview

_AIM_EVERY_S = 0.3


def status_command(overview: Overview) -> dict[str, Command]:
    """What every running gate answers, also one that was not enrolled yet."""

    async def status(_: dict[str, Any], say: Say) -> None:
        await say(await overview.state())

    return {"status": status}


def commands(pull: Pull, desk: Desk, aiming: Aiming) -> dict[str, Command]:
    """What a gate at work answers besides; each may answer with several JSON objects."""

    async def mode(arguments: dict[str, Any], say: Say) -> None:
        await desk.set_mode(mode_of(arguments), origin="command")
        await say({"mode": str(desk.mode)})

    async def aim(arguments: dict[str, Any], say: Say) -> None:
        await say(await aiming.look())
        with suppress(ConnectionError):  # until whoever asked has gone
            while not arguments.get("once"):
                await asyncio.sleep(_AIM_EVERY_S)
                await say(await aiming.look())

    async def sync(_: dict[str, Any], say: Say) -> None:
        steps: asyncio.Queue[Progress | None] = asyncio.Queue()
        pulling = asyncio.create_task(pull.once(steps.put_nowait))
        pulling.add_done_callback(lambda _: steps.put_nowait(None))
        try:
            while step := await steps.get():
                await say({"list": step.list_name, "done": step.done, "total": step.total})
            await say(asdict(await pulling))
        finally:
            # Whoever asked has gone, or the gate stops: nobody would hear how it ended.
            pulling.cancel()

    async def retry(arguments: dict[str, Any], say: Say) -> None:
        scan = await desk.retry(text_of(arguments, "nonce"), origin="command")
        await say({"nonce": scan.nonce, "state": str(scan.state)})

    async def settle(arguments: dict[str, Any], say: Say) -> None:
        nonce, why = text_of(arguments, "nonce"), text_of(arguments, "why")
        scan = await desk.settle(nonce, why, origin="command")
        await say({"nonce": scan.nonce, "state": str(scan.state)})

    return {
        "aim": aim,
        "mode": mode,
        "sync": sync,
        "retry": retry,
        "settle": settle,
    }
