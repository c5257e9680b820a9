"""Checking everybody out, from the page and by command: look first, then press."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gated.errors import GatedError
from gated.web.actions import Action
from gated.web.guard import Role

if TYPE_CHECKING:
    from gated.sync.checkout_all import CheckOutAll
    from gated.web.control import Command, Say

_PROGRESS_S = 0.5


def closing_actions(closing: CheckOutAll) -> tuple[Action, ...]:
    """The buttons: the first press looks, the second, confirmed, does it."""

    async def look(arguments: dict[str, Any], _: str) -> dict[str, Any]:
        lists = _lists(arguments)
        found = await closing.preview(lists)
        return {"lists": [asdict(one) for one in found], "no_bulk": await closing.no_bulk(lists)}

    async def press(arguments: dict[str, Any], origin: str) -> None:
        if arguments.get("confirmed") is not True:
            raise GatedError("look first who is inside, then confirm")
        bulk = arguments.get("bulk") is True
        await closing.press(_lists(arguments), bulk=bulk, origin=origin)

    async def resume(_: dict[str, Any], origin: str) -> None:
        await closing.resume(origin=origin)

    async def stop(_: dict[str, Any], origin: str) -> None:
        await closing.stop(origin=origin)

    return (
        Action("checkout_all_preview", Role.ADMIN, look),
        Action("checkout_all", Role.ADMIN, press),
        Action("checkout_all_resume", Role.ADMIN, resume),
        Action("checkout_all_stop", Role.ADMIN, stop),
    )


def closing_commands(
    closing: CheckOutAll,
) -> dict[str, Command]:
    """The commands of the control socket."""

    async def look(arguments: dict[str, Any], say: Say) -> None:
        found = await closing.preview(_lists(arguments))
        await say({"lists": [asdict(one) for one in found]})

    async def press(arguments: dict[str, Any], say: Say) -> None:
        """Press, and tell how it goes until it is through or the caller has gone."""
        if arguments.get("resume"):
            await closing.resume(origin="command")
        else:
            bulk = arguments.get("bulk") is True
            await closing.press(_lists(arguments), bulk=bulk, origin="command")
        while progress := await closing.progress():
            await say(progress)
            if progress["state"] != "going":
                return
            await asyncio.sleep(_PROGRESS_S)

    async def stop(_: dict[str, Any], say: Say) -> None:
        await closing.stop(origin="command")
        await say({"stopped": True})

    return {"checkout_all_preview": look, "checkout_all": press, "checkout_all_stop": stop}


def _lists(arguments: dict[str, Any]) -> tuple[int, ...]:
    """The check-in lists asked for; none are all of this gate's. Raises GatedError."""
    lists = arguments.get("lists", [])
    if not isinstance(lists, list) or any(type(one) is not int for one in lists):
        raise GatedError("lists must be numbers of check-in lists, as in [1, 2]")
    return tuple(lists)
