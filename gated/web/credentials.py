"""The staff PIN and the admin token of the page: a file of scrypt hashes, written by root."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

from gated.errors import GatedError
from gated.web.guard import Role

if TYPE_CHECKING:
    from pathlib import Path

LEAST = {Role.STAFF: 6, Role.ADMIN: 20}
"""How long a secret must be. A PIN is short, so guessing it is made slow (web.sessions)."""

_RUNS = ("0123456789", "9876543210")
_HEAD = "# The page's logins, as scrypt hashes. Written by: gated page-login\n"
# 16 MB and some 50 ms a try on a PC, RFC 7914; three times that on a Pi.
_N, _R, _P = 1 << 14, 8, 1


class Credentials:
    """Who may log in to the page. What the file says counts at once; nothing is kept in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def role_of(self, secret: str) -> Role:
        """Whose secret this is, VIEW if nobody's. Slow on purpose: never in the event loop.

        Raises GatedError when there is no login yet, or the file cannot be trusted.
        """
        lines = self._read()
        if not lines:
            raise GatedError("nobody can log in yet: set a PIN with sudo gated page-login set-pin")
        found = Role.VIEW
        # All are tried, so that the time taken does not tell which one was near.
        for role, line in lines.items():
            if _matches(line, secret) and found is Role.VIEW:
                found = role
        return found

    def mark(self, role: Role) -> str:
        """What changes when the role's secret does; empty when it has none."""
        try:
            return self._read().get(role, "")
        except GatedError:
            return ""

    def put(self, role: Role, secret: str) -> None:
        """Set the secret of a role. Raises GatedError when it is too easy to guess."""
        if len(secret) < LEAST[role]:
            raise GatedError(f"too short: take at least {LEAST[role]} characters")
        if len(set(secret)) < 3 or any(secret in digits for digits in _RUNS):
            raise GatedError("too easy to guess: take another one")
        self._write({**self._read(), role: _hash(secret)})

    def remove(self, role: Role) -> None:
        """Nobody logs in as this any more, and whoever did is logged out."""
        self._write({one: line for one, line in self._read().items() if one is not role})

    def _read(self) -> dict[Role, str]:
        try:
            if not self.path.exists():
                return {}
            if self.path.stat().st_mode & 0o007:
                raise GatedError(
                    f"{self.path} is open to everybody on this box: sudo chmod o= {self.path}"
                )
            text = self.path.read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            raise GatedError(f"{self.path} cannot be read: {why}") from None
        lines = [line.split(maxsplit=1) for line in text.splitlines() if not line.startswith("#")]
        try:
            return {Role(role): line for role, line in lines}
        except ValueError:
            raise GatedError(
                f"{self.path} is damaged: write it anew with sudo gated page-login set-pin"
            ) from None

    def _write(self, lines: dict[Role, str]) -> None:
        text = _HEAD + "".join(f"{role} {line}\n" for role, line in lines.items())
        draft = self.path.with_name(self.path.name + ".new")
        try:
            folder = self.path.parent.stat()
            draft.unlink(missing_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                if os.geteuid() == 0:
                    # The daemon reads it by its group, that of /etc/gated.
                    os.fchown(descriptor, -1, folder.st_gid)
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            draft.replace(self.path)
        except OSError as error:
            raise GatedError(f"{self.path} cannot be written: {error.strerror}") from None


def new_token() -> str:
    """A token nobody guesses."""
    return secrets.token_urlsafe(24)


def _hash(secret: str) -> str:
    salt = secrets.token_bytes(16)
    return f"scrypt {_N} {_R} {_P} {salt.hex()} {_derive(secret, salt, _N, _R, _P).hex()}"


def _matches(line: str, secret: str) -> bool:
    try:
        kind, n, r, p, salt, wanted = line.split()
        if kind != "scrypt":
            return False
        derived = _derive(secret, bytes.fromhex(salt), int(n), int(r), int(p))
        return hmac.compare_digest(derived, bytes.fromhex(wanted))
    except ValueError:
        return False


def _derive(secret: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    text = secret.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)
