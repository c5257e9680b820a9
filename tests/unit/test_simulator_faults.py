from __future__ import annotations

from gated.simulator.faults import Fault, Faults


def test_a_fault_strikes_as_often_as_it_was_told_to() -> None:
    faults = Faults()
    active = faults.add(Fault.HTML_500, times=2)
    struck = [bool(faults.strike("POST", "/x")) for _ in range(4)]
    assert struck == [True, True, False, False]
    assert active.hits == 2


def test_a_fault_strikes_only_the_paths_and_methods_meant() -> None:
    faults = Faults()
    faults.add(Fault.UNAVAILABLE, path="redeem", method="POST")
    assert faults.strike("POST", "/positions/1/redeem/")
    assert not faults.strike("GET", "/positions/1/redeem/")
    assert not faults.strike("POST", "/checkout/")


def test_the_same_seed_strikes_the_same_requests() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults(seed=seed)
        faults.add(Fault.RESET_AFTER_COMMIT, probability=0.3)
        return [bool(faults.strike("POST", "/")) for _ in range(200)]

    assert strikes(1) == strikes(1)
    assert strikes(1) != strikes(2)
    assert 30 < sum(strikes(1)) < 90


def test_faults_can_be_switched_off_one_by_one_or_all_at_once() -> None:
    faults = Faults()
    slow = faults.add(Fault.LATENCY, latency_s=0.1)
    faults.add(Fault.WRONG_DATE)
    assert set(faults.strike("GET", "/")) == {Fault.LATENCY, Fault.WRONG_DATE}
    faults.remove(slow)
    assert set(faults.strike("GET", "/")) == {Fault.WRONG_DATE}
    faults.clear()
    assert faults.strike("GET", "/") == {}


def test_of_two_faults_of_a_kind_the_first_left_over_strikes() -> None:
    faults = Faults()
    first = faults.add(Fault.LATENCY, times=1, latency_s=1)
    second = faults.add(Fault.LATENCY, latency_s=2)
    assert faults.strike("GET", "/")[Fault.LATENCY] is first
    assert faults.strike("GET", "/")[Fault.LATENCY] is second
