"""Suspects that the gate is in the wrong mode, when guest after guest is refused for it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gated.model import Reason

if TYPE_CHECKING:
    from gated.health import Health
    from gated.model import Scan

logger = logging.getLogger(__name__)

IN_A_ROW = 5
_TELLING = {
    Reason.NOT_CHECKED_IN: "the last {n} guests were not checked in: is check-out the wrong mode?",
    Reason.ALREADY_REDEEMED: "the last {n} guests were in already: is check-in the wrong mode?",
}


class WrongMode:
    """Counts guests in a row, the same one once; whoever passes, or a change of mode, ends it."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._reason: Reason | None = None
        self._guests: set[int | None] = set()

    def heard(self, scan: Scan) -> None:
        """A scan was decided."""
        if scan.reason is not self._reason:
            self.forget()
            self._reason = scan.reason if scan.reason in _TELLING else None
        if self._reason is None:
            return
        self._guests.add(scan.position_id)
        if len(self._guests) >= IN_A_ROW:
            words = _TELLING[self._reason].format(n=len(self._guests))
            if len(self._guests) == IN_A_ROW:
                logger.warning("wrong mode? %s", words)
            self._health.warn("mode", f"wrong mode? {words}")

    def forget(self) -> None:
        """Begin anew."""
        self._reason = None
        self._guests = set()
        if self._health.of("mode"):
            self._health.ok("mode")
