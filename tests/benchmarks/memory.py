"""How much memory something takes at its worst moment."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Self


class Memory:
    """The most memory a process held (resident) while the block ran, above what it had.

    Without `pid` it is this one.
    """

    def __init__(self, pid: int | None = None) -> None:
        self._statm = Path(f"/proc/{pid or 'self'}/statm")
        self.before = 0
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory")

    def __enter__(self) -> Self:
        self.before = self.peak = self._resident()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def grown(self) -> int:
        """Bytes."""
        return self.peak - self.before

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.peak = max(self.peak, self._resident())

    def _resident(self) -> int:
        pages = int(self._statm.read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
