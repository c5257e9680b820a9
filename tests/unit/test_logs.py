"""The log shows no secret, and nothing that somebody holds up can write a line of its own."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated import logs
from gated.logs import printable, short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

logger = logging.getLogger("gated.test")
SECRET = "k7m2p9x4c6v8b3n5q7w2e4r6t8y3u5i7"
Written = list[str]


def set_up(environment: dict[str, str]) -> io.StringIO:
    """Set up the log as a process with this environment does; gives its stderr."""
    stderr = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("JOURNAL_STREAM", raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(sys, "stderr", stderr)
        logs.set_up("info")
    return stderr


@pytest.fixture
def kept_logging() -> Iterator[None]:
    """Logging is one for the whole process: give it back as it was."""
    root, access = logging.getLogger(), logging.getLogger("aiohttp.access")
    handlers, levels = root.handlers[:], (root.level, access.level)
    root.handlers = []
    yield
    root.handlers = handlers
    root.setLevel(levels[0])
    access.setLevel(levels[1])


@pytest.fixture
def log(kept_logging: None) -> Callable[[], Written]:
    """The lines of the log as it is written to a terminal."""
    stderr = set_up({})
    return lambda: stderr.getvalue().splitlines()


@pytest.fixture
def journal(kept_logging: None) -> Callable[[], Written]:
    """The lines of the log as it is written under systemd."""
    stderr = set_up({"JOURNAL_STREAM": "8:1234"})
    return lambda: stderr.getvalue().splitlines()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, Gäste & 門 🎫", "plain text, Gäste & 門 🎫"),
        ("two\nlines", r"two\nlines"),
        ("over\rwritten", r"over\rwritten"),
        ("tab\tstop", r"tab\tstop"),
        ("nul\0", r"nul\x00"),
        ("\x1b[2J\x1b]0;title\x07", r"\x1b[2J\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj.exe\u202c", r"\u202egpj.exe\u202c"),
        ("\u2066isolate\u2069\u200f\u061c", r"\u2066isolate\u2069\u200f\u061c"),
        ("\u2028line\u2029paragraph\x85", r"\u2028line\u2029paragraph\x85"),
        ("\u200bzero\ufeff", r"\u200bzero\ufeff"),
        ("half \ud83d", r"half \ud83d"),
        ("\U000e0041", r"\U000e0041"),
        ("", ""),
    ],
    ids=ascii,
)
def test_what_is_not_text_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_nothing_printed_does_anything(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text).splitlines()) <= 1


def test_a_long_text_is_cut_and_says_so() -> None:
    assert printable("x" * 200) == "x" * 200
    assert printable("x" * 201) == "x" * 200 + "…"
    assert printable("abc", limit=2) == "ab…"


@given(st.text(min_size=1))
def test_a_secret_shows_its_first_four_characters_at_most(secret: str) -> None:
    shown = short(secret)

    assert shown in {printable(secret[:count]) + "…" for count in (1, 4)}
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (SECRET, "k7m2…"),
        ("123456789", "1234…"),
        ("12345678", "1…"),
        ("1", "1…"),
        ("", "…"),
        ("\x1b[2J12345", r"\x1b[2J…"),
    ],
)
def test_a_short_secret_shows_less(secret: str, shown: str) -> None:
    assert short(secret) == shown


def test_an_entry_has_its_time_level_and_origin(log: Callable[[], Written]) -> None:
    logger.warning("the server says %s", "later")

    (line,) = log()
    assert line.endswith(" WARNING gated.test: the server says later")
    assert line[:4].isdigit()


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028"])
def test_an_argument_cannot_forge_an_entry(log: Callable[[], Written], newline: str) -> None:
    forged = "2026-11-22 15:00:00,000 ERROR   gated: the gate is open"
    logger.info("code %s read", f"abc{newline}{forged}")

    (line,) = log()
    assert " INFO " in line
    assert line.endswith(" read")


def test_an_argument_cannot_paint_the_terminal(log: Callable[[], Written]) -> None:
    logger.info("code %s", "\x1b[31m\u202eabc")

    (line,) = log()
    assert line.endswith(r"code \x1b[31m\u202eabc")


def test_the_message_of_an_error_cannot_forge_an_entry(log: Callable[[], Written]) -> None:
    try:
        raise ValueError("bad\n2026-11-22 15:00:00,000 ERROR gated: \x1b[2Jthe gate is open")
    except ValueError:
        logger.exception("something failed")

    first, *traceback = log()
    assert first.endswith("ERROR   gated.test: something failed")
    assert traceback[0] == "  Traceback (most recent call last):"
    assert all(line.startswith("  ") and line.isprintable() for line in traceback)
    assert any("the gate is open" in line for line in traceback)


def test_a_huge_entry_is_cut(log: Callable[[], Written]) -> None:
    logger.info("code %s", "x" * 1_000_000)

    (line,) = log()
    assert len(line) < 2100


def test_in_the_journal_every_line_has_its_priority_and_no_time(
    journal: Callable[[], Written],
) -> None:
    logger.info("all is well")
    logger.warning("almost")
    logger.error("not at all")
    logger.critical("help")

    assert journal() == [
        "<6>gated.test: all is well",
        "<4>gated.test: almost",
        "<3>gated.test: not at all",
        "<2>gated.test: help",
    ]


def test_in_the_journal_no_argument_can_set_a_priority(journal: Callable[[], Written]) -> None:
    logger.info("code %s", "abc\n<0>gated: forged")

    assert journal() == [r"<6>gated.test: code abc\n<0>gated: forged"]


def test_in_the_journal_a_traceback_keeps_the_priority(journal: Callable[[], Written]) -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("something failed")

    lines = journal()
    assert len(lines) > 2
    assert all(line.startswith("<3>") for line in lines)


def test_what_is_below_the_level_is_not_written(log: Callable[[], Written]) -> None:
    logger.debug("a detail")
    logging.getLogger("aiohttp.access").info("GET /")

    assert log() == []
