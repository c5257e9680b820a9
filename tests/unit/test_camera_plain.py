"""What is read is handed on as text, whatever was in the code."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.camera.plain import plain


@pytest.mark.parametrize(
    "text",
    ["k7m2p9x4c6v8b3n5", "Gäste, ёлка, 門", "🎫", " two  words ", "\\n", "\\00002", "a\\000026b"],
)
def test_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    "prefix", [r"\000001", r"\000003", r"\000026", r"\000027", r"\000003\000026"]
)
def test_the_name_of_a_character_set_before_a_text_is_taken_off(prefix: str) -> None:
    assert plain(prefix + "k7m2p9x4") == "k7m2p9x4"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\r\nc", "a\ufffdb\ufffd\ufffdc"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("\x1d01\x00", "\ufffd01\ufffd"),
        ("\u202egnp", "\ufffdgnp"),
        ("\ud800", "\ufffd"),
    ],
    ids=ascii,
)
def test_what_is_no_text_becomes_a_mark(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_nothing_but_text_comes_out(text: str) -> None:
    out = plain(text)

    assert not any(unicodedata.category(character).startswith("C") for character in out)
    assert len(out) <= len(text)
