"""What differs between the two servers that the simulator can be, as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Traits:
    """The differences that are not whole endpoints of their own."""

    version: str
    version_numeric: int
    link_prefix: str
    """What the server puts before its own paths in links; it does not answer there itself."""
    page_size_honoured: bool
    redirects_posts: bool
    """Whether a POST without its trailing slash is redirected or unknown."""
    nameless_first: bool
    latest_checkin_ties_descend: bool
    force_overrides_all: bool
    """Whether force gets past canceled orders and wrong products."""
    revoked_is_named: bool
    exit_counts_as_used: bool
    """Whether a lone exit bars the entry to a list without re-entry."""
    explains: bool
    """Whether redeem answers carry the list, texts and an explanation, also for unknown tickets."""
    knows_validity: bool
    """Whether tickets can be blocked or limited in time."""
    keeps_failures: bool
    untrusted_input: bool
    bad_input_is_500: bool
    """Whether a validation error below the serializers becomes a 500 page."""
    terse_json_errors: bool
    forgets: frozenset[int]
    """The statuses that the idempotency keys do not keep."""


class Dialect(StrEnum):
    """Which server the simulator is."""

    FORK = "fork"
    PRETIX = "pretix"

    @property
    def traits(self) -> Traits:
        """The small differences."""
        return TRAITS[self]

    @property
    def profiles(self) -> dict[str, frozenset[str]]:
        """Security profile to the names of the routes it opens; any other profile opens all."""
        return PROFILES[self]


TRAITS = {
    Dialect.FORK: Traits(
        version="3.18.0.dev0",
        version_numeric=30180001000,
        link_prefix="/tickets",
        page_size_honoured=False,
        redirects_posts=True,
        nameless_first=True,
        latest_checkin_ties_descend=False,
        force_overrides_all=False,
        revoked_is_named=False,
        exit_counts_as_used=True,
        explains=False,
        knows_validity=False,
        keeps_failures=False,
        untrusted_input=False,
        bad_input_is_500=True,
        terse_json_errors=False,
        forgets=frozenset(),
    ),
    Dialect.PRETIX: Traits(
        version="2026.8.0",
        version_numeric=20260080005000,
        link_prefix="",
        page_size_honoured=True,
        redirects_posts=False,
        nameless_first=False,
        latest_checkin_ties_descend=True,
        force_overrides_all=True,
        revoked_is_named=True,
        exit_counts_as_used=False,
        explains=True,
        knows_validity=True,
        keeps_failures=True,
        untrusted_input=True,
        bad_input_is_500=False,
        terse_json_errors=True,
        forgets=frozenset({409, 429, 500, 503}),
    ),
}

_DEVICE = frozenset(
    {
        "version",
        "device.update",
        "device.roll",
        "device.revoke",
        "device.info",
        "device.eventselection",
    }
)
_SCAN = _DEVICE | {
    "events", "event", "series", "lists", "status", "redeem", "revokedsecrets",
}  # fmt: skip
_SCAN_PRETIX = _SCAN | {"blockedsecrets", "failed_checkins", "rpc.redeem", "rpc.annul"}

PROFILES = {
    Dialect.FORK: {
        "pretixscan": _SCAN | {"positions", "orders"},
        "pretixscan_online_kiosk": _SCAN,
        "pretixpos": _DEVICE | {"events", "event", "orders", "order", "revokedsecrets"},
    },
    Dialect.PRETIX: {
        "pretixscan": _SCAN_PRETIX | {"positions", "orders", "rpc.search"},
        "pretixscan_online_kiosk": _SCAN_PRETIX,
        "pretixscan_online_noorders": _SCAN_PRETIX | {"positions", "rpc.search"},
    },
}
