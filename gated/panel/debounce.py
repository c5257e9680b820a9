"""Tells what a contact does from its bounces. Pure: times are arguments."""

from __future__ import annotations


class Contact:
    """A level counts once it has held for `settle_s`; whatever is shorter is chatter.

    `due` is when `settle` must be asked next, if it must.
    """

    def __init__(self, *, closed: bool, settle_s: float) -> None:
        self.closed = closed
        self.due: float | None = None
        self._settle_s = settle_s

    def edge(self, *, closed: bool, now_s: float) -> None:
        """Tell every edge, with its time."""
        self.due = None if closed is self.closed else now_s + self._settle_s

    def settle(self, now_s: float) -> bool:
        """Whether the contact has turned over just now."""
        if self.due is None or now_s < self.due:
            return False
        self.due = None
        self.closed = not self.closed
        return True
