from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gated.simulator.dialects import Dialect
from gated.simulator.exchange import Reply
from gated.simulator.idempotency import KEPT, IdempotencyKeys

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
NOTHING: frozenset[int] = frozenset()


def test_an_answer_is_given_again_to_the_same_holder_only() -> None:
    keys = IdempotencyKeys()
    assert keys.begin("Device a", "k", now=NOW) is None
    keys.finish("Device a", "k", Reply(200, b"first"), forgets=NOTHING)
    assert keys.begin("Device a", "k", now=NOW) == Reply(200, b"first")
    assert keys.begin("Device b", "k", now=NOW) is None


def test_a_key_in_flight_is_locked() -> None:
    keys = IdempotencyKeys()
    keys.begin("Device a", "k", now=NOW)
    again = keys.begin("Device a", "k", now=NOW)
    assert again is not None
    assert again.status == 409
    assert ("Retry-After", "5") in again.headers


def test_a_key_is_forgotten_after_a_day() -> None:
    keys = IdempotencyKeys()
    keys.begin("Device a", "locked", now=NOW)
    keys.begin("Device a", "k", now=NOW + timedelta(hours=1))
    assert keys.begin("Device a", "locked", now=NOW + KEPT - timedelta(seconds=1)) is not None
    assert keys.begin("Device a", "locked", now=NOW + KEPT) is None
    assert keys.begin("Device a", "k", now=NOW + KEPT) is not None


@pytest.mark.parametrize(
    ("dialect", "status", "kept"),
    [
        (Dialect.FORK, 500, True),
        (Dialect.FORK, 400, True),
        (Dialect.PRETIX, 400, True),
        (Dialect.PRETIX, 409, False),
        (Dialect.PRETIX, 429, False),
        (Dialect.PRETIX, 500, False),
        (Dialect.PRETIX, 503, False),
    ],
)
def test_which_answers_are_kept(dialect: Dialect, status: int, *, kept: bool) -> None:
    keys = IdempotencyKeys()
    keys.begin("Device a", "k", now=NOW)
    keys.finish("Device a", "k", Reply(status), forgets=dialect.traits.forgets)
    assert (keys.begin("Device a", "k", now=NOW) is not None) is kept
