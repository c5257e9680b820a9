"""Short and long presses of a button whose bounces are gone already. Pure."""

from __future__ import annotations

from gated.panel import Input


class Presses:
    """Without `long_s` every press is short and counts as it begins.

    With it a short press counts when the button is let go, and a long one once it was held for
    `long_s`; `due` is when `hold` must be asked. A button held down from before is no press.
    """

    def __init__(self, *, long_s: float | None) -> None:
        self.due: float | None = None
        self._long_s = long_s

    def turn(self, *, closed: bool, now_s: float) -> Input | None:
        """The button went down or came up: the press that this completes."""
        if self._long_s is None:
            return Input.SHORT_PRESS if closed else None
        held, self.due = self.due is not None, now_s + self._long_s if closed else None
        return Input.SHORT_PRESS if held and not closed else None

    def hold(self, now_s: float) -> Input | None:
        """Held down to this moment: the long press, once."""
        if self.due is None or now_s < self.due:
            return None
        self.due = None
        return Input.LONG_PRESS
