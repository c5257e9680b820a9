"""X-Idempotency-Key: the answer to a request is kept, and given again to whoever brings its key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gated.simulator.exchange import Reply, detail

if TYPE_CHECKING:
    from datetime import datetime

KEPT = timedelta(hours=24)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods whose requests have no key."""


@dataclass(slots=True)
class _Kept:
    since: datetime
    reply: Reply | None = None
    """None while the request is in flight, or for good if its worker was killed."""


class IdempotencyKeys:
    """The keys of one server. A key belongs to its Authorization header, not to a path or body."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Kept] = {}

    def begin(self, authorization: str, key: str, *, now: datetime) -> Reply | None:
        """Lock the key and return None, or return what its holder must be answered instead."""
        while self._kept and now - next(iter(self._kept.values())).since >= KEPT:
            del self._kept[next(iter(self._kept))]
        kept = self._kept.get((authorization, key))
        if kept is None:
            self._kept[authorization, key] = _Kept(now)
            return None
        return kept.reply or concurrent()

    def finish(
        self, authorization: str, key: str, reply: Reply, *, forgets: frozenset[int]
    ) -> None:
        """Keep the answer, or free the key if answers of this status are not kept."""
        if reply.status in forgets:
            self._kept.pop((authorization, key), None)
        elif (kept := self._kept.get((authorization, key))) is not None:
            kept.reply = reply

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
