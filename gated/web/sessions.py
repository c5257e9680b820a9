"""Who is logged in to the page, and how fast secrets may be guessed."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gated.errors import LoginRefused
from gated.web.guard import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.web.credentials import Credentials

_LONGEST_SECRET = 200
_MOST_SESSIONS = 64
_MOST_ADDRESSES = 1000
_WAITING = 4


@dataclass(frozen=True, slots=True)
class Leniency:
    """How many wrong secrets are free, and how long the pause is after each further one.

    All addresses together have `free_in_all`: a six-digit PIN is not guessed from many at once.
    """

    free: int = 5
    free_in_all: int = 50
    first_s: float = 30.0
    longest_s: float = 900.0
    forgotten_s: float = 3600.0
    idle_s: float = 12 * 3600.0
    """How long somebody who does nothing stays logged in: a day at the gate."""


@dataclass
class _Session:
    role: Role
    address: str
    mark: str
    used: float


@dataclass
class _Misses:
    number: int = 0
    last: float = 0.0


class Sessions:
    """Logs in and out. Kept in memory: a restart logs everybody out, and so does a new secret."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        leniency: Leniency | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._leniency = leniency or Leniency()
        self._now = monotonic
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()
        self._misses: OrderedDict[str, _Misses] = OrderedDict()
        self._misses_in_all = _Misses()
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0

    async def log_in(self, secret: str, address: str) -> str:
        """Give the cookie of a new session. Raises LoginRefused, or GatedError without logins."""
        if len(secret) > _LONGEST_SECRET:
            raise LoginRefused("this is neither the staff PIN nor the admin token")
        if self._waiting >= _WAITING:
            raise LoginRefused("too many logins at once: try again in a moment", wait_s=5)
        self._waiting += 1
        try:
            # Hashing costs 16 MB: one at a time, and never more tries than the limit counts.
            async with self._one_at_a_time:
                self._check_patience(address)
                role = await asyncio.to_thread(self._credentials.role_of, secret)
                if role is Role.VIEW:
                    self._miss(address)
                    raise LoginRefused("this is neither the staff PIN nor the admin token")
        finally:
            self._waiting -= 1
        self._misses.pop(_network(address), None)
        return self.begin(role, address)

    def begin(self, role: Role, address: str) -> str:
        """Open a session for somebody whose secret was right; gives its cookie."""
        cookie = secrets.token_urlsafe(32)
        mark = self._credentials.mark(role)
        self._sessions[_name(cookie)] = _Session(role, address, mark, self._now())
        if len(self._sessions) > _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie

    def role(self, cookie: str) -> Role:
        """What the holder of the cookie may do."""
        session = self._find(cookie)
        return session.role if session else Role.VIEW

    def origin(self, cookie: str) -> str:
        """Who and from where, as an Act's origin."""
        session = self._find(cookie)
        return f"page, {session.role} from {session.address}" if session else "page"

    def touch(self, cookie: str) -> None:
        """The holder did something: the time until the session ends begins anew."""
        if session := self._find(cookie):
            session.used = self._now()
            self._sessions.move_to_end(_name(cookie))

    def log_out(self, cookie: str) -> None:
        """End a session."""
        self._sessions.pop(_name(cookie), None)

    def _find(self, cookie: str) -> _Session | None:
        session = self._sessions.get(_name(cookie))
        if session is None:
            return None
        is_idle = self._now() - session.used > self._leniency.idle_s
        if is_idle or session.mark != self._credentials.mark(session.role):
            self.log_out(cookie)
            return None
        return session

    def _check_patience(self, address: str) -> None:
        leniency = self._leniency
        here = self._misses.get(_network(address), _Misses())
        wait_s = max(
            self._pause_s(here, leniency.free),
            self._pause_s(self._misses_in_all, leniency.free_in_all),
        )
        if wait_s > 0:
            raise LoginRefused(
                f"too many wrong tries: wait {_words(wait_s)}, then try again", wait_s=wait_s
            )

    def _pause_s(self, misses: _Misses, free: int) -> float:
        since_s = self._now() - misses.last
        if misses.number < free or since_s > self._leniency.forgotten_s:
            return 0.0
        doublings = min(misses.number - free, 10)
        pause_s = self._leniency.first_s * 2.0**doublings
        return min(pause_s, self._leniency.longest_s) - since_s

    def _miss(self, address: str) -> None:
        here = self._misses.setdefault(_network(address), _Misses())
        self._misses.move_to_end(_network(address))
        if len(self._misses) > _MOST_ADDRESSES:
            self._misses.popitem(last=False)
        for misses in (here, self._misses_in_all):
            if self._now() - misses.last > self._leniency.forgotten_s:
                misses.number = 0
            misses.number += 1
            misses.last = self._now()


def _name(cookie: str) -> bytes:
    # Looked up by its hash, so that the time of a look-up tells nothing about a cookie.
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).digest()


def _network(address: str) -> str:
    """Who has one IPv6 address has a whole /64 of them."""
    try:
        ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return address
    if ip.version == 6 and not ip.ipv4_mapped:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
