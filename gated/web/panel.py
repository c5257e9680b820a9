"""What is done about the panel, from the page and by command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.web.actions import Action, text_of
from gated.web.guard import Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gated.desk import Desk


def panel_actions(desk: Desk) -> tuple[Action, ...]:
    """The buttons."""

    async def lock(arguments: dict[str, Any], origin: str) -> None:
        await desk.lock(locked=arguments.get("locked") is True, origin=origin)

    async def test(arguments: dict[str, Any], origin: str) -> None:
        await desk.test(text_of(arguments, "signal"), origin=origin)

    return (Action("lock", Role.STAFF, lock), Action("panel_test", Role.STAFF, test))


def panel_commands(
    desk: Desk,
) -> dict[
    str,
    Callable[[dict[str, Any], Callable[[dict[str, Any]], Awaitable[None]]], Awaitable[None]],
]:
    """The commands of the control socket."""

    async def lock(
        arguments: dict[str, Any], say: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        await desk.lock(locked=arguments.get("locked") is True, origin="command")
        await say({"locked": desk.locked})

    async def test(
        arguments: dict[str, Any], say: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> None:
        signal = await desk.test(text_of(arguments, "signal"), origin="command")
        await say({"signal": signal.name, "seconds": signal.seconds})

    return {"lock": lock, "panel_test": test}
