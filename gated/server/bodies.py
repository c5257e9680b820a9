"""What is told to eventyay-tickets and pretix, as JSON values. No I/O; the way back is `wire`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gated.model import Scan

_LONGEST_BARCODE = 1000
_REPORTABLE = frozenset(
    {
        "invalid",
        "revoked",
        "canceled",
        "blocked",
        "unapproved",
        "invalid_time",
        "ambiguous",
        "product",
        "unpaid",
        "rules",
        "already_redeemed",
    }
)
"""The reasons that failed_checkins takes."""


def redeem_body(scan: Scan, *, force: bool, pending: bool) -> dict[str, Any]:
    """What tells a scan to redeem; `force` records as a fact what already happened."""
    return {
        "type": str(scan.type),
        "nonce": scan.nonce,
        "datetime": utc(scan.sent_at or scan.dated),
        "force": force,
        "ignore_unpaid": pending,
        "canceled_supported": True,
        "questions_supported": False,
    }


def checkout_body(scan: Scan, *, force: bool) -> dict[str, Any]:
    """What tells an exit to the fork's checkout/single."""
    return {
        "position_id": scan.position_id,
        "checkin_list_id": scan.list_id,
        "datetime": utc(scan.sent_at or scan.dated),
        "force": force,
    }


def failed_checkin_body(scan: Scan, raw_barcode: str) -> dict[str, Any]:
    """What reports a refused scan."""
    known = {"position": scan.position_id} if scan.position_id else {}
    return {
        "raw_barcode": _storable(raw_barcode),
        "error_reason": str(scan.reason) if scan.reason in _REPORTABLE else "error",
        "type": str(scan.type),
        "nonce": scan.nonce,
        "datetime": utc(scan.sent_at or scan.dated),
        **known,
    }


def utc(at: datetime) -> str:
    """UTC with a Z: both servers read anything else in a time zone of their own."""
    there = at if at.tzinfo is UTC else at.astimezone(UTC)
    return there.isoformat(timespec="microseconds")[:26] + "Z"


def _storable(text: str) -> str:
    """A code that every database takes: no NUL, no control character, no half of a pair."""
    shown = "".join(one if one.isprintable() else "\ufffd" for one in text[:_LONGEST_BARCODE])
    return shown.encode("utf-8", "replace").decode()
