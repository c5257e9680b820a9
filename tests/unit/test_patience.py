"""When a row that the server fails on is tried again, and when it is given up."""

from __future__ import annotations

from gated.sync.patience import FEW, Patience, Resting

PATIENCE = Patience(rest_s=4, longest_rest_s=16, strikes=3, quiet_strikes=5)


def fail_until_given_up(resting: Resting, nonce: str, *, others: bool) -> int:
    """How many failures it took; `others` are taken by the server in between."""
    for times in range(1, 100):
        if resting.fail(nonce, 0.0):
            return times
        if others:
            resting.taken("another", by_server=True)
    raise AssertionError("never given up")


def test_a_row_rests_longer_each_time_but_not_for_ever() -> None:
    resting = Resting(PATIENCE)
    assert resting.next_s(0.0) is None
    ends = []
    for _ in range(6):
        resting.rest("row", 0.0)
        ends.append(resting.next_s(0.0) or 0.0)
    assert [2 <= ends[0] <= 4, 4 <= ends[1] <= 8, 8 <= ends[2] <= 16] == [True] * 3
    assert all(8 <= end <= 16 for end in ends[2:])
    assert resting.busy(1.0) == ["row"]
    assert resting.busy(17.0) == []


def test_while_the_server_takes_others_a_row_is_soon_given_up() -> None:
    assert fail_until_given_up(Resting(PATIENCE), "row", others=True) == PATIENCE.strikes


def test_with_nothing_else_to_take_a_row_is_given_more_time() -> None:
    times = fail_until_given_up(Resting(PATIENCE), "row", others=False)
    assert times == PATIENCE.quiet_strikes + 1


def test_a_row_that_is_given_up_is_forgotten() -> None:
    resting = Resting(PATIENCE)
    fail_until_given_up(resting, "row", others=True)
    assert (len(resting), resting.busy(0.0)) == (0, [])


def test_many_rows_failing_and_none_taken_say_nothing_about_any_of_them() -> None:
    resting = Resting(PATIENCE)
    rows = [f"row-{number}" for number in range(FEW + 1)]
    for row in rows:
        resting.fail(row, 0.0)
    assert not any(resting.fail(row, 0.0) for _ in range(50) for row in rows)
    assert resting.in_vain == len(rows)


def test_what_was_kept_here_is_no_answer_of_the_server() -> None:
    resting = Resting(PATIENCE)
    for _ in range(PATIENCE.quiet_strikes):
        assert not resting.fail("row", 0.0)
        resting.taken("another", by_server=False)
    assert resting.in_vain == 1
    resting.taken("another", by_server=True)
    assert resting.in_vain == 0
