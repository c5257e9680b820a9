"""Who sent a request to the page: from where, as whom they are logged in, and what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gated.web import guard
from gated.web.guard import Refused, Role

if TYPE_CHECKING:
    from aiohttp import web

    from gated.web.sessions import Sessions


class Caller:
    """One request's sender. What they may do is asked anew each time: sessions end."""

    def __init__(self, request: web.Request, sessions: Sessions, *, port: int) -> None:
        self.address = request.remote or "nowhere"
        self.is_private = request.secure or guard.is_local(request.remote, request.headers)
        """Whether nobody on the way reads along: TLS, or this machine itself."""
        # Cookies know no port: two gates on one machine must not log each other out. The prefix
        # has browsers refuse one that was not set by this very host over TLS.
        self._name = f"__Host-gated-{port}" if request.secure else f"gated-{port}"
        self._secure = request.secure
        self._sessions = sessions
        self._cookie = request.cookies.get(self._name, "")

    @property
    def role(self) -> Role:
        """What the sender may do now."""
        if not self._cookie or not self.is_private:
            return Role.VIEW
        return self._sessions.role(self._cookie)

    @property
    def origin(self) -> str:
        """Who and from where, for the ledger."""
        return self._sessions.origin(self._cookie)

    def need(self, role: Role) -> None:
        """Raise Refused unless the sender is logged in as at least this."""
        mine = self.role
        if mine is Role.VIEW:
            raise Refused(401, "Log in first.")
        if not mine.covers(role):
            raise Refused(403, f"This needs the {role} login.")

    def touch(self) -> None:
        """The sender is at work: the session goes on."""
        self._sessions.touch(self._cookie)

    def log_out(self) -> None:
        """End the session."""
        self._sessions.log_out(self._cookie)

    def give(self, response: web.Response, cookie: str) -> None:
        """Have the browser keep a cookie that no script can read and no other site can use."""
        response.set_cookie(
            self._name,
            cookie,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self._secure,
        )

    def take(self, response: web.Response) -> None:
        """Have the browser forget it."""
        response.del_cookie(
            self._name, path="/", httponly=True, samesite="Strict", secure=self._secure
        )


async def sent_object(request: web.Request) -> dict[str, Any]:
    """The JSON object that this very page sent by POST. Raises Refused."""
    if request.method != "POST":
        raise Refused(405, "Nothing is done but by POST.", Allow="POST")
    if request.content_type != "application/json":
        raise Refused(403, "An action is sent as application/json.")
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    own = guard.is_same_origin(origin or "", request.headers["Host"], scheme=request.scheme)
    # No browser leaves Origin out of such a request, and none lets a page set it.
    if not own or site != "same-origin":
        raise Refused(403, "Another site may not press buttons here.")
    try:
        arguments = json.loads(await request.read())
    except ValueError:
        raise Refused(400, "The action is not JSON.") from None
    if not isinstance(arguments, dict):
        raise Refused(400, "The action is not a JSON object.")
    return arguments
