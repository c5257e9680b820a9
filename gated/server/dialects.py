"""What this server can do with this token, found out by asking, never by guessing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gated.server.client import Client


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One field a feature; a dialect is the set of those it has."""

    version: str = ""
    checkout: bool = False
    changes: bool = False
    failed_checkins: bool = False
    revoked: bool = False
    blocked: bool = False

    @property
    def missing(self) -> tuple[Feature, ...]:
        """What this server, or this token, does not offer."""
        return tuple(one for one in FEATURES if not getattr(self, one.name))

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


@dataclass(frozen=True, slots=True)
class Feature:
    """A capability, what it needs at the server, and what its absence costs at the gate."""

    name: str
    needs: str
    cost: str


FEATURES = (
    Feature(
        "checkout",
        "checkout/single: the eventyay fork, profile full or a team token that may check in",
        "exits go through redeem, which does not say whether the guest was inside",
    ),
    Feature(
        "changes",
        "orders/: a token that may view orders",
        "changes made elsewhere are known only after the next complete download",
    ),
    Feature(
        "failed_checkins",
        "failed_checkins: pretix",
        "refused scans are kept in the gate's ledger only",
    ),
    Feature(
        "revoked",
        "revokedsecrets/: a token that may view orders",
        "a code that was taken back shows as unknown instead of revoked",
    ),
    Feature(
        "blocked",
        "blockedsecrets/: pretix, a token that may view orders",
        "a blocked code that is on no list of this gate shows as unknown",
    ),
)


async def probe(client: Client) -> Capabilities:
    """Ask. Raises ServerError while the server cannot be asked."""
    return Capabilities(
        version=await client.version(),
        checkout=await client.takes_checkouts(),
        changes=await client.shows_changes(),
        failed_checkins=await client.takes_reports(client.lists[0]),
        revoked=await client.shows_revoked(),
        blocked=await client.shows_blocked(),
    )
