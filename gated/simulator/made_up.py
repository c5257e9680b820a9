"""An invented conference: products, lists, and guests in every state a ticket can be in."""

from __future__ import annotations

import base64
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
    from gated.simulator.world import World

REGULAR, VIP, WORKSHOP = 1, 2, 3

# The real servers' alphabet: no letter that could be mistaken for another.
_CODE = "ABCDEFGHJKLMNPQRSTUVWXYZ3789"


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
    for number in range(1, guests + 1):
        _sell(world, number, chance=chance)
    for number in range(25, guests + 1, 50):
        _add_workshop(world, number, chance=chance)
    if guests >= 7:
        world.positions[7].canceled = True


def unused_code(world: World, chance: random.Random) -> str:
    """Draw a code that no order has yet."""
    while (code := "".join(chance.choices(_CODE, k=5))) in world.orders:
        pass
    return code


def _sell(world: World, number: int, *, chance: random.Random) -> None:
    code = unused_code(world, chance)
    now = world.clock()
    status = _status(number)
    email = f"guest{number:04d}@example.org"
    world.orders[code] = OrderRecord(
        code=code,
        datetime=now - timedelta(days=3, seconds=number),
        expires=now + timedelta(days=-1 if status == EXPIRED else 10),
        last_modified=now,
        secret=_letters(chance, 8),
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
            secret=_letters(chance, 32).lower(),
            attendee_name=f"Guest {number:04d}",
            price=world.items[item].price,
            email=email,
            pseudonymization_id=_letters(chance, 10),
        )
    )


def _add_workshop(world: World, guest: int, *, chance: random.Random) -> None:
    number = len(world.positions) + 1
    world.adopt(
        PositionRecord(
            id=number,
            order=world.positions[guest].order,
            positionid=2,
            item=WORKSHOP,
            secret=_letters(chance, 32).lower(),
            addon_to=guest,
            price=world.items[WORKSHOP].price,
            pseudonymization_id=_letters(chance, 10),
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


def _letters(chance: random.Random, length: int) -> str:
    """Draw letters and digits; by base 32, for a character at a time is slow for 100,000 guests."""
    return base64.b32encode(chance.randbytes(length)).decode()[:length]
