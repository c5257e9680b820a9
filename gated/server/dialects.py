"""What this server can do with this token, found out by asking, never by guessing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from gated.errors import ServerFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from gated.server.client import Client


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One field a feature; None where there was nothing to tell it by, such as an empty list."""

    version: str = ""
    item_word: str = ""
    """What the server calls a product: "item", or "product" as the current eventyay does."""
    positions: bool = False
    redeem: bool = False
    checkout: bool = False
    changes: bool = False
    failed_checkins: bool = False
    revoked: bool = False
    blocked: bool = False
    checkins: bool = False
    event: bool = False
    rules: bool | None = None
    validity: bool | None = None

    @property
    def missing(self) -> tuple[Feature, ...]:
        """What this server, or this token, does not offer, as far as it costs something."""
        return tuple(one for one in FEATURES if one.cost and getattr(self, one.name) is False)

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
    words: str
    """The row of the README's table."""
    needs: str
    cost: str


# A new dialect: a column of the README's table (test_server_dialects.py holds it true) and, if it
# takes scans in another way, one of sync/ways.py. A new feature: a row here, a line in `probe`.
FEATURES = (
    Feature(
        "positions",
        "the list",
        "checkinlists/*/positions/: a device that may list tickets",
        "no gate: nothing can be decided without the list",
    ),
    Feature(
        "redeem",
        "redeem with a nonce",
        "positions/*/redeem/: a token that may check in",
        "scans are kept on the gate, but the server is not told of them",
    ),
    Feature(
        "checkout",
        "`checkout/single`",
        "checkout/single: the eventyay fork, profile full or a team token that may check in",
        "exits go through redeem, which does not say whether the guest was inside",
    ),
    Feature(
        "changes",
        "feed of changes (`orders/`)",
        "orders/: a token that may view orders",
        "changes made elsewhere are known only after the next complete download, every minute",
    ),
    Feature(
        "revoked",
        "revoked codes",
        "revokedsecrets/: a token that may view orders",
        "a code that was taken back shows as unknown instead of revoked",
    ),
    Feature(
        "blocked",
        "blocked codes",
        "blockedsecrets/: pretix, a token that may view orders",
        "a blocked code that is on no list of this gate shows as unknown",
    ),
    Feature(
        "failed_checkins",
        "reports of refused scans",
        "failed_checkins: pretix",
        "refused scans are kept in the gate's ledger only",
    ),
    Feature(
        "event",
        "the event's dates and time zone",
        "events/*/: a token that may see the event",
        "entry rules that ask for the event's dates or for days cannot be evaluated",
    ),
    Feature(
        "rules",
        "entry rules of the list",
        "rules in checkinlists/",
        "the gate does not know the list's entry rules and lets in whom they would bar",
    ),
    Feature(
        "validity",
        "tickets with times and blocks",
        "valid_from, valid_until and blocked of tickets: pretix",
        "tickets cannot be blocked, or limited to a time",
    ),
    # What others did comes with orders/, which both servers have.
    Feature("checkins", "log of check-ins (`checkins/`)", "checkins/: pretix", ""),
)


async def probe(client: Client, before: Capabilities | None = None) -> Capabilities:
    """Ask. Where the server crashes over one question, the answer of `before` stands.

    Raises ServerError while the server cannot be asked.
    """
    known = before or Capabilities()
    list_id = client.lists[0]
    version = await client.version()
    shape = await client.position_shape(list_id)
    return Capabilities(
        version=version,
        item_word=(shape.word if shape else "") or known.item_word,
        positions=shape is not None,
        redeem=await _asked(client.takes_redeems(), before=known.redeem),
        checkout=await _asked(client.takes_checkouts(), before=known.checkout),
        changes=await _asked(client.shows_changes(), before=known.changes),
        failed_checkins=await _asked(client.takes_reports(list_id), before=known.failed_checkins),
        revoked=await _asked(client.shows_revoked(), before=known.revoked),
        blocked=await _asked(client.shows_blocked(), before=known.blocked),
        checkins=await _asked(client.shows_checkins(), before=known.checkins),
        event=await _asked(client.shows_event(), before=known.event),
        rules=await client.lists_have_rules(),
        validity=shape.validity if shape and shape.validity is not None else known.validity,
    )


async def _asked(question: Awaitable[bool], *, before: bool) -> bool:
    try:
        return await question
    except ServerFailed:
        return before
