from __future__ import annotations

import pytest

from gated.errors import GatedError
from gated.simulator.dialects import Dialect
from gated.simulator.faults import ABOUT, ActiveFault, Fault
from gated.simulator.records import Kind
from gated.simulator.wishes import fault_lines, profiles, read_fault, rights_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("html-500", ActiveFault(Fault.HTML_500)),
        ("latency=0.02", ActiveFault(Fault.LATENCY, latency_s=0.02)),
        ("reset-after-commit=5%", ActiveFault(Fault.RESET_AFTER_COMMIT, probability=0.05)),
        ("wrong-date=-60,x3", ActiveFault(Fault.WRONG_DATE, offset_s=-60, times=3)),
        (
            "too-many-requests=7,10%,/orders/",
            ActiveFault(Fault.TOO_MANY_REQUESTS, retry_after_s=7, probability=0.1, path="/orders/"),
        ),
    ],
)
def test_a_fault_is_read_as_it_is_typed(text: str, expected: ActiveFault) -> None:
    assert read_fault(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latncy=1", "did you mean latency?"),
        ("latency=soon", "cannot read 'soon'"),
        ("latency=half%", "cannot read 'half%'"),
        ("html-500=2", "html-500 has no amount; how likely is written 5%"),
        ("html-500=200%", "from 0% to 100%"),
    ],
)
def test_what_is_no_fault_is_said_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(GatedError, match="--fault") as caught:
        read_fault(text)
    assert said in str(caught.value)


def test_every_fault_is_explained_and_can_be_typed_as_it_is_listed() -> None:
    assert list(ABOUT) == list(Fault)
    assert [read_fault(typed) for typed, _ in fault_lines()] == [ActiveFault(one) for one in Fault]


def test_profiles_are_those_of_the_server_and_team_tokens() -> None:
    assert "pretixscan_online_noorders" in profiles(Dialect.PRETIX)
    assert "pretixscan_online_noorders" not in profiles(Dialect.FORK)
    assert rights_of("pretixscan").kind is Kind.DEVICE
    assert rights_of("team-checkin").has("can_checkin_orders")
    assert not rights_of("team-checkin").has("can_view_orders", "can_change_orders")
