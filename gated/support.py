"""What somebody who helps from afar needs to know of a gate, in one file without its guests."""

from __future__ import annotations

import io
import json
import os
import platform
import sys
import tarfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated import __version__, board
from gated.errors import GatedError, StoreError
from gated.preflight.here import look_around, program
from gated.releases import Releases
from gated.server.dialects import FEATURES, Capabilities
from gated.server.token import read_token
from gated.store import facts, open_read_only
from gated.store.figures import figures, stock
from gated.store.rehearsal import damage
from gated.store.scrubbing import GONE, Scrubber
from gated.store.vault import Vault
from gated.web.guard import without_guests
from gated.web.state import describe

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from gated.config import Config
    from gated.preflight.here import Here

_LINES = "2000"
_MAY_NAME = {"log.txt", "status.json", "service.txt"}
_UNKNOWN = "the database cannot be read, so guests could not be taken out of it: left out"


@dataclass
class Bundle:
    """The files of a bundle, by name; `missing` says what could not be had, and why."""

    files: dict[str, str]
    missing: dict[str, str]

    def write(self, path: Path) -> None:
        """Pack it into a file that only its owner can read. Raises GatedError."""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise GatedError(f"{path} is there already: name another file") from None
        except OSError as error:
            raise GatedError(f"{path} cannot be written: {error.strerror}") from None
        about = "".join(f"missing: {name}: {why}\n" for name, why in self.missing.items())
        files = {**self.files, "about.txt": f"gated {__version__}, support bundle\n{about}"}
        try:
            with open(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as tar:  # noqa: PTH123
                for name, text in sorted(files.items()):
                    content = text.encode(errors="backslashreplace")
                    info = tarfile.TarInfo(f"gated-support/{name}")
                    info.size, info.mode = len(content), 0o600
                    tar.addfile(info, io.BytesIO(content))
        except OSError as error:
            path.unlink(missing_ok=True)
            raise GatedError(f"{path} cannot be written: {error.strerror}") from None


async def gather(
    config: Config,
    path: Path,
    *,
    problems: str = "",
    ask: Callable[..., str | None] = program,
) -> Bundle:
    """Look at everything; what cannot be looked at is missing, and the rest is there all the same.

    `ask` runs a program of the system and gives what it said, or None.
    """
    here = await look_around(config, path)
    bundle = Bundle({}, {})
    clean = _cleaner(here, bundle)
    files: dict[str, Callable[[], str]] = {
        "config.json": lambda: problems or _json(config.model_dump(mode="json")),
        "versions.json": lambda: _json(_versions()),
        "status.json": lambda: _json(_status(here)),
        "database.json": lambda: _json(_database(here)),
        "capabilities.json": lambda: _json(_capabilities(here)),
        "service.txt": lambda: _told(ask("systemctl", "status", "--no-pager", "-n0", "gated")),
        "log.txt": lambda: _told(
            ask("journalctl", "-u", "gated", "-n", _LINES, "--no-pager", "-o", "short-iso")
        ),
    }
    for name, make in files.items():
        try:
            if clean is None and name in _MAY_NAME:
                raise GatedError(_UNKNOWN)
            bundle.files[name] = clean(make()) if clean else make()
        except (GatedError, OSError) as error:
            bundle.missing[name] = str(error)
    return bundle


def default_name(now: datetime) -> Path:
    """Where a bundle goes if nobody says: here, by its time."""
    return Path(f"gated-support-{now:%Y%m%dT%H%M%SZ}.tar.gz")


def _cleaner(here: Here, bundle: Bundle) -> Callable[[str], str] | None:
    """What takes guests and token out of a text; None where nobody can tell who the guests are."""
    token = ""
    with suppress(GatedError):
        token = read_token(here.config.server).rpartition(" ")[2]

    def tokenless(text: str) -> str:
        return text.replace(token, GONE) if token else text

    if not here.database.exists():
        return tokenless
    try:
        if not here.config.key_file.exists():
            raise StoreError(f"the key file {here.config.key_file} is missing")
        vault = Vault.open(here.config.key_file)
        with open_read_only(here.database) as db:
            scrubber = Scrubber(db, vault)
    except (StoreError, OSError) as error:
        bundle.missing["the names of guests"] = str(error)
        return None
    return lambda text: scrubber.clean(tokenless(text))


def _status(here: Here) -> dict[str, Any]:
    """How the gate is, without its last scans."""
    if here.silent:
        raise GatedError(here.silent)
    state = here.state
    if state is None:
        with open_read_only(here.database) as db:
            now = here.clock.wall()
            state = describe(figures(db, here.config.server.checkin_lists, now), now)
    return {**without_guests(state), "scans": [], "running": here.state is not None}


def _database(here: Here) -> dict[str, Any]:
    """What lies in the database, in numbers, and whether it is whole."""
    if not here.database.exists():
        raise GatedError(f"there is no database at {here.database} yet")
    with open_read_only(here.database) as db:
        found = asdict(stock(db, here.config.server.checkin_lists))
        acts = db.execute("SELECT what, COUNT(*) FROM acts GROUP BY what").fetchall()
        return {
            "file": str(here.database),
            "bytes": here.database.stat().st_size,
            "quick_check": damage(db) or "ok",
            **found,
            "acts": {row[0]: row[1] for row in acts},
        }


def _capabilities(here: Here) -> list[dict[str, Any]]:
    """What the server was found to offer."""
    with open_read_only(here.database) as db:
        found = Capabilities.load(facts.get(db, "capabilities"))
    if found is None:
        raise GatedError("the server was not asked yet")
    return [
        {"feature": one.words, "offered": getattr(found, one.name), "without it": one.cost}
        for one in FEATURES
    ]


def _versions() -> dict[str, Any]:
    """What runs here."""
    names = [requirement.split(";")[0] for requirement in metadata.requires("gated") or ()]
    libraries = {}
    for name in sorted({_bare(name) for name in (*names, "picamera2", "lgpio", "systemd-python")}):
        with suppress(metadata.PackageNotFoundError):
            libraries[name] = metadata.version(name)
    system: dict[str, str] = {}
    with suppress(OSError):
        system = platform.freedesktop_os_release()
    return {
        "gated": __version__,
        "releases": [asdict(one) for one in Releases().installed()],
        "python": sys.version,
        "libraries": libraries,
        "system": system.get("PRETTY_NAME", ""),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "board": board.model(),
        "temperature_c": board.temperature_c(),
        "power": power.bits if (power := board.power()) else None,
    }


def _bare(requirement: str) -> str:
    """A requirement's name alone."""
    end = next((at for at, one in enumerate(requirement) if one in "<>=!~[ ("), len(requirement))
    return requirement[:end]


def _told(text: str | None) -> str:
    if not text:
        raise GatedError("nothing here tells it")
    return text


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)
