"""Mending what the server and this gate disagree about, from the page and by command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.errors import GatedError
from gated.web.actions import Action
from gated.web.guard import Role

if TYPE_CHECKING:
    from gated.sync.census import Census
    from gated.web.control import Command, Say


def difference_actions(census: Census) -> tuple[Action, ...]:
    """The buttons of the page."""

    async def repair(arguments: dict[str, Any], origin: str) -> None:
        list_id, position_id = (_number(arguments, name) for name in ("list_id", "position_id"))
        await census.repair(list_id, position_id, origin=origin)

    return (Action("repair", Role.ADMIN, repair),)


def difference_commands(
    census: Census,
) -> dict[str, Command]:
    """The commands of the control socket."""

    async def repair(arguments: dict[str, Any], say: Say) -> None:
        position_id = _number(arguments, "position_id")
        await say({"lists": await census.repair_person(position_id, origin="command")})

    return {"repair": repair}


def _number(arguments: dict[str, Any], name: str) -> int:
    value = arguments.get(name)
    if type(value) is not int:
        raise GatedError(f"{name} must be a number")
    return value
