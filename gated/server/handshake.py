"""The QR code that a server shows for a new device: `{"handshake_version": 1, "url", "token"}`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gated.config import server_url
from gated.errors import EnrolmentRefused
from gated.logs import printable

_LONGEST = 1024
_LONGEST_TOKEN = 200
STAND_IN = "a device's code"
"""What a gate at work takes such a code for: a ticket nobody has. The code itself is a secret."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """Where to enrol, and with which initialization token; it is good once."""

    url: str
    token: str = field(repr=False)

    @property
    def host(self) -> str:
        """The server's name, as a person compares it."""
        return urlsplit(self.url).netloc


def is_handshake(text: str) -> bool:
    """Whether a code means to enrol a device, well-formed or not."""
    return text.lstrip()[:1] == "{" and "handshake_version" in text


def read_handshake(text: str) -> Handshake:
    """Read the text of such a code. Raises EnrolmentRefused with what is wrong with it."""
    if len(text) > _LONGEST:
        raise EnrolmentRefused(
            f"this code is {len(text)} characters long, which no device's code is:"
            " show the QR code that the server has for the device"
        )
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise EnrolmentRefused(
            "this is no device's code: show the QR code that the server has for the device"
        )
    if type(said.get("handshake_version")) is not int or said["handshake_version"] != 1:
        shown = printable(json.dumps(said.get("handshake_version")), 20)
        raise EnrolmentRefused(
            f"the code has handshake_version {shown}, and this gate knows 1 only: update gated"
        )
    url, token = said.get("url"), said.get("token")
    if not isinstance(url, str) or not isinstance(token, str):
        raise EnrolmentRefused("the code lacks url or token: have the server show it again")
    return handshake_of(url, token)


def handshake_of(url: str, token: str) -> Handshake:
    """Check an address and an initialization token. Raises EnrolmentRefused."""
    try:
        address = server_url(url)
    except ValueError as error:
        raise EnrolmentRefused(f"the server's address {error}") from None
    if not address:
        raise EnrolmentRefused("the server's address is missing")
    fits = 0 < len(token) <= _LONGEST_TOKEN and all("!" <= one <= "~" for one in token)
    if not fits:
        raise EnrolmentRefused("the token is not one: copy it from the device's page at the server")
    return Handshake(address, token)
