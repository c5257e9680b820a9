"""X-Idempotency-Key: the answer to a request is kept, and given again to whoever brings its key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gated.simulator.exchange import Reply, detail

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = timedelta(hours=24)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods whose requests have no key."""


@dataclass(slots=True)
class KeptKey:
    """One key and what its holder is answered: `freed` is nothing, as if never used."""

    holder: str
    key: str
    since: datetime
    reply: Reply | None = None
    """None while the request is in flight, or for good if its worker was killed."""
    freed: bool = False


class IdempotencyKeys:
    """The keys of one server. A key belongs to its Authorization header, not to a path or body."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], KeptKey] = {}
        self.on_change: Callable[[KeptKey], None] | None = None

    def restore(self, kept: KeptKey) -> None:
        """Take up what was kept when the server last ran."""
        if kept.freed:
            self._kept.pop((kept.holder, kept.key), None)
        else:
            self._kept[kept.holder, kept.key] = kept

    def begin(self, authorization: str, key: str, *, now: datetime) -> Reply | None:
        """Lock the key and return None, or return what its holder must be answered instead."""
        while self._kept and now - next(iter(self._kept.values())).since >= KEPT:
            del self._kept[next(iter(self._kept))]
        kept = self._kept.get((authorization, key))
        if kept is None:
            kept = self._kept[authorization, key] = KeptKey(authorization, key, now)
            self._note(kept)
            return None
        return kept.reply or concurrent()

    def finish(
        self, authorization: str, key: str, reply: Reply, *, forgets: frozenset[int]
    ) -> None:
        """Keep the answer, or free the key if answers of this status are not kept."""
        kept = self._kept.get((authorization, key))
        if kept is None:
            return
        if reply.status in forgets:
            kept.freed = True
            del self._kept[authorization, key]
        else:
            kept.reply = reply
        self._note(kept)

    def _note(self, kept: KeptKey) -> None:
        if self.on_change:
            self.on_change(kept)

    def query(self, authorization: str, key: str) -> Reply:
        """Return the kept answer without sending the request again."""
        kept = self._kept.get((authorization, key))
        if kept is None:
            reply = detail(404, "Idempotency key not seen before.")
        else:
            reply = kept.reply or concurrent()
        own = tuple(header for header in reply.headers if header[0] != "Allow")
        return Reply(reply.status, reply.body, (*own, ("Allow", "GET, HEAD, OPTIONS")))


def concurrent() -> Reply:
    """Tell that the first request with the key has not been answered yet."""
    sentence = "Concurrent request with idempotency key."
    return detail(409, sentence).with_headers(Retry_After="5")
