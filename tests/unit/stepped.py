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
