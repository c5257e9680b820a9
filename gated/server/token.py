"""The token that the gate shows to the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gated.errors import ConfigError, Problem

if TYPE_CHECKING:
    from gated.config import Server


def read_token(server: Server) -> str:
    """Read the token file. Raises ConfigError."""
    if not server.url:
        raise _broken("url", "is needed, or the gate has to be enrolled: see gated enrol")
    path = Path(server.token_file)
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise _broken("token_file", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _broken("token_file", f"{path} does not hold a token") from None
    bare = token.removeprefix("Token ").removeprefix("Device ")
    if bare in {"", "Token", "Device"} or not all("!" <= character <= "~" for character in bare):
        raise _broken("token_file", f"{path} must hold the token and nothing else")
    return token


def _broken(key: str, what: str) -> ConfigError:
    return ConfigError([Problem(f"[server] {key}", what)])
