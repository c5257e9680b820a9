"""The simulated ticket server in a process of its own, which works for each of its answers.

Run as a script it is that process: each line of its input is an order, answered by one line.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Self

from gated.simulator.dialects import Dialect
from gated.simulator.exchange import Call, Reply
from gated.simulator.faults import ActiveFault, Fault
from gated.simulator.records import PAID
from gated.simulator.server import TicketServer
from gated.simulator.world import World

LIST = 1
TOKEN = "demo-token"


class FarServer:
    """The process, from outside; `with` starts and ends it.

    All its guests have paid; nobody has come until `let_in`.
    """

    def __init__(self, guests: int, dialect: Dialect) -> None:
        self.guests = guests
        self.dialect = dialect
        self.url = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self.guests), self.dialect.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        # The end of its input is the end of the process.
        self._process.communicate(timeout=20)

    def slow(self, seconds: float) -> None:
        """Take so much longer for every answer."""
        self._order("slow", seconds)

    def keep(self, pages: bool) -> None:
        """Keep each page of the list once it is made: no server is as quick as that."""
        self._order("keep", int(pages))

    def let_in(self, guests: int) -> None:
        """Forget all entries and exits, then record an entry of the first so many guests."""
        self._order("let_in", guests)

    def change(self, orders: int) -> None:
        """Record an entry of the last so many guests, which their orders show as a change."""
        self._order("change", orders)

    def plug(self) -> None:
        """Be reachable."""
        self._order("plug", 1)

    def unplug(self) -> None:
        """Be away, until plugged in again at the same address."""
        self._order("plug", 0)

    def checkins(self) -> int:
        """How many entries and exits it has recorded."""
        return int(self._order("checkins", 0))

    def _order(self, what: str, value: float) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what} {value}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        answer = self._process.stdout.readline().strip()
        assert answer, "the ticket server of the benchmark ended"
        return answer


class _Server(TicketServer):
    """`gated simulate-server` and, on demand, one that makes a page of positions only once."""

    def __init__(self, world: World, dialect: Dialect) -> None:
        super().__init__(world, dialect=dialect, token=TOKEN)
        self.keeps = False
        self._kept: dict[object, Reply] = {}
        self._kept_of = 0

    def _worked(self, call: Call, struck: Mapping[Fault, ActiveFault]) -> Reply:
        if not self.keeps or call.method != "GET" or not call.path.endswith("/positions/"):
            return super()._worked(call, struck)
        if self._kept_of != self.world.touches:
            self._kept_of = self.world.touches
            self._kept.clear()
        asked = (call.path, call.query, call.authorization)
        if asked not in self._kept:
            self._kept[asked] = super()._worked(call, struck)
        return self._kept[asked]


async def _obey(server: _Server, what: str, value: float) -> str:
    world, guests = server.world, range(1, int(value) + 1)
    match what:
        case "slow":
            server.faults.clear()
            if value:
                server.faults.add(Fault.LATENCY, latency_s=value)
        case "keep":
            server.keeps = bool(value)
        case "let_in":
            _forget(server)
            for number in guests:
                world.enter(number, LIST)
        case "change":
            for number in guests:
                world.enter(len(world.orders) + 1 - number, LIST)
        case "plug":
            await (server.plug() if value else server.unplug())
        case "checkins":
            return str(len(world.checkins))
    return "done"


def _forget(server: _Server) -> None:
    world = server.world
    world.checkins.clear()
    for position in world.positions.values():
        position.checkins.clear()
    world.changed()
    server.keys = type(server.keys)()


def _world(guests: int) -> World:
    world = World.made_up(guests)
    for order in world.orders.values():
        order.status = PAID
    for position in world.positions.values():
        position.canceled = False
    return world


async def _serve(guests: int, dialect: Dialect) -> None:
    orders: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(orders.put_nowait, line)
        loop.call_soon_threadsafe(orders.put_nowait, "")

    async with _Server(_world(guests), dialect) as server:
        threading.Thread(target=read, daemon=True).start()
        _say(server.url)
        while line := await orders.get():
            what, value = line.split()
            _say(await _obey(server, what, float(value)))


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Dialect[sys.argv[2]]))
