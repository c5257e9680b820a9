"""Entries for systemd's journal with fields of their own, sent without ever waiting for it."""

from __future__ import annotations

import logging
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SOCKET = Path("/run/systemd/journal/socket")
_PRIORITIES = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
_LONGEST = 60_000
"""Bytes of a message: more would not go into one datagram everywhere."""


def priority(record: logging.LogRecord) -> int:
    """The level as syslog has it."""
    return _PRIORITIES.get(record.levelname, 6)


def encoded(fields: Mapping[str, str]) -> bytes:
    """One entry as journald reads it.

    Source: systemd.io, "Native Journal Protocol". Names are capitals, digits and underscores.
    """
    parts = []
    for name, text in fields.items():
        value = text.encode(errors="backslashreplace")[:_LONGEST]
        if b"\n" in value:
            parts += [name.encode(), b"\n", struct.pack("<Q", len(value)), value, b"\n"]
        else:
            parts += [name.encode(), b"=", value, b"\n"]
    return b"".join(parts)


class Journal(logging.Handler):
    """Sends each record as one entry, with what `extra={"fields": {...}}` adds to it.

    The library's own sender waits for a journal that is busy, with every thread stopped. Here an
    entry is given up then; the next that goes through is preceded by how many were.
    """

    def __init__(self, text: Callable[[logging.LogRecord], str], path: Path = SOCKET) -> None:
        super().__init__()
        self._text = text
        self._path = str(path)
        self._lost = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003  the library's way

    def emit(self, record: logging.LogRecord) -> None:
        """Send it, or count it as lost."""
        try:
            if self._lost:
                words = f"{self._lost} entries were lost here: the journal was busy"
                self._send({"MESSAGE": words, "PRIORITY": "4"})
                self._lost = 0
            self._send(
                {
                    "MESSAGE": self._text(record),
                    "PRIORITY": str(priority(record)),
                    "LOGGER": record.name,
                    **getattr(record, "fields", {}),
                }
            )
        except OSError:
            self._lost += 1
        except Exception:  # noqa: BLE001  a handler never raises
            self.handleError(record)

    def close(self) -> None:
        """Give the socket back."""
        with suppress(OSError):
            self._socket.close()
        super().close()

    def _send(self, fields: Mapping[str, str]) -> None:
        self._socket.sendto(encoded({"SYSLOG_IDENTIFIER": "gated", **fields}), self._path)
