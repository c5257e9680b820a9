"""A request and its answer as the endpoints see them: no sockets, no framework."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gated.simulator.dialects import Dialect, Traits
    from gated.simulator.paging import Walks
    from gated.simulator.records import TokenRights
    from gated.simulator.world import World

SERVER_ERROR, NOT_FOUND = "Internal Server Error", "Not found"


@dataclass(frozen=True, slots=True)
class Site:
    """Which server answers: the state and the manners."""

    world: World
    dialect: Dialect
    walks: Walks

    @property
    def traits(self) -> Traits:
        """The manners."""
        return self.dialect.traits


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `base` is scheme and host as the client wrote them, for absolute links."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    base: str = ""
    authorization: str | None = None
    content_type: str = ""
    body: bytes = b""
    names: Mapping[str, str] = field(default_factory=dict)
    """What the parts of the path stand for."""
    rights: TokenRights | None = None

    def param(self, name: str) -> str | None:
        """Return the last value of a query parameter."""
        return dict(self.query).get(name)

    def flag(self, name: str) -> bool | None:
        """Read a query parameter as true or false, anything else as absent."""
        text = (self.param(name) or "").lower()
        return True if text in {"true", "1"} else False if text in {"false", "0"} else None

    @property
    def may(self) -> TokenRights:
        """The rights, where the route has made sure of them."""
        if self.rights is None:
            raise RuntimeError("this route asks for no token")
        return self.rights


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, finished down to its bytes."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def with_headers(self, **headers: str) -> Reply:
        """Add headers; an underscore in a name stands for a dash."""
        more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        return Reply(self.status, self.body, self.headers + more)


class Refusal(Exception):
    """Ends an endpoint early with the answer it carries."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        super().__init__(reply.status)


def answer(content: Any, *, status: int = 200) -> Reply:
    """Make a JSON answer; datetimes are written the server's way."""
    return Reply(status, msgspec.json.encode(content), (("Content-Type", "application/json"),))


def detail(status: int, sentence: str) -> Reply:
    """Make the framework's own kind of error."""
    return answer({"detail": sentence}, status=status)


def page(status: int, title: str) -> Reply:
    """Make an HTML page, as unknown addresses and crashes get."""
    html = (
        f'<!DOCTYPE html>\n<html>\n<head><title>{title}</title><meta charset="utf-8"></head>\n'
        f"<body><h1>{title}</h1></body>\n</html>\n"
    )
    return Reply(status, html.encode(), (("Content-Type", "text/html; charset=utf-8"),))


def crash() -> Refusal:
    """What the server makes of an exception nobody expected."""
    return Refusal(page(500, SERVER_ERROR))


def stamp(at: datetime | None) -> str | None:
    """Write a time as the server does: UTC, Z, microseconds only if there are any."""
    if at is None:
        return None
    return at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def row_id(text: str) -> int:
    """Read the id of a row from a path; what cannot be one is 0, which no row has."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def parse_time(text: Any) -> datetime | None:
    """Read a time as leniently as the server does (naive is UTC, a date is midnight), or None."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def sent_object(site: Site, call: Call) -> dict[str, Any]:
    """Read the JSON object that was sent; nothing is `{}`, and what is no object crashes."""
    content = sent_content(site, call)
    if not isinstance(content, dict):
        raise crash()
    return content


def sent_content(site: Site, call: Call) -> Any:
    """Read the JSON that was sent; refuses other media types and bad JSON."""
    if not call.body:
        return {}
    media_type = call.content_type.partition(";")[0].strip().lower()
    if media_type != "application/json":
        sentence = f'Unsupported media type "{call.content_type}" in request.'
        raise Refusal(detail(415, sentence))
    try:
        return json.loads(call.body)
    except ValueError as error:
        why = "Expected object or value" if site.traits.terse_json_errors else str(error)
        raise Refusal(detail(400, f"JSON parse error - {why}")) from None
