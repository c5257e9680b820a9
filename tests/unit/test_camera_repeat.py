"""A code held up is one sighting; shown again it is the same one; another guest is a new one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.camera.repeat import Repeat
from gated.model import Code, ScanType

ENTRY, EXIT = ScanType.ENTRY, ScanType.EXIT
AGAIN_S = 8.0
GONE_S = 1.0

News = list[tuple[str, bool]]
Show = tuple[float, str]


def repeat() -> Repeat:
    return Repeat(again_s=AGAIN_S, gone_s=GONE_S)


def see(watching: Repeat, now: float, texts: str, mode: ScanType = ENTRY) -> News:
    """Show a frame with one-letter codes."""
    codes = [Code(text, "QRCode") for text in texts]
    return [(code.text, again) for code, again in watching.news(codes, mode, now)]


def told(*shows: Show, mode: ScanType = ENTRY) -> list[News]:
    """What is news in each of these frames."""
    watching = repeat()
    return [see(watching, now, texts, mode) for now, texts in shows]


NEW_A, NEW_B = [("a", False)], [("b", False)]
AGAIN_A, AGAIN_B = [("a", True)], [("b", True)]
NOTHING: News = []


def test_a_code_is_news_when_it_is_first_seen() -> None:
    assert told((0, ""), (1, "a")) == [NOTHING, NEW_A]


def test_a_code_held_in_view_is_one_sighting_however_long_it_is_held() -> None:
    frames = [(tick / 10, "a") for tick in range(6000)]

    assert told(*frames) == [NEW_A] + [NOTHING] * 5999


def test_a_code_that_flickers_is_still_held() -> None:
    assert told((0, "a"), (0.5, ""), (0.9, "a"), (1.9, "a"), (2.9, "a")) == [NEW_A] + [NOTHING] * 4


def test_a_code_is_held_as_long_as_no_gap_is_longer_than_its_leaving_the_view() -> None:
    assert told((0, "a"), (GONE_S, "a"))[-1] == NOTHING
    assert told((0, "a"), (GONE_S + 0.01, "a"))[-1] == AGAIN_A


def test_the_same_code_back_in_view_gets_the_same_answer_again() -> None:
    assert told((0, "a"), (3, ""), (5, "a"), (5.1, "a")) == [NEW_A, NOTHING, AGAIN_A, NOTHING]


def test_the_time_for_showing_again_counts_from_when_it_was_last_in_view() -> None:
    frames = [(tick / 2, "a") for tick in range(20)]

    assert told(*frames, (9.5 + AGAIN_S, "a"))[-1] == AGAIN_A


def test_a_code_may_be_shown_again_more_than_once() -> None:
    assert told((0, "a"), (6, "a"), (12, "a"), (18, "a")) == [NEW_A] + [AGAIN_A] * 3


def test_a_code_that_comes_back_later_is_a_new_sighting() -> None:
    assert told((0, "a"), (AGAIN_S, "a"))[-1] == AGAIN_A
    assert told((0, "a"), (AGAIN_S + 0.01, "a"))[-1] == NEW_A


def test_a_code_that_comes_back_after_another_guest_is_a_new_sighting() -> None:
    assert told((0, "a"), (2, "b"), (4, "a")) == [NEW_A, NEW_B, NEW_A]


def test_guests_that_take_turns_are_all_new() -> None:
    assert told((0, "a"), (2, "b"), (4, "a"), (6, "b")) == [NEW_A, NEW_B, NEW_A, NEW_B]


def test_a_guest_who_shows_twice_after_another_shows_again() -> None:
    assert told((0, "a"), (2, "b"), (4, "b"), (6, "a")) == [NEW_A, NEW_B, AGAIN_B, NEW_A]


def test_two_codes_in_one_frame_are_two_sightings_each_held_by_itself() -> None:
    both = [("a", False), ("b", False)]

    assert told((0, "ab"), (0.1, "ba"), (0.9, "a"), (1.0, "b")) == [both] + [NOTHING] * 3


def test_two_codes_held_up_together_twice_are_both_shown_again() -> None:
    """Two tickets on one sheet: neither came between the other and itself."""
    both_again = [("a", True), ("b", True)]

    assert told((0, "ab"), (3, "ab"))[-1] == both_again
    assert told((0, "ab"), (3, "ba"))[-1] == both_again[::-1]
    assert told((0, "ab"), (3, "a"), (5, "b")) == [[("a", False), ("b", False)], AGAIN_A, AGAIN_B]


@pytest.mark.parametrize("texts", ["ab", "ba"])
def test_a_guest_who_joins_another_does_not_come_between(texts: str) -> None:
    news = told((0, "a"), (3, texts))[-1]

    assert sorted(news) == [("a", True), ("b", False)]


def test_a_guest_who_came_while_the_other_was_in_view_does_not_come_between() -> None:
    assert told((0, "a"), (0.5, "ab"), (1.0, "a"), (4, "a"))[-1] == AGAIN_A


def test_the_same_code_twice_in_one_frame_is_one_sighting() -> None:
    assert told((0, "aa"), (3, "aa")) == [NEW_A, AGAIN_A]


def test_a_code_held_while_the_mode_is_switched_is_a_new_sighting() -> None:
    watching = repeat()

    assert see(watching, 0, "a", ENTRY) == NEW_A
    assert see(watching, 0.1, "a", EXIT) == NEW_A
    assert see(watching, 0.2, "a", EXIT) == NOTHING
    assert see(watching, 0.3, "a", ENTRY) == NEW_A


def test_a_code_shown_again_after_the_mode_was_switched_is_a_new_sighting() -> None:
    watching = repeat()
    see(watching, 0, "a", ENTRY)

    assert see(watching, 3, "a", EXIT) == NEW_A


def test_without_time_for_showing_again_every_return_is_new() -> None:
    watching = Repeat(again_s=0, gone_s=GONE_S)

    assert see(watching, 0, "a") == NEW_A
    assert see(watching, 0.5, "a") == NOTHING
    assert see(watching, 2, "a") == NEW_A


def test_memory_stays_small_over_a_hundred_thousand_different_codes() -> None:
    watching = repeat()

    for number in range(100_000):
        (news,) = watching.news([Code(str(number), "QRCode")], ENTRY, number / 4)
        assert news[1] is False
        assert len(watching._held) <= AGAIN_S * 4 + 2


frames = st.lists(
    st.tuples(st.floats(0.01, 12), st.text("abc", max_size=3), st.sampled_from(ScanType)),
    max_size=30,
)


@settings(deadline=None)
@given(frames)
def test_only_what_is_in_the_frame_is_news_and_the_first_time_it_is_new(
    shows: list[tuple[float, str, ScanType]],
) -> None:
    watching = repeat()
    now = 0.0
    known: set[str] = set()
    for gap_s, texts, mode in shows:
        now += gap_s
        news = see(watching, now, texts, mode)

        named = [text for text, _ in news]
        assert len(set(named)) == len(named)
        assert set(named) <= set(texts)
        # Whoever was never seen is told, and not as a repetition.
        assert {text for text, again in news if not again} >= set(texts) - known
        known |= set(texts)


@settings(deadline=None)
@given(frames)
def test_what_is_shown_again_was_in_view_a_short_while_ago_in_the_same_mode(
    shows: list[tuple[float, str, ScanType]],
) -> None:
    watching = repeat()
    now = 0.0
    seen: dict[str, tuple[float, ScanType]] = {}
    for gap_s, texts, mode in shows:
        now += gap_s
        for text, again in see(watching, now, texts, mode):
            if again:
                last, mode_then = seen[text]
                assert GONE_S < now - last <= AGAIN_S
                assert mode is mode_then
        seen |= dict.fromkeys(texts, (now, mode))
