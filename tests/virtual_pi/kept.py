"""What is built once and kept between runs, named by the hash of what it was built from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

CACHE = Path(
    os.environ.get("GATED_VIRTUAL_PI", "")
    or Path(os.environ.get("XDG_CACHE_HOME", "") or Path.home() / ".cache") / "gated-virtual-pi"
)


class NotHereError(Exception):
    """This machine cannot do it; the sentence says what is missing."""


def say(words: str) -> None:
    print(f"virtual pi: {words}", flush=True)  # noqa: T201  it takes minutes


def need(tools: dict[str, str]) -> None:
    """Raises NotHereError, naming the packages of the tools that are not here."""
    missing = sorted(
        {package for tool, package in tools.items() if not (Path(tool).exists() or _found(tool))}
    )
    if missing:
        raise NotHereError(f"skipped: apt-get install --no-install-recommends {' '.join(missing)}")


def _found(tool: str) -> bool:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def digest(parts: Iterable[Path | str]) -> str:
    made_of = hashlib.sha256()
    for part in parts:
        made_of.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        made_of.update(b"\0")
    return made_of.hexdigest()[:12]


def kept(name: str, made_of: Iterable[Path | str], build: Callable[[Path], None]) -> Path:
    """The path of what `build` makes from these parts; the oldest ones of the name are removed."""
    path = CACHE / f"{name}-{digest(made_of)}"
    if path.exists():
        return path
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another run may be building it
        if not path.exists():
            _build(name, path, build)
    return path


def _build(name: str, path: Path, build: Callable[[Path], None]) -> None:
    say(f"building {path.name}; it is kept in {CACHE}")
    began = time.monotonic()
    draft = CACHE / f".{path.name}"
    draft.unlink(missing_ok=True)
    build(draft)
    forget_all_but_newest(name)
    draft.rename(path)
    say(f"built in {time.monotonic() - began:.0f} s")


def forget_all_but_newest(name: str, number: int = 3) -> None:
    """Another clone of the project may be using one of them."""
    newest_last = sorted(CACHE.glob(f"{name}-*"), key=lambda path: path.stat().st_mtime)
    for path in newest_last[:-number]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run to the end and give what it printed. Raises NotHereError with its last words."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env and {**os.environ, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-20:])
        raise NotHereError(f"{command[0]} ended with {done.returncode}:\n{last}")
    return done.stdout
