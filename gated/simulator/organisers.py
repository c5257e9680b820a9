"""Organisers at work while people come in: one change at a time, by the dice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gated.simulator.records import PAID, PENDING

if TYPE_CHECKING:
    import random

    from gated.simulator.world import World

_SELL, _PAY, _CANCEL, _CANCEL_ONE, _BLOCK, _NEW_CODE = range(6)
_WEIGHTS = (4, 1, 2, 2, 1, 2)


def organise(world: World, dice: random.Random) -> None:
    """Sell, pay, cancel or block a ticket or give it a new code; none is ever revived.

    Half of the time it is that of the guest who was last at a gate: people ask at the desk.
    """
    (what,) = dice.choices(range(6), _WEIGHTS)
    position = dice.choice(list(world.positions.values()))
    last = next(reversed(world.checkins.values()), None)
    if last is not None and last.position is not None and dice.random() < 0.5:
        position = world.positions[last.position]
    order = world.order_of(position)
    secret = f"{dice.getrandbits(128):032x}"
    if what == _SELL:
        world.add_order(item=dice.choice([1, 1, 2]), name="Late Guest", secret=secret)
    elif what == _PAY and order.status == PENDING:
        world.pay(order.code)
    elif what == _CANCEL and order.status in {PAID, PENDING}:
        world.cancel_order(order.code)
    elif what == _CANCEL_ONE:
        world.cancel_position(position.id)
    elif what == _BLOCK:
        world.block(position.id)
    elif what == _NEW_CODE:
        world.change_secret(position.id, secret)
