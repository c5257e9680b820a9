"""The key that lies outside the database: hashes of secrets, and the few texts kept sealed."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from gated import durable
from gated.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

_HALF = 32
_MARK = b"\x01"  # AES-SIV takes no empty text
HASH_SIZE = 16


class Vault:
    """Hashes (BLAKE2b, keyed, 16 bytes) and seals (AES-SIV, RFC 5297); from 64 random bytes."""

    def __init__(self, key: bytes) -> None:
        self._hash_key = key[:_HALF]
        self._siv = AESSIV(key[_HALF:])

    @classmethod
    def open(cls, path: Path) -> Vault:
        """Read the key file, or make one (0600) where there is none.

        Raises StoreError when it cannot be read or is not 64 bytes.
        """
        try:
            key = path.read_bytes() if path.exists() else _make(path)
        except OSError as error:
            raise StoreError(f"the key file {path} cannot be used: {error.strerror}") from error
        if len(key) != 2 * _HALF:
            raise StoreError(f"the key file {path} is damaged: put the right one back")
        return cls(key)

    def hash(self, secret: str) -> bytes:
        """The name under which a secret is kept and found."""
        text = secret.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(text, key=self._hash_key, digest_size=HASH_SIZE).digest()

    def seal(self, text: str) -> bytes:
        """Encrypt a text; the same text always gives the same bytes, so that lists compare."""
        return self._siv.encrypt(_MARK + text.encode("utf-8", "surrogatepass"), None)

    def unseal(self, sealed: bytes) -> str:
        """Decrypt. Raises StoreError when it was sealed with another key."""
        try:
            text = self._siv.decrypt(sealed, None)[len(_MARK) :]
        except InvalidTag:
            raise StoreError("a kept text was sealed with another key file") from None
        return text.decode("utf-8", "surrogatepass")


def _make(path: Path) -> bytes:
    """Written whole and synced before use: a lost key would orphan the whole list."""
    key = os.urandom(2 * _HALF)
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write(path, key)
    return key
