"""Telling a new guest from a code still held up, and from the same one shown once more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gated.model import Code, ScanType


@dataclass(slots=True)
class _Held:
    mode: ScanType
    seen: float


class Repeat:
    """Remembers what is held up; times are monotonic seconds.

    A code in view is one sighting however long it is held, unless the mode is switched. Away for
    more than `gone_s` it has left the view; shown again within `again_s`, with no other guest
    between, it is the same guest asking again. A, B, A in quick succession are three.
    """

    def __init__(self, *, again_s: float, gone_s: float = 1.0) -> None:
        self._again_s = again_s
        self._gone_s = gone_s
        self._held: dict[str, _Held] = {}
        self._newest_guest = -math.inf

    def news(self, codes: Iterable[Code], mode: ScanType, now: float) -> list[tuple[Code, bool]]:
        """Say which codes of this frame are sightings, each with whether it is shown *again*."""
        news = []
        # Codes of one frame are held up together: none of them came between.
        newest_guest = self._newest_guest
        for code in codes:
            held = self._held.get(code.text)
            same_mode = held is not None and held.mode is mode
            if held and same_mode and now - held.seen <= self._gone_s:
                # Another eye may have seen it a moment later and told so a moment earlier.
                held.seen = max(held.seen, now)
                continue
            again = (
                held is not None
                and same_mode
                and held.seen >= newest_guest
                and now - held.seen <= self._again_s
            )
            self._held[code.text] = _Held(mode, now)
            if not again:
                self._newest_guest = now
            news.append((code, again))
        self._forget(now)
        return news

    def _forget(self, now: float) -> None:
        longest = max(self._gone_s, self._again_s)
        for text in [text for text, held in self._held.items() if now - held.seen > longest]:
            del self._held[text]
