"""Taking guests out of a text: what this gate's database knows of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

    from gated.store.vault import Vault

GONE = "[removed]"
_CODE = re.compile(r"[\w+/=.-]{6,}")
_WORD = re.compile(r"\w+")
_LONGEST_NAME = 6
# Codes of tickets that this gate does not know; its own names of things are hexadecimal.
_SECRET = re.compile(r"(?![0-9a-f]+$)(?=.*\d)(?=.*[A-Za-z])[0-9A-Za-z]{16,}")


class Scrubber:
    """Knows the orders, codes and names of a gate."""

    def __init__(self, db: sqlite3.Connection, vault: Vault) -> None:
        self._vault = vault
        self._orders = _column(
            db, "SELECT order_code FROM tickets UNION SELECT order_code FROM scans"
        ) - {"", None}
        self._hashes = _column(
            db,
            "SELECT secret_hash FROM tickets UNION SELECT secret_hash FROM former_secrets"
            " UNION SELECT secret_hash FROM scans",
        )
        sealed = _column(db, "SELECT name FROM tickets WHERE name IS NOT NULL")
        self._names = {_words(vault.unseal(name)) for name in sealed} - {()}

    def clean(self, text: str) -> str:
        """The text without them."""
        text = _CODE.sub(self._without, text)
        text = _WORD.sub(self._without, text)
        if self._names:
            text = "\n".join(self._nameless(line) for line in text.split("\n"))
        return text

    def _without(self, found: re.Match[str]) -> str:
        word = found[0]
        is_known = word in self._orders or self._vault.hash(word) in self._hashes
        return GONE if is_known or _SECRET.fullmatch(word) else word

    def _nameless(self, line: str) -> str:
        words = list(_WORD.finditer(line))
        spans, at = [], 0
        while at < len(words):
            for length in range(min(_LONGEST_NAME, len(words) - at), 0, -1):
                some = words[at : at + length]
                if tuple(word[0] for word in some) in self._names:
                    spans.append((some[0].start(), some[-1].end()))
                    at += length - 1
                    break
            at += 1
        for start, end in reversed(spans):
            line = line[:start] + GONE + line[end:]
        return line


def _column(db: sqlite3.Connection, query: str) -> set[Any]:
    return {row[0] for row in db.execute(query)}


def _words(name: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(name))[:_LONGEST_NAME]
