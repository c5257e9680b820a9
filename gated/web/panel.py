"""What is done about the panel, from the page and by command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.web.actions import Action, text_of
from gated.web.guard import Role

if TYPE_CHECKING:
    from gated.desk import Desk
    from gated.emergency import Emergency
    from gated.web.control import Command, Say


def panel_actions(desk: Desk, emergency: Emergency) -> tuple[Action, ...]:
    """The buttons."""

    async def lock(arguments: dict[str, Any], origin: str) -> None:
        await desk.lock(locked=arguments.get("locked") is True, origin=origin)

    async def test(arguments: dict[str, Any], origin: str) -> None:
        await desk.test(text_of(arguments, "signal"), origin=origin)

    async def annul(arguments: dict[str, Any], origin: str) -> None:
        await desk.annul(text_of(arguments, "nonce"), origin=origin)

    async def free(arguments: dict[str, Any], origin: str) -> None:
        await emergency.set(on=arguments.get("on") is True, origin=origin)

    return (
        Action("annul", Role.STAFF, annul),
        Action("emergency", Role.STAFF, free),
        Action("lock", Role.STAFF, lock),
        Action("panel_test", Role.STAFF, test),
    )


def panel_commands(
    desk: Desk,
    emergency: Emergency,
) -> dict[str, Command]:
    """The commands of the control socket."""

    async def lock(arguments: dict[str, Any], say: Say) -> None:
        await desk.lock(locked=arguments.get("locked") is True, origin="command")
        await say({"locked": desk.locked})

    async def test(arguments: dict[str, Any], say: Say) -> None:
        signal = await desk.test(text_of(arguments, "signal"), origin="command")
        await say({"signal": signal.name, "seconds": signal.seconds})

    async def annul(arguments: dict[str, Any], say: Say) -> None:
        scans = await desk.annul(text_of(arguments, "nonce"), origin="command")
        await say({"scans": [{"nonce": one.nonce, "state": str(one.state)} for one in scans]})

    async def free(arguments: dict[str, Any], say: Say) -> None:
        await emergency.set(on=arguments.get("on") is True, origin="command")
        await say(emergency.state())

    return {"annul": annul, "emergency": free, "lock": lock, "panel_test": test}
