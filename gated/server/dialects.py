"""What this server can do with this token, found out by asking, never by guessing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gated.server.client import Client


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One row a feature; a dialect is the set of those it has."""

    version: str = ""
    checkout: bool = False
    """checkout/single: the fork, with a token that may."""
    failed_checkins: bool = False
    """Refused scans can be reported: pretix."""

    def dump(self) -> str:
        """As text for the store, so that a start without network knows the last answer."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str | None) -> Capabilities | None:
        """What `dump` wrote, or None where it is missing or from another version."""
        try:
            return cls(**json.loads(text)) if text else None
        except (TypeError, ValueError):
            return None


async def probe(client: Client) -> Capabilities:
    """Ask. Raises ServerError while the server cannot be asked."""
    return Capabilities(
        version=await client.version(),
        checkout=await client.takes_checkouts(),
        failed_checkins=await client.takes_reports(client.lists[0]),
    )
