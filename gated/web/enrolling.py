"""Enrolment on the page and over the control socket: arguments checked, then enrolment called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.errors import EnrolmentRefused, GatedError
from gated.logs import printable
from gated.server.handshake import handshake_of, read_handshake
from gated.web.actions import Action, text_of
from gated.web.guard import Role

if TYPE_CHECKING:
    from gated.enrolment import Enrolment
    from gated.identity import Identity
    from gated.web.control import Command, Say


def enrolment_state(enrolment: Enrolment) -> dict[str, Any]:
    """What page and status show of it. Raises StoreError."""
    identity = enrolment.identity
    return {
        **_told(identity),
        "state": _state(identity) if enrolment.enrols else "config",
        "expects": enrolment.expects,
        "words": enrolment.words,
        "choices": _choices(enrolment),
    }


def enrolment_actions(enrolment: Enrolment) -> tuple[Action, ...]:
    """The page's part: who gets a gate a new home is the admin."""

    async def enrol(arguments: dict[str, Any], origin: str) -> dict[str, Any]:
        return await _enrol(enrolment, arguments, origin)

    return (Action("enrol", Role.ADMIN, enrol, secret=("token", "code")),)


def enrolment_commands(
    enrolment: Enrolment,
) -> dict[str, Command]:
    """The commands: enrol, unenrol, roll, let_go."""

    async def enrol(arguments: dict[str, Any], say: Say) -> None:
        await say(await _enrol(enrolment, arguments, "command"))

    async def unenrol(arguments: dict[str, Any], say: Say) -> None:
        offline = arguments.get("offline") is True
        # Who only wants to take scans away need not be enrolled any more.
        if enrolment.identity or not arguments.get("or_not"):
            await enrolment.unenrol(origin="command", offline=offline)
        await say({"done": True})

    async def roll(_: dict[str, Any], say: Say) -> None:
        await enrolment.roll(origin="command")
        await say({"done": True})

    async def let_go(arguments: dict[str, Any], say: Say) -> None:
        nonces = [str(one) for one in arguments.get("nonces", ())]
        why = text_of(arguments, "why")
        await say({"gone": await enrolment.let_go(nonces, why, origin="command")})

    return {"enrol": enrol, "unenrol": unenrol, "roll": roll, "let_go": let_go}


async def _enrol(enrolment: Enrolment, arguments: dict[str, Any], origin: str) -> dict[str, Any]:
    """By a code's text, or url and token; or by event and lists alone, or all at once."""
    identity = enrolment.identity
    lists, event = arguments.get("lists", []), arguments.get("event", "")
    if not all(type(one) is int for one in lists) or not isinstance(event, str):
        raise GatedError("event must be a text, lists must be numbers")
    if arguments.get("token") or arguments.get("code"):
        try:
            if arguments.get("code"):
                code = read_handshake(text_of(arguments, "code"))
            else:
                code = handshake_of(text_of(arguments, "url"), text_of(arguments, "token"))
        except EnrolmentRefused as refusal:
            await enrolment.refuse(str(refusal), origin=origin)
            raise
        identity = await enrolment.enrol(
            code,
            origin=origin,
            event=event,
            lists=lists,
            other_server=arguments.get("other_server") is True,
            replace=arguments.get("replace") is True,
        )
    elif lists:
        event = event or _only_event(enrolment, identity, lists)
        identity = await enrolment.choose(event, lists, origin=origin)
    else:
        raise EnrolmentRefused("give the address and the token that the server shows for a device")
    return {**_told(identity), "choices": _choices(enrolment)}


def _only_event(enrolment: Enrolment, identity: Identity | None, lists: list[int]) -> str:
    events = {one.event for one in enrolment.choices if one.list_id in lists}
    if len(events) == 1:
        return events.pop()
    if identity and identity.event:
        return identity.event
    raise EnrolmentRefused("say which event the lists are of")


def _state(identity: Identity | None) -> str:
    if identity is None:
        return "none"
    return identity.spent or ("enrolled" if identity.chosen else "choosing")


def _told(identity: Identity | None) -> dict[str, Any]:
    if identity is None:
        return {"url": "", "name": "", "device_id": 0, "event": "", "lists": []}
    return {
        "url": identity.url,
        "name": printable(identity.name),
        "device_id": identity.device_id,
        "event": identity.event,
        "lists": list(identity.lists),
    }


def _choices(enrolment: Enrolment) -> list[dict[str, Any]]:
    return [
        {
            "event": one.event,
            "event_name": printable(one.event_name),
            "list_id": one.list_id,
            "list_name": printable(one.list_name),
        }
        for one in enrolment.choices
    ]
