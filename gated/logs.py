"""The log: to the journal or the terminal, one line an entry, nothing secret, nothing raw."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING

from gated.journal import SOCKET, Journal, priority

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN = 4


def set_up(level: str, *, journal: Path = SOCKET) -> None:
    """Log to systemd's journal if stderr goes there, else to stderr."""
    handler: logging.Handler
    if _stderr_is_journal() and journal.is_socket():
        handler = Journal(_OneLine(in_journal=True).plain, journal)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_OneLine(in_journal="JOURNAL_STREAM" in os.environ))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Every request of the page at INFO would wear out the SD card.
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def short(secret: str) -> str:
    """A secret as it may be shown: its beginning, and no character that does anything."""
    shown = secret[:_SHOWN] if len(secret) > 2 * _SHOWN else secret[:1]
    return printable(shown) + "…"


def printable(text: str, limit: int = 200) -> str:
    """Escape what is not text, so that a code cannot forge a line or paint the terminal."""
    escaped = "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text[:limit]
    )
    return escaped + ("…" if len(text) > limit else "")


def _stderr_is_journal() -> bool:
    """Source: systemd.exec(5), $JOURNAL_STREAM; whoever starts us may have redirected it."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class _OneLine(logging.Formatter):
    def __init__(self, *, in_journal: bool) -> None:
        super().__init__(
            "%(name)s: %(message)s"
            if in_journal
            else "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
        )
        self._in_journal = in_journal

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        return printable(super().formatMessage(record), limit=2000)

    def plain(self, record: logging.LogRecord) -> str:
        """Without priorities."""
        # Only a traceback has further lines; set in, so that none can pass for an entry.
        entry, *traceback = super().format(record).split("\n")
        return "\n".join([entry, *("  " + printable(line, limit=2000) for line in traceback)])

    def format(self, record: logging.LogRecord) -> str:
        text = self.plain(record)
        if not self._in_journal:
            return text
        return "\n".join(f"<{priority(record)}>{line}" for line in text.split("\n"))
