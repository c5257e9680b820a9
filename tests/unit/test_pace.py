"""Pauses grow, never beyond the longest, and are never the same for all gates of a venue."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.sync.pace import Pace


class Loaded(random.Random):
    """Dice that always fall the same."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.share = share

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self.share


def pauses(pace: Pace, count: int) -> list[float]:
    return [pace.next() for _ in range(count)]


def test_pauses_double_up_to_the_longest() -> None:
    pace = Pace(first_s=1, longest_s=30, dice=Loaded(1))

    assert pauses(pace, 8) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_pauses_grow_by_the_factor_given() -> None:
    pace = Pace(first_s=2, longest_s=100, factor=3, dice=Loaded(1))

    assert pauses(pace, 5) == [2, 6, 18, 54, 100]


def test_a_pause_is_shortened_by_half_at_most() -> None:
    pace = Pace(first_s=1, longest_s=30, dice=Loaded(0))

    assert pauses(pace, 6) == [0.5, 1, 2, 4, 8, 15]


def test_a_success_starts_over() -> None:
    pace = Pace(first_s=1, longest_s=30, dice=Loaded(1))
    pauses(pace, 5)

    pace.reset()

    assert pauses(pace, 2) == [1, 2]


def test_after_an_answer_that_no_retry_will_change_the_pause_is_the_longest_at_once() -> None:
    pace = Pace(first_s=1, longest_s=30, dice=Loaded(1))

    assert pace.longest() == 30
    assert pace.next() == 30
    pace.reset()
    assert pace.next() == 1


def test_a_first_pause_longer_than_the_longest_is_the_longest() -> None:
    assert Pace(first_s=60, longest_s=30, dice=Loaded(1)).next() == 30


def test_two_gates_do_not_knock_together() -> None:
    one = Pace(first_s=1, longest_s=30, dice=random.Random(1))
    other = Pace(first_s=1, longest_s=30, dice=random.Random(2))

    assert all(a != b for a, b in zip(pauses(one, 10), pauses(other, 10), strict=True))


def test_each_pace_has_dice_of_its_own() -> None:
    assert Pace(1, 30).dice is not Pace(1, 30).dice


@given(
    first_s=st.floats(0.01, 10),
    longest_s=st.floats(10, 600),
    factor=st.floats(1, 5),
    seed=st.integers(),
)
def test_every_pause_lies_between_half_the_first_and_the_longest(
    first_s: float, longest_s: float, factor: float, seed: int
) -> None:
    pace = Pace(first_s=first_s, longest_s=longest_s, factor=factor, dice=random.Random(seed))

    for pause_s in pauses(pace, 50):
        assert first_s / 2 <= pause_s <= longest_s


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_pauses_never_shrink_for_the_same_dice(share: float) -> None:
    taken = pauses(Pace(first_s=0.5, longest_s=60, dice=Loaded(share)), 20)

    assert all(one <= other for one, other in pairwise(taken))
