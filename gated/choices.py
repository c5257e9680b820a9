"""Which event and check-in lists a newly enrolled gate is for: what there is, and what is clear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gated.config import Server
    from gated.identity import Identity
    from gated.server.device import DeviceClient


@dataclass(frozen=True, slots=True)
class Choice:
    """A check-in list that the gate may work for."""

    event: str
    event_name: str
    list_id: int
    list_name: str


async def offered(
    config: Server, identity: Identity, device: DeviceClient, event: str
) -> list[Choice]:
    """The lists of the config's event, else of the one the server means, else of all.

    Raises ServerError.
    """
    selection = await device.selection()
    event = event or (config.event if config.organizer in {"", identity.organizer} else "")
    if event:
        events = {event: event}
    elif selection:
        events = {selection.event: selection.event_name}
    else:
        events = await device.events(identity.organizer)
    found = [
        Choice(slug, name, list_id, list_name)
        for slug, name in events.items()
        for list_id, list_name in (await device.lists(identity.organizer, slug)).items()
    ]
    # Of a device with a gate of its own the server knows which list is meant.
    if identity.gate and selection and selection.list_id:
        meant = (selection.event, selection.list_id)
        found = [one for one in found if (one.event, one.list_id) == meant] or found
    return found


def clear_choice(
    config: Server, identity: Identity, found: Sequence[Choice], lists: Sequence[int]
) -> tuple[str, Sequence[int]] | None:
    """The event and lists that were asked for, or were ours before, or are the only ones."""
    there = {(one.event, one.list_id) for one in found}
    first = found[0].event if found else ""
    for where, wanted in (
        (first, lists),
        (first, config.checkin_lists),
        (identity.former_event, identity.former_lists),
    ):
        if wanted and there >= {(where, one) for one in wanted}:
            return where, wanted
    if len(found) == 1 and not lists:
        return found[0].event, (found[0].list_id,)
    return None
