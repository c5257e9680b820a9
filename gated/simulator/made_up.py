"""An invented conference: products, lists, and guests in every state a ticket can be in."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING

from gated.simulator.records import (
    CANCELED,
    EXPIRED,
    PAID,
    PENDING,
    ItemRecord,
    ListRecord,
    OrderRecord,
    PositionRecord,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.simulator.world import World

REGULAR, VIP, WORKSHOP = 1, 2, 3

# The alphabets of the real servers: no letter that could be mistaken for another.
_CODE = "ABCDEFGHJKLMNPQRSTUVWXYZ3789"
_SECRET = "abcdefghjkmnpqrstuvwxyz23456789"


def fill(world: World, *, guests: int, seed: int) -> None:
    """Put products, lists and so many guests (one ticket each) into an empty world."""
    chance = random.Random(seed)
    world.items = {
        REGULAR: ItemRecord(REGULAR, "Regular", "20.00"),
        VIP: ItemRecord(VIP, "VIP", "90.00"),
        WORKSHOP: ItemRecord(WORKSHOP, "Workshop", "5.00", admission=False),
    }
    world.lists = {
        1: ListRecord(1, "All"),
        2: ListRecord(2, "VIP only", all_products=False, limit_products=[VIP]),
    }
    code = _unique(chance, _CODE, 5)
    secret = _unique(chance, _SECRET, 32)
    for number in range(1, guests + 1):
        _sell(world, number, code=code(), secret=secret(), chance=chance)
    workshops = [number for number in range(25, guests + 1, 50)]
    for number in workshops:
        _add_workshop(world, number, secret=secret(), chance=chance)
    if guests >= 7:
        world.positions[7].canceled = True


def _sell(world: World, number: int, *, code: str, secret: str, chance: random.Random) -> None:
    now = world.clock()
    status = _status(number)
    email = f"guest{number:04d}@example.org"
    world.orders[code] = OrderRecord(
        code=code,
        datetime=now - timedelta(days=3, seconds=number),
        expires=now + timedelta(days=-1 if status == EXPIRED else 10),
        last_modified=now,
        secret=f"{chance.getrandbits(32):08X}",
        status=status,
        email=email,
    )
    item = VIP if number % 10 == 1 else REGULAR
    world.adopt(
        PositionRecord(
            id=number,
            order=code,
            positionid=1,
            item=item,
            secret=secret,
            attendee_name=f"Guest {number:04d}",
            price=world.items[item].price,
            email=email,
            pseudonymization_id=_draw(chance, _CODE, 10),
        )
    )


def _add_workshop(world: World, guest: int, *, secret: str, chance: random.Random) -> None:
    number = max(world.positions) + 1
    world.adopt(
        PositionRecord(
            id=number,
            order=world.positions[guest].order,
            positionid=2,
            item=WORKSHOP,
            secret=secret,
            addon_to=guest,
            price=world.items[WORKSHOP].price,
            pseudonymization_id=_draw(chance, _CODE, 10),
        )
    )


def _status(number: int) -> str:
    """Spread the sad cases evenly and never among the first four guests, whom examples use."""
    match number % 60:
        case 5 | 35:
            return PENDING
        case 6 | 36:
            return CANCELED
        case 9:
            return EXPIRED
        case _:
            return PAID


def _unique(chance: random.Random, alphabet: str, length: int) -> Callable[[], str]:
    used: set[str] = set()

    def draw() -> str:
        while (text := _draw(chance, alphabet, length)) in used:
            pass
        used.add(text)
        return text

    return draw


def _draw(chance: random.Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(alphabet, k=length))
