"""Codes as plain text: what is not text goes no further than the eye."""

from __future__ import annotations

import re
import unicodedata

_ECI = re.compile(r"(?:\\\d{6})+")
"""How readers write "in this character set from here on" (AIM ITS/04-023, ECI protocol)."""
_NO_TEXT = "\N{REPLACEMENT CHARACTER}"


def plain(text: str) -> str:
    """Take off the ECI prefixes that some readers and wallets put before a text.

    Control and format characters, and those nobody has assigned (Unicode category C), become
    U+FFFD, as in pretix's own app: no ticket has them, and no terminal or log should.
    """
    if prefix := _ECI.match(text):
        text = text[prefix.end() :]
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _NO_TEXT if unicodedata.category(character).startswith("C") else character
        for character in text
    )
