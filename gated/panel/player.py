"""Plays timed values, such as the steps of a signal, in the event loop."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Generic, TypeVar

from gated.errors import PanelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")


class Player(Generic[T]):
    """Writes one value after another, each for its seconds; one sequence at a time.

    A failing write ends nothing: the later ones are still due, so that lamps go out again.
    `on_failure` hears of the first failure after a success only.
    """

    def __init__(
        self,
        write: Callable[[T], None],
        *,
        on_failure: Callable[[PanelError], None],
        speed: float = 1.0,
    ) -> None:
        self._write = write
        self._on_failure = on_failure
        self._speed = speed
        self._beats: Iterator[tuple[float, T]] = iter(())
        self._next: asyncio.TimerHandle | None = None
        self._failing = False

    def play(self, beats: Sequence[tuple[float, T]], *, repeat: bool = False) -> None:
        """Write the first value now and the others in their time; the last one stays.

        Raises PanelError if the first write fails.
        """
        self.stop()
        self._beats = itertools.cycle(beats) if repeat else iter(beats)
        self._failing = False
        try:
            self._beat()
        except PanelError:
            self._failing = True
            raise

    def stop(self) -> None:
        """Write nothing more. What was written last stays."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def _beat(self) -> None:
        following = next(self._beats, None)
        if following is None:
            self._next = None
            return
        seconds, value = following
        # Scheduled before it is written: whatever the write does, the sequence goes on.
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(seconds / self._speed, self._beat_later)
        self._write(value)

    def _beat_later(self) -> None:
        try:
            self._beat()
        except PanelError as error:
            if not self._failing:
                self._on_failure(error)
            self._failing = True
        else:
            self._failing = False
