"""A device's life at its server: made from a code, given another token, revoked; what it is for."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from gated import __version__
from gated.errors import BadReply, CodeUsed, EnrolmentRefused
from gated.logs import printable
from gated.server.http import Connection, judge
from gated.server.wire import checkin_lists_page, refusal

_MODEL = Path("/proc/device-tree/model")
Read = TypeVar("Read")


class _Slugged(msgspec.Struct, frozen=True):
    slug: str
    name: Any = ""


class _Device(msgspec.Struct, frozen=True):
    organizer: str
    device_id: int
    api_token: str
    name: str = ""
    security_profile: str = ""
    gate: Any = None


class _Selection(msgspec.Struct, frozen=True):
    event: _Slugged
    checkinlist: int | None = None


class _Events(msgspec.Struct, frozen=True):
    results: list[_Slugged]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What the server says of a device when it gives it a token."""

    organizer: str
    device_id: int
    token: str = field(repr=False)
    name: str
    profile: str
    gate: bool
    """Whether it is assigned to one of the server's gates."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The event, and the list, that the server means this device for at the moment."""

    event: str
    event_name: str
    list_id: int | None


class DeviceClient(Connection):
    """The calls that concern the device itself; raises what Connection does."""

    def __init__(self, url: str, token: str = "", *, timeout_s: float = 10.0) -> None:
        super().__init__(url, token, timeout_s=timeout_s)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    async def initialize(self, code: str) -> Enrolled:
        """Exchange an initialization token for the API token, which is told this once.

        Raises CodeUsed or EnrolmentRefused where the server says no.
        """
        path = "/api/v1/device/initialize"
        answer = await self.request("POST", path, body={"token": code, **about_this_box()})
        if answer.status == 400:
            raise _not_initialized(refusal(answer.body).message)
        return _enrolled(judge(path, answer).body)

    async def update(self) -> None:
        """Tell the server which software this device runs now."""
        await self.post("/api/v1/device/update", about_this_box())

    async def roll(self) -> Enrolled:
        """Have another token; the present one is void at once. The new one is told this once."""
        return _enrolled((await self.post("/api/v1/device/roll", {})).body)

    async def revoke(self) -> None:
        """Give up the access, for good."""
        await self.post("/api/v1/device/revoke", {})

    async def selection(self) -> Selection | None:
        """Ask what the server means this device for, if for anything at the moment."""
        path = "/api/v1/device/eventselection"
        answer = await self.request("GET", path)
        if answer.status in {304, 404}:
            return None
        said = _read(judge(path, answer).body, _Selection)
        return Selection(_slug(said.event.slug), _name(said.event), said.checkinlist)

    async def events(self, organizer: str) -> dict[str, str]:
        """The names of the events that this device may see, by slug."""
        found: dict[str, str] = {}
        page, is_last = 1, False
        while not is_last:
            path = f"/api/v1/organizers/{organizer}/events/"
            said = _read((await self.get(path, {"page": page})).body, _Events)
            found |= {_slug(one.slug): _name(one) for one in said.results}
            page, is_last = page + 1, said.next is None
        return found

    async def lists(self, organizer: str, event: str) -> dict[int, str]:
        """The names of an event's check-in lists, by id."""
        found: dict[int, str] = {}
        page, is_last = 1, False
        while not is_last:
            path = f"/api/v1/organizers/{organizer}/events/{event}/checkinlists/"
            lists, is_last = checkin_lists_page((await self.get(path, {"page": page})).body)
            found |= {one.id: one.name for one, _ in lists}
            page += 1
        return found


def about_this_box() -> dict[str, Any]:
    """Hardware and software as device/initialize and device/update want them."""
    try:
        model = _MODEL.read_text(encoding="utf-8").rstrip("\0\n ")
    except (OSError, UnicodeDecodeError):
        model = platform.machine()
    maker, _, kind = model.partition(" Pi ")
    brand, model = (f"{maker} Pi", kind) if kind else (platform.system(), model)
    return {
        "hardware_brand": brand[:190],
        "hardware_model": model[:190],
        "os_name": platform.system(),
        "os_version": platform.release()[:190],
        # A server treats a device whose software is called pretixscan in a way of its own.
        "software_brand": "gated",
        "software_version": __version__,
    }


def _not_initialized(words: str) -> EnrolmentRefused:
    if "already been used" in words:
        return CodeUsed(
            "this code was used before, and each is good once: make a new device at the server"
            " and show its code"
        )
    if "Unknown initialization token" in words:
        return EnrolmentRefused(
            "the server does not know this code: have it show the device's code again"
        )
    return EnrolmentRefused(f"the server refuses to enrol this gate: {words}")


def _enrolled(body: bytes) -> Enrolled:
    said = _read(body, _Device)
    if not said.api_token or not all("!" <= one <= "~" for one in said.api_token):
        raise BadReply("the server gave no token that can be used")
    return Enrolled(
        organizer=_slug(said.organizer),
        device_id=said.device_id,
        token=said.api_token,
        name=said.name,
        profile=said.security_profile,
        gate=said.gate is not None,
    )


def _read(body: bytes, kind: type[Read]) -> Read:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadReply("the server says of the device what this gate does not understand") from None


def _slug(slug: str) -> str:
    """Goes into paths, and into the files of this gate."""
    if not slug or not all(one.isascii() and (one.isalnum() or one in "-_.") for one in slug):
        raise BadReply(
            f"the server names something {printable(slug, 40)!r}, which is no short name"
        )
    return slug


def _name(one: _Slugged) -> str:
    """A name is a text, or one text a language."""
    if isinstance(one.name, dict):
        return str(one.name.get("en") or next(iter(one.name.values()), one.slug))
    return str(one.name or one.slug)
