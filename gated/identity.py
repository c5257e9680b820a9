"""Who this gate is to its server, as enrolment found out: on the disk before it is used."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from gated import durable
from gated.errors import StoreError

if TYPE_CHECKING:
    from gated.config import Config

_IDENTITY = "identity.json"
_INTENT = "intent.json"
_CREDENTIAL = "token"

Told = TypeVar("Told", bound=msgspec.Struct)


class Identity(msgspec.Struct, frozen=True):
    """A device of a server's; `token_file` is the name of the file beside that holds its token.

    Without an event and lists the gate is enrolled, but does not know yet what for.
    """

    url: str
    organizer: str
    token_file: str
    device_id: int = 0
    name: str = ""
    profile: str = ""
    gate: bool = False
    """Whether the server assigned the device to one of its gates."""
    software: str = ""
    """The version of gated that the server was told of."""
    event: str = ""
    lists: tuple[int, ...] = ()
    former_event: str = ""
    former_lists: tuple[int, ...] = ()
    """What the device before this one was for, at the same organizer."""
    spent: Literal["", "revoked", "lost"] = ""
    """Why the token opens nothing any more: the server revoked it, or its successor was lost."""

    @property
    def chosen(self) -> bool:
        """Whether event and lists are known."""
        return bool(self.event and self.lists)


class Intent(msgspec.Struct, frozen=True):
    """What is about to be asked of the server that cannot be asked twice."""

    what: Literal["initialize", "roll", "unenrol"]
    origin: str
    url: str = ""
    code: str = ""
    """The initialization token."""
    sent: bool = False
    """Whether it may have reached the server before."""
    replaces: str = ""
    """The token file of the identity before, if there was one."""

    def __repr__(self) -> str:
        return f"Intent(what={self.what!r}, origin={self.origin!r}, url={self.url!r})"


class IdentityFolder:
    """Holds identity, token and intent in a folder of their own (0700, files 0600).

    What a method has written is on the disk when it returns. Raises StoreError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> Identity | None:
        """The identity, or None for a gate that was never enrolled, or no longer is."""
        return self._read(_IDENTITY, Identity)

    def save(self, identity: Identity) -> None:
        """Replace the identity at once and as a whole."""
        self._write(_IDENTITY, msgspec.json.encode(identity))
        self._sweep(keep=identity.token_file)

    def token(self, identity: Identity) -> str:
        """The token that an identity names."""
        path = self.path / (identity.token_file or "token")
        try:
            return path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            raise StoreError(f"{path} cannot be read: enrol the gate anew") from None

    def put_token(self, token: str) -> str:
        """Write a token to a file of its own, and give its name, for the identity to save."""
        name = f"token-{secrets.token_hex(4)}"
        self._write(name, token.encode("ascii") + b"\n")
        return name

    def remove(self) -> None:
        """Forget identity and token; the intent stays."""
        self._remove(_IDENTITY)
        self._sweep(keep="")

    def intent(self) -> Intent | None:
        """What was about to be asked when the gate last stopped, if anything."""
        return self._read(_INTENT, Intent)

    def intend(self, intent: Intent) -> None:
        """Write down what is about to be asked."""
        self._write(_INTENT, msgspec.json.encode(intent))

    def done(self) -> None:
        """Nothing is about to be asked any more. A token that no identity took up goes."""
        self._remove(_INTENT)
        identity = self.load()
        self._sweep(keep=identity.token_file if identity else "")

    def _read(self, name: str, kind: type[Told]) -> Told | None:
        path = self.path / name
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise StoreError(f"{path} is damaged: move it away and enrol the gate anew") from None
        except OSError as error:
            raise _unusable(path, error) from None

    def _write(self, name: str, content: bytes) -> None:
        path = self.path / name
        try:
            self._make_folder()
            durable.write(path, content)
        except OSError as error:
            raise _unusable(path, error) from None

    def _remove(self, name: str) -> None:
        try:
            (self.path / name).unlink()
            durable.sync_folder(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unusable(self.path / name, error) from None

    def _sweep(self, *, keep: str) -> None:
        """Take away the tokens that no identity names, and drafts of a power cut."""
        for path in (*self.path.glob("token-*"), *self.path.glob(".*.new")):
            if path.name != keep:
                self._remove(path.name)

    def _make_folder(self) -> None:
        if self.path.is_dir():
            return
        self.path.mkdir(parents=True, mode=0o700)
        durable.sync_folder(self.path.parent)


def laid_over(config: Config) -> Config:
    """The config with the identity's server in place of its own.

    A `token_file`, or a credential of systemd's called `token`, is the admin's word and wins.
    Raises StoreError.
    """
    if config.server.token_file:
        return config
    if credential := _credential():
        return _with_server(config, token_file=str(credential))
    folder = IdentityFolder(config.identity_folder)
    identity = folder.load()
    if identity is None or identity.spent == "revoked":
        return config
    return _with_server(
        config,
        url=identity.url,
        organizer=identity.organizer,
        event=identity.event,
        checkin_lists=identity.lists,
        token_file=str(folder.path / identity.token_file),
    )


def enrols(config: Config) -> bool:
    """Whether this gate gets its token by being enrolled, not from its config."""
    return not (config.server.token_file or _credential())


def _with_server(config: Config, **changes: object) -> Config:
    server = config.server.model_copy(update=changes)
    return config.model_copy(update={"server": server})


def _credential() -> Path | None:
    folder = os.environ.get("CREDENTIALS_DIRECTORY", "")
    path = Path(folder) / _CREDENTIAL
    return path if folder and path.is_file() else None


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path} cannot be used: {error.strerror or error}")
