"""Who comes to the demo's gate, and whether they are honest."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.camera.scene import Guest
from gated.model import ScanType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gated.simulator.records import PositionRecord
    from gated.simulator.world import World

LIST = 1


@dataclass(frozen=True, slots=True)
class Story:
    """A kind of guest: `honest` ones must not see red, the others must not see plain green."""

    id: str
    words: str
    honest: bool
    weight: int


STORIES = {
    ScanType.EXIT: (
        Story("inside", "is inside and leaves", honest=True, weight=60),
        Story("elsewhere", "came in at another gate a moment ago", honest=True, weight=8),
        Story("canceled_inside", "is inside on a ticket canceled since", honest=True, weight=5),
        Story("left", "has left before", honest=False, weight=7),
        Story("outside", "never came in", honest=False, weight=7),
        Story("forged", "shows a forged ticket", honest=False, weight=7),
        Story("no_ticket", "shows something that is no ticket", honest=False, weight=6),
    ),
    ScanType.ENTRY: (
        Story("outside", "comes for the first time", honest=True, weight=60),
        Story("left", "left before and comes back", honest=True, weight=10),
        Story("inside", "is inside already", honest=False, weight=8),
        Story("unpaid", "has not paid", honest=False, weight=5),
        Story("canceled", "has a canceled ticket", honest=False, weight=5),
        Story("forged", "shows a forged ticket", honest=False, weight=6),
        Story("no_ticket", "shows something that is no ticket", honest=False, weight=6),
    ),
}

_NO_TICKETS = (
    "https://www.example.org/programme?day=2",
    "WIFI:T:WPA;S:Venue;P:not-a-secret;;",
    "BEGIN:VCARD\nVERSION:3.0\nFN:Guest 0000\nEND:VCARD",
    "4006381333931",
    "'; DROP TABLE tickets; --",
    "../../etc/passwd",
    "🎟️ ein Ticket, versprochen",
)


class Cast:
    """Picks guests from a world, by weight and seed; `inside` is who really is in the hall."""

    def __init__(self, world: World, *, seed: int) -> None:
        self.inside = world.inside(LIST)
        self._world = world
        self._chance = random.Random(seed)
        self._left: list[int] = []
        self._used: set[int] = set()

    def next(self, mode: ScanType, story_id: str = "") -> tuple[Guest, Story, int | None]:
        """Pick a guest for this mode: the picture, the story, the position or None."""
        stories = STORIES[mode]
        wanted = [story for story in stories if story.id == story_id]
        story = wanted[0] if wanted else self._draw(stories)
        position = self._position(story)
        if position is None and story.id not in {"forged", "no_ticket"}:
            story = next(one for one in stories if one.id == "forged")
        text = position.secret if position else self._text(story)
        guest = Guest(text=text, story=story.id, gap_s=self._chance.uniform(0.2, 0.7), hold_s=0.9)
        return guest, story, position.id if position else None

    def passed(self, position_id: int, mode: ScanType) -> None:
        """Somebody walked through."""
        if mode is ScanType.ENTRY:
            self.inside.add(position_id)
        else:
            self.inside.discard(position_id)
            self._left.append(position_id)

    def _draw(self, stories: Sequence[Story]) -> Story:
        return self._chance.choices(stories, [story.weight for story in stories])[0]

    def _position(self, story: Story) -> PositionRecord | None:
        match story.id:
            case "inside":
                return self._one(lambda one: one.id in self.inside and self._status(one) == "p")
            case "canceled_inside":
                found = self._one(lambda one: one.id in self.inside and self._status(one) == "p")
                if found:
                    self._world.cancel_order(found.order)
                return found
            case "elsewhere":
                found = self._one(self._never_in)
                if found:
                    self._world.enter(found.id, LIST)
                    self.inside.add(found.id)
                return found
            case "left":
                away = [one for one in self._left[:-1] if one not in self.inside]
                paid = [one for one in away if self._status(self._world.positions[one]) == "p"]
                return self._world.positions[self._chance.choice(paid)] if paid else None
            case "outside":
                return self._one(self._never_in)
            case "unpaid" | "canceled":
                status = "n" if story.id == "unpaid" else "c"
                return self._one(
                    lambda one: self._status(one) == status and one.id not in self.inside
                )
        return None

    def _never_in(self, position: PositionRecord) -> bool:
        fresh = position.id not in self.inside and position.id not in self._left
        return fresh and self._status(position) == "p"

    def _one(self, fits: Callable[[PositionRecord], bool]) -> PositionRecord | None:
        """Pick one, rather somebody who was not here before."""
        fitting = [
            one
            for one in self._world.positions.values()
            if not one.canceled and one.addon_to is None and fits(one)
        ]
        unseen = [one for one in fitting if one.id not in self._used]
        if not fitting:
            return None
        chosen = self._chance.choice(unseen or fitting)
        self._used.add(chosen.id)
        return chosen

    def _status(self, position: PositionRecord) -> str:
        return self._world.order_of(position).status

    def _text(self, story: Story) -> str:
        if story.id == "no_ticket":
            return self._chance.choice(_NO_TICKETS)
        return "".join(self._chance.choices("abcdefghijkmnpqrstuvwxyz23456789", k=32))
