"""A gate that is started a month later: what it knew of people has become numbers."""

from __future__ import annotations

import asyncio
from pathlib import Path

from rig import Hands, gate_before_window

from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import ledger


async def test_a_month_later_a_gate_has_the_counts_and_not_the_scans(tmp_path: Path) -> None:
    world = World.made_up(5)
    async with TicketServer(world) as server:
        async with gate_before_window(server, tmp_path, gate={"mode": "entry"}) as bench:
            await bench.scan("nobody's code")
            await bench.settled()

        later = Hands()
        later.advance(31 * 24 * 3600)
        async with gate_before_window(server, tmp_path, hands=later) as bench:
            store = bench.parts.store
            async with asyncio.timeout(20):
                while await store.read(lambda db: list(ledger.every(db))):
                    await asyncio.sleep(0.02)
            counts = await store.read(lambda db: ledger.counts(db, (1,)))

    assert dict(counts.refused) == {"invalid": 1}
