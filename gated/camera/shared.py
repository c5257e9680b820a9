"""One memory for several eyes: what one of them has read is no news from another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from gated.camera.repeat import Repeat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gated.model import Code, ScanType


class SharedRepeat(Repeat):
    """A Repeat that eyes in different threads may ask at the same time."""

    def __init__(self, *, again_s: float, gone_s: float = 1.0) -> None:
        super().__init__(again_s=again_s, gone_s=gone_s)
        self._lock = threading.Lock()

    def news(self, codes: Iterable[Code], mode: ScanType, now: float) -> list[tuple[Code, bool]]:
        """See Repeat."""
        with self._lock:
            return super().news(codes, mode, now)
