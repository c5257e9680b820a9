"""A device's QR code, and what only looks like one: told in one sentence, and never the token."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.errors import EnrolmentRefused
from gated.server.handshake import is_handshake, read_handshake

TOKEN = "kpp4jn8g2ynzonp6"
GOOD = {"handshake_version": 1, "url": "https://tickets.example.org", "token": TOKEN}


def changed(**parts: object) -> str:
    return json.dumps({**GOOD, **parts})


def test_a_devices_code_is_read() -> None:
    code = read_handshake(changed())

    assert (code.url, code.token, code.host) == (GOOD["url"], TOKEN, "tickets.example.org")
    assert TOKEN not in repr(code)


def test_plain_http_is_for_this_machine_only() -> None:
    assert read_handshake(changed(url="http://127.0.0.1:8000")).host == "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (changed(handshake_version=2), "handshake_version 2, and this gate knows 1 only"),
        (changed(handshake_version="1"), "and this gate knows 1 only"),
        (changed(handshake_version=True), "and this gate knows 1 only"),
        (changed(handshake_version=None), "and this gate knows 1 only"),
        (changed(url="http://tickets.example.org"), "the server's address"),
        (changed(url="ftp://tickets.example.org"), "the server's address"),
        (changed(url=""), "the server's address is missing"),
        (changed(url=["https://tickets.example.org"]), "lacks url or token"),
        (changed(token=7), "lacks url or token"),
        (changed(token=""), "the token is not one"),
        (changed(token="a b"), "the token is not one"),
        (changed(token="a\r\nHost: evil.example"), "the token is not one"),
        (changed(token="x" * 300), "the token is not one"),
        (changed(more="x" * 2000), "characters long, which no device's code is"),
        ("[" * 1000, "this is no device's code"),
        ('{"a":' * 200, "this is no device's code"),
        ("", "this is no device's code"),
        ("a ticket", "this is no device's code"),
        ("[1, 2]", "this is no device's code"),
    ],
)
def test_what_is_no_good_code_is_refused_with_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(EnrolmentRefused) as refusal:
        read_handshake(text)

    assert words in str(refusal.value)
    assert TOKEN not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@given(st.text() | st.builds(json.dumps, st.dictionaries(st.sampled_from([*GOOD]), st.text())))
def test_no_text_whatever_breaks_the_reading(text: str) -> None:
    is_handshake(text)
    try:
        code = read_handshake(text)
    except EnrolmentRefused:
        return
    assert code.token
    assert code.host
