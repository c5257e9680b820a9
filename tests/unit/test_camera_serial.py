"""A scan engine's line: what it sends becomes codes, whole and plain."""

from __future__ import annotations

import itertools

import pytest

from gated.camera.serial import Lines


def cut(lines: Lines, *chunks: bytes) -> list[str]:
    """What comes of chunks a hundredth of a second apart."""
    return [
        text
        for number, chunk in enumerate(chunks)
        for text in lines.feed(chunk, 100 + number / 100)
    ]


@pytest.mark.parametrize("end", [b"\r", b"\r\n"])
def test_codes_end_where_the_engine_says(end: bytes) -> None:
    assert cut(Lines(), b"k7m2" + end + b"p9x4" + end) == ["k7m2", "p9x4"]


def test_a_line_feed_can_be_the_end() -> None:
    assert cut(Lines(suffix=b"\n"), b"k7m2\r\np9x4\n") == ["k7m2", "p9x4"]


def test_a_code_may_come_in_any_pieces() -> None:
    whole = b"k7m2p9x4\r"
    for cuts in itertools.combinations(range(1, len(whole)), 2):
        pieces = [whole[a:b] for a, b in itertools.pairwise((0, *cuts, len(whole)))]
        assert cut(Lines(), *pieces) == ["k7m2p9x4"]


def test_a_prefix_is_taken_off_and_its_absence_forgiven() -> None:
    assert cut(Lines(prefix=b"]Q1"), b"]Q1k7m2\rp9x4\r") == ["k7m2", "p9x4"]


def test_the_character_set_is_taken_off_and_what_is_no_text_marked() -> None:
    sent = "\\000026Gäste\x1b[31m\r".encode()

    assert cut(Lines(), sent, b"\xff\xfe\r") == ["Gäste\ufffd[31m", "\ufffd\ufffd"]


def test_nothing_between_two_ends_is_no_code() -> None:
    assert cut(Lines(), b"\r\r\n\r\n") == []


def test_half_a_code_is_forgotten_after_a_second() -> None:
    lines = Lines()

    waits = [lines.feed(b"k7m2", 10) or lines.wait_s, lines.feed(b"", 11) or lines.wait_s]

    assert waits == [1.0, None]
    assert lines.feed(b"p9x4\r", 11.5) == ["p9x4"]


def test_half_a_code_does_not_stick_to_the_next_one() -> None:
    lines = Lines()
    lines.feed(b"k7m2", 10)

    assert lines.feed(b"p9x4\r", 20) == ["p9x4"]


def test_without_an_end_a_pause_is_one() -> None:
    lines = Lines(suffix=b"")

    assert lines.feed(b"k7", 10) == []
    assert lines.wait_s == 0.1
    assert lines.feed(b"m2", 10.01) == []
    assert lines.feed(b"", 10.2) == ["k7m2"]
    assert lines.feed(b"p9x4", 11) == []
    assert lines.feed(b"next", 12) == ["p9x4"]


def test_a_line_that_never_ends_does_not_fill_the_memory() -> None:
    lines = Lines()
    for number in range(1000):
        assert lines.feed(b"x" * 1000, 10 + number / 1000) == []
    assert len(lines._begun) <= 8192
    lines.feed(b"\r", 11.0)

    assert lines.feed(b"k7m2\r", 11.1) == ["k7m2"]
