"""What the simulated server was asked and what it answered, for tests to look at."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = 10_000


@dataclass(slots=True)
class ReceivedRequest:
    """One request; `headers` name the Authorization scheme but not the token."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: Any = None
    """Decoded JSON, text that is none, or None."""
    status: int | None = None
    """What was answered, or None if the connection was dropped before there was an answer."""
    sent: bool = False
    """Whether the whole answer left."""
    faults: tuple[str, ...] = ()
    """What went wrong with it on purpose."""


class RequestLog:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[ReceivedRequest] = deque(maxlen=KEPT)
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[ReceivedRequest]:
        return iter(self._kept)

    def __getitem__(self, index: int) -> ReceivedRequest:
        return self._kept[index]

    def add(self, request: ReceivedRequest) -> None:
        """Remember one more."""
        self._kept.append(request)
        self._news.set()

    def clear(self) -> None:
        """Forget them all."""
        self._kept.clear()

    async def arrived(self, path: str = "", *, method: str | None = None, count: int = 1) -> None:
        """Wait until so many such requests have arrived; they need not be answered yet."""
        while len(self.matching(path, method=method)) < count:
            self._news.clear()
            await self._news.wait()

    def matching(
        self,
        path: str = "",
        *,
        method: str | None = None,
        status: int | None = None,
        sent: bool | None = None,
    ) -> list[ReceivedRequest]:
        """Return those whose path contains `path` and which are as wanted otherwise."""
        return [
            each
            for each in self._kept
            if path in each.path
            and method in {None, each.method}
            and status in {None, each.status}
            and sent in {None, each.sent}
        ]
