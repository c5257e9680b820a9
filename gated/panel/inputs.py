"""Contacts on pins: their edges settled in the event loop, and told as what they mean."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gated.panel.button import Presses
from gated.panel.debounce import Contact

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.panel import Input


_LOOK_S = 0.05
"""How often a contact is looked at besides: lgpio 0.2.2 was seen to tell no edge at all."""


class Watched:
    """A contact on a pin. `read` gives its level now; `on_turn` hears of each that has settled."""

    def __init__(
        self, read: Callable[[], bool], *, settle_s: float, on_turn: Callable[[bool], None]
    ) -> None:
        self._read = read
        self._on_turn = on_turn
        self._loop = asyncio.get_running_loop()
        self._contact = Contact(closed=read(), settle_s=settle_s)
        self._timer: asyncio.TimerHandle | None = None
        self._looking = self._loop.call_later(_LOOK_S, self._look)

    @property
    def closed(self) -> bool:
        """The level that counts."""
        return self._contact.closed

    def edge_elsewhere(self, *, closed: bool) -> None:
        """An edge, in gpiozero's thread: its time is now, not when the loop gets to it."""
        self._loop.call_soon_threadsafe(self._edge, closed, self._loop.time())

    def stop(self) -> None:
        """Hear nothing more."""
        self._looking.cancel()
        if self._timer:
            self._timer.cancel()

    def _look(self) -> None:
        if self._contact.due is None and (closed := self._read()) is not self._contact.closed:
            self._edge(closed, self._loop.time())
        self._looking = self._loop.call_later(_LOOK_S, self._look)

    def _edge(self, closed: bool, now_s: float) -> None:  # noqa: FBT001 - call_soon has no keywords
        self._contact.edge(closed=closed, now_s=now_s)
        if self._timer:
            self._timer.cancel()
        if self._contact.due is not None:
            self._timer = self._loop.call_at(self._contact.due, self._settle)

    def _settle(self) -> None:
        # Read once more: of edges that come too fast some are never told.
        if self._read() is self._contact.closed:
            self._contact.edge(closed=self._contact.closed, now_s=self._loop.time())
        # The timer may be early by the resolution of the clock.
        elif self._contact.settle(max(self._loop.time(), self._contact.due or 0.0)):
            self._on_turn(self._contact.closed)


class Button:
    """Turns a button's settled levels into presses."""

    def __init__(self, tell: Callable[[Input], None], *, long_s: float | None) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._presses = Presses(long_s=long_s)
        self._timer: asyncio.TimerHandle | None = None

    def turn(self, closed: bool) -> None:  # noqa: FBT001 - as Watched calls it
        """The button went down or came up."""
        if self._timer:
            self._timer.cancel()
        press = self._presses.turn(closed=closed, now_s=self._loop.time())
        if self._presses.due is not None:
            self._timer = self._loop.call_at(self._presses.due, self._hold)
        if press:
            self._tell(press)

    def _hold(self) -> None:
        if press := self._presses.hold(max(self._loop.time(), self._presses.due or 0.0)):
            self._tell(press)
