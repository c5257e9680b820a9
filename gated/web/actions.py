"""What a button of the page does, and who may press it: a row each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gated.errors import GatedError
from gated.model import ScanType
from gated.web.guard import Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gated.desk import Desk


@dataclass(frozen=True, slots=True)
class Action:
    """A button: its name in /api/actions/NAME, who may press it, and what it does.

    `run` gets the request's JSON object and the origin (who and from where) for the ledger. What
    it returns, if anything, the page gets; GatedError is a sentence for whoever pressed.
    """

    name: str
    role: Role
    run: Callable[[dict[str, Any], str], Awaitable[dict[str, Any] | None]]
    secret: tuple[str, ...] = ()
    """The arguments that are nobody's business afterwards."""

    def words(self, arguments: dict[str, Any]) -> str:
        """What was pressed, for the ledger."""
        told = {name: "…" if name in self.secret else arguments[name] for name in arguments}
        return f"{self.name} {json.dumps(told, ensure_ascii=False)}" if told else self.name


def actions(desk: Desk) -> tuple[Action, ...]:
    """The buttons of the page."""

    async def mode(arguments: dict[str, Any], origin: str) -> None:
        await desk.set_mode(mode_of(arguments), origin=origin)

    async def retry(arguments: dict[str, Any], origin: str) -> None:
        await desk.retry(text_of(arguments, "nonce"), origin=origin)

    async def settle(arguments: dict[str, Any], origin: str) -> None:
        nonce, why = text_of(arguments, "nonce"), text_of(arguments, "why")
        await desk.settle(nonce, why, origin=origin)

    return (
        Action("mode", Role.STAFF, mode),
        Action("retry", Role.ADMIN, retry),
        Action("settle", Role.ADMIN, settle),
    )


def text_of(arguments: dict[str, Any], name: str) -> str:
    """The text argument of this name. Raises GatedError."""
    value = arguments.get(name)
    if not isinstance(value, str):
        raise GatedError(f"{name} must be a text")
    return value


def mode_of(arguments: dict[str, Any]) -> ScanType:
    """The mode that was asked for. Raises GatedError."""
    try:
        return ScanType(arguments.get("mode", ""))
    except ValueError:
        raise GatedError('the mode is "entry" or "exit"') from None
