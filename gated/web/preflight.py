"""What `gated check` has the running gate do, which holds the camera and the pins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from gated.errors import GatedError
from gated.tryouts import AWAITED
from gated.web.actions import text_of

if TYPE_CHECKING:
    from gated.desk import Desk
    from gated.tryouts import Tryouts
    from gated.web.control import Command, Say

_LONGEST_S = 300


def preflight_commands(desk: Desk, tryouts: Tryouts) -> dict[str, Command]:
    """The commands of the control socket."""

    async def code(arguments: dict[str, Any], say: Say) -> None:
        wait_s = _patience_s(arguments)
        read = tryouts.expect(text_of(arguments, "text"))
        await say({"waiting": True})
        await asyncio.wait({read}, timeout=wait_s)
        await say({"read": read.done(), "eye": read.result().eye if read.done() else None})

    async def part(arguments: dict[str, Any], say: Say) -> None:
        seconds = await desk.try_part(text_of(arguments, "part"), origin="command")
        await say({"seconds": seconds})

    async def press(arguments: dict[str, Any], say: Say) -> None:
        part = arguments.get("part", "button")
        if part not in AWAITED:
            raise GatedError(f"part must be one of {', '.join(AWAITED)}")
        given = await tryouts.next_input(_patience_s(arguments), part)
        await say({"input": given and str(given)})

    return {"try_code": code, "try_part": part, "try_press": press}


def _patience_s(arguments: dict[str, Any]) -> float:
    seconds = arguments.get("patience_s")
    if not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_S:
        raise GatedError(f"patience_s must be more than 0, and {_LONGEST_S} at most")
    return float(seconds)
