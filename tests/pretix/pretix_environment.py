"""A real pretix, installed and migrated once into a folder of its own and kept there.

`python tests/pretix/pretix_environment.py` prepares it and says how long that took.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PRETIX = "pretix==2026.8.0"
PACKAGES = (PRETIX, "gunicorn")

_CONFIG = """\
[pretix]
instance_name=gated tests
url={url}
datadir={folder}
[database]
backend=sqlite3
[django]
debug=false
secret=nothing-here-is-secret
"""


@dataclass(frozen=True)
class Environment:
    """Where pretix lives: its Python, and an empty database that is never changed."""

    python: Path
    database: Path


def home() -> Path:
    """The folder that is kept between runs."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("GATED_PRETIX") or Path(cache) / "gated-pretix")


def prepare() -> Environment:
    """Install and migrate what is not there yet. Raises CalledProcessError."""
    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    made = Environment(folder / "venv" / "bin" / "python", folder / "migrated" / "db.sqlite3")
    with _alone(folder):
        installed, migrated = folder / "installed", folder / "migrated" / "complete"
        if not _says(installed, "\n".join(PACKAGES)):
            with _told("installing pretix"):
                _install(folder / "venv")
            installed.write_text("\n".join(PACKAGES), encoding="utf-8")
        if not _says(migrated, PRETIX):
            with _told("migrating its database"):
                _migrate(made)
            migrated.write_text(PRETIX, encoding="utf-8")
    return made


def configure(folder: Path, url: str) -> dict[str, str]:
    """Write pretix' config for a data folder; gives the process environment that names it."""
    config = folder / "pretix.cfg"
    config.write_text(_CONFIG.format(url=url, folder=folder), encoding="utf-8")
    return {
        **os.environ,
        "PRETIX_CONFIG_FILE": str(config),
        "DJANGO_SETTINGS_MODULE": "pretix.settings",
        # What pretix and Django warn about is not ours.
        "PYTHONWARNINGS": "ignore",
    }


def _install(venv: Path) -> None:
    python = str(venv / "bin" / "python")
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv))
        _run(uv, "pip", "install", "--quiet", "--python", python, *PACKAGES)
    else:
        _run(sys.executable, "-m", "venv", "--clear", str(venv))
        _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)


def _migrate(made: Environment) -> None:
    folder = made.database.parent
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    environment = configure(folder, "http://127.0.0.1:1")
    _run(str(made.python), "-m", "pretix", "migrate", "--verbosity", "0", environment=environment)


def _run(*command: str, environment: dict[str, str] | None = None) -> None:
    subprocess.run(command, check=True, env=environment)


def _says(stamp: Path, words: str) -> bool:
    """Whether the step was finished, and for these very packages."""
    return stamp.exists() and stamp.read_text(encoding="utf-8") == words


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two runs at once must not install over each other."""
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _told(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"{what} in {home()} ...", file=sys.stderr, flush=True)  # noqa: T201  it takes minutes
    yield
    print(f"... {time.monotonic() - started:.0f} s", file=sys.stderr)  # noqa: T201  as above


if __name__ == "__main__":
    prepare()
