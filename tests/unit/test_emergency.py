"""The fire panel's wire and the relay, on mock pins and to the millisecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mode_world import World
from stepped import advance, run_by_hand

from gated.store import ledger

RELAY, WIRE = 5, 12
DEBOUNCE_S = 0.05
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def gate(folder: Path, fail: str) -> World:
    """A gate whose fire panel is quiet: its contact is closed."""
    document = {
        "gate": {"name": "A gate"},
        "panel": {
            "kind": "gpio",
            "passage": {"relay": RELAY, "fail": fail},
            "emergency": {"input": WIRE, "debounce_ms": round(DEBOUNCE_S * 1000)},
        },
    }
    world = World(folder, NOON, document, [])
    world.pins.pin(WIRE).held = True
    return world


async def cut(world: World, *, for_s: float) -> None:
    wire = world.pins.pin(WIRE)
    wire.held = False
    wire.drive_high()
    await advance(for_s)


async def mend(world: World, *, for_s: float) -> None:
    wire = world.pins.pin(WIRE)
    wire.held = True
    wire.drive_low()
    await advance(for_s)


@pytest.mark.parametrize("fail", ["secure", "open"])
def test_a_wire_counts_as_cut_once_it_was_for_as_long_as_that_and_until_it_is_mended(
    tmp_path: Path, fail: str
) -> None:
    async def story() -> None:
        world = gate(tmp_path, fail)

        def is_open() -> bool:
            return bool(world.pins.pin(RELAY).state) is (fail == "secure")

        await world.open()
        await world.quiet()
        assert not is_open()
        for _ in range(10):
            await cut(world, for_s=DEBOUNCE_S - 0.001)
            assert not is_open()
            await mend(world, for_s=0.001)
        await mend(world, for_s=1)

        await cut(world, for_s=DEBOUNCE_S - 0.001)
        assert not is_open()
        await advance(0.001)
        assert is_open()
        began = world.clock.wall()
        await mend(world, for_s=DEBOUNCE_S - 0.001)
        await cut(world, for_s=3600)
        assert is_open()

        await world.quiet()
        await world.close()
        assert is_open()
        await advance(10)
        await world.open()
        await world.quiet()
        assert is_open()

        await mend(world, for_s=DEBOUNCE_S - 0.001)
        assert is_open()
        await advance(0.001)
        assert not is_open()
        ended = world.clock.wall()
        await world.quiet()
        acts = await world.store.read(ledger.acts)
        told = [(act.origin, act.detail, act.at) for act in acts if act.what == "emergency"]
        assert told == [("alarm", "on", began), ("alarm", "off", ended)]
        assert ended - began > timedelta(hours=1)
        await world.close()

    run_by_hand(story())
