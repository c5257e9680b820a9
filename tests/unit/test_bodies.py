"""What is told to a server is told in the words that it takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from gated.model import Reason, Scan, ScanType, Verdict
from gated.server import bodies

AT = datetime(2026, 11, 22, 15, 0, 0, 123, tzinfo=UTC)
SCAN = Scan(
    nonce="n-1",
    sighting="n-1",
    type=ScanType.EXIT,
    list_id=2,
    verdict=Verdict.ADMIT,
    reason=Reason.LEFT,
    at=AT,
    dated=AT,
    position_id=7,
)
STAMP = "2026-11-22T15:00:00.000123Z"


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("pending", [True, False])
def test_a_scan_is_told_to_redeem(force: bool, pending: bool) -> None:
    assert bodies.redeem_body(SCAN, force=force, pending=pending) == {
        "type": "exit",
        "nonce": "n-1",
        "datetime": STAMP,
        "force": force,
        "ignore_unpaid": pending,
        "canceled_supported": True,
        "questions_supported": False,
    }


@pytest.mark.parametrize("force", [True, False])
def test_an_exit_is_told_to_checkout(force: bool) -> None:
    assert bodies.checkout_body(SCAN, force=force) == {
        "position_id": 7,
        "checkin_list_id": 2,
        "datetime": STAMP,
        "force": force,
    }


def test_force_is_a_boolean_in_json_for_the_fork_takes_any_text_for_true() -> None:
    told = (
        bodies.redeem_body(SCAN, force=False, pending=False),
        bodies.checkout_body(SCAN, force=False),
    )

    assert all('"force": false' in json.dumps(body) for body in told)


def test_a_refused_scan_is_reported() -> None:
    refused = replace(SCAN, verdict=Verdict.REFUSE, reason=Reason.REVOKED)

    assert bodies.failed_checkin_body(refused, "abcdefgh") == {
        "raw_barcode": "abcdefgh",
        "error_reason": "revoked",
        "type": "exit",
        "nonce": "n-1",
        "datetime": STAMP,
        "position": 7,
    }


def test_the_report_of_an_unknown_code_names_no_position() -> None:
    assert "position" not in bodies.failed_checkin_body(replace(SCAN, position_id=None), "abcdefgh")


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_that_the_server_does_not_know_is_reported_as_an_error(reason: Reason) -> None:
    ours = {
        Reason.ENTERED,
        Reason.LEFT,
        Reason.NOT_CHECKED_IN,
        Reason.ALREADY_LEFT,
        Reason.SIGNED,
        Reason.FREE_FLOW,
        Reason.ERROR,
    }
    body = bodies.failed_checkin_body(replace(SCAN, reason=reason), "abcdefgh")

    assert body["error_reason"] == ("error" if reason in ours else str(reason))


def test_the_moment_told_is_the_one_frozen_at_the_first_attempt() -> None:
    tried = replace(SCAN, sent_at=AT + timedelta(seconds=5))

    for body in (
        bodies.redeem_body(tried, force=True, pending=False),
        bodies.checkout_body(tried, force=True),
        bodies.failed_checkin_body(tried, "abcdefgh"),
    ):
        assert body["datetime"] == "2026-11-22T15:00:05.000123Z"


def test_the_moment_told_is_the_one_that_undoes_nothing() -> None:
    dated = replace(SCAN, dated=AT + timedelta(microseconds=1))

    assert bodies.checkout_body(dated, force=False)["datetime"] == "2026-11-22T15:00:00.000124Z"


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2026, 11, 22, 15, tzinfo=UTC), "2026-11-22T15:00:00.000000Z"),
        (
            datetime(2026, 11, 22, 15, tzinfo=timezone(timedelta(hours=5, minutes=30))),
            "2026-11-22T09:30:00.000000Z",
        ),
    ],
)
def test_moments_are_told_in_utc_with_a_z_and_microseconds(at: datetime, text: str) -> None:
    assert bodies.utc(at) == text
