"""An event loop whose time passes only when nothing is left to do: hours in a moment, exactly."""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Where the loop would wait for its next timer, time jumps there."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self.now += timeout
        return ready


class SteppedLoop(asyncio.SelectorEventLoop):
    """Use with code that waits for timers only, not for threads or sockets."""

    def __init__(self) -> None:
        self._selected = _Selector()
        super().__init__(self._selected)

    def time(self) -> float:
        return self._selected.now


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end, from second 0 on."""
    with asyncio.Runner(loop_factory=SteppedLoop) as runner:
        return runner.run(work)


class HandLoop(asyncio.SelectorEventLoop):
    """A loop whose time stands still until it is put forward; threads work as always."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Patient())

    def time(self) -> float:
        return self.now


class _Patient(selectors.DefaultSelector):
    def select(self, timeout: float | None = None) -> Any:
        # Looked at now and then: a timer falls due when somebody puts the time forward.
        return super().select(timeout and min(timeout, 0.002))


async def advance(seconds: float) -> None:
    """Put the time of a HandLoop forward, and let everything that fell due happen."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HandLoop)
    loop.now += seconds
    for _ in range(5):
        await asyncio.sleep(0)


def run_by_hand(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a HandLoop."""
    with asyncio.Runner(loop_factory=HandLoop) as runner:
        return runner.run(work)
