"""The releases installed side by side, and the switch from one to another and back.

/opt/gated/releases/0.1.0/   each an environment of its own
/opt/gated/current  -> releases/0.1.0
/opt/gated/previous -> what was current before
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from gated.errors import ReleaseError, StoreError
from gated.store import Store, copies

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.config import Config

logger = logging.getLogger(__name__)

PREFIX = Path("/opt/gated")
_UNIT = "gated.service"
_KEPT = 3
"""How many releases are kept: the one at work, the one before, and one more."""


@dataclass(frozen=True, slots=True)
class Release:
    """One installed version, and the schema of the database that it writes."""

    version: str
    schema: int
    is_current: bool = False
    is_previous: bool = False


def systemctl(*arguments: str) -> bool:
    """Run systemctl; say whether it did what it was told."""
    if "restart" in arguments:
        # Failures before must not keep systemd from starting what mends them.
        subprocess.run(["systemctl", "reset-failed", *arguments[1:]], check=False)  # noqa: S603, S607
    done = subprocess.run(["systemctl", *arguments], check=False)  # noqa: S603, S607
    return done.returncode == 0


class Releases:
    """What lies under /opt/gated. `service` starts and stops what `current` points to."""

    def __init__(
        self, prefix: Path = PREFIX, *, service: Callable[..., bool] | None = systemctl
    ) -> None:
        self._prefix = prefix
        self._service = service

    def installed(self) -> list[Release]:
        """Every complete release, the one in use marked."""
        current, previous = self._target("current"), self._target("previous")
        return [
            Release(
                folder.name,
                _schema(folder),
                is_current=folder == current,
                is_previous=folder == previous,
            )
            for folder in sorted(self._prefix.glob("releases/[!.]*"))
        ]

    def activate(self, version: str, config: Config | None) -> None:
        """Make a release the one at work: rehearse, switch, start, watch it become ready.

        Without a usable config nothing is started: a new gate has none yet. Raises ReleaseError
        after going back to the one before.
        """
        folder = self._folder(version)
        before, earlier = self._target("current"), self._target("previous")
        database = Path(config.store.path) if config else None
        kept = None
        if config and database and database.exists():
            _rehearse(config)
            kept = database.with_name(f"{database.name}.before-{version}")
        if self._service and before:
            self._service("stop", _UNIT)
        if database and kept and _schema(folder) != copies.schema(database):
            copies.copy(database, kept)
        self._point("current", folder)
        if before and before != folder:
            self._point("previous", before)
        if self._service and config:
            if not self._service("restart", _UNIT):
                self._go_back(version, before, earlier, database, kept)
            logger.info("%s is at work and ready", version)
        self._prune(database)

    def roll_back(self, config: Config, *, lose_scans: bool = False) -> str:
        """Go back to the release before this one; return its version. Raises ReleaseError.

        A database that the older release cannot read is replaced by the copy made before the
        update, which forgets the scans made since: only with `lose_scans`.
        """
        older, now = self._target("previous"), self._target("current")
        if older is None or now is None or not older.is_dir():
            raise ReleaseError("there is no release before this one to go back to")
        database = Path(config.store.path)
        kept = database.with_name(f"{database.name}.before-{now.name}")
        needs_copy = database.exists() and copies.schema(database) > _schema(older)
        if needs_copy and not kept.exists():
            raise ReleaseError(
                f"{older.name} cannot read the database that {now.name} wrote,"
                " and there is no copy from before the update"
            )
        if needs_copy and not lose_scans:
            since = copies.last_scan(database) - copies.last_scan(kept)
            raise ReleaseError(
                f"{older.name} cannot read the database; going back to the copy from before the"
                f" update forgets {since} scans: export them with `gated scans --format jsonl`,"
                " then add --lose-scans"
            )
        if self._service:
            self._service("stop", _UNIT)
        if needs_copy:
            copies.copy(database, database.with_name(f"{database.name}.of-{now.name}"))
            copies.put_back(kept, database)
        self._point("current", older)
        self._point("previous", now)
        if self._service and not self._service("restart", _UNIT):
            raise ReleaseError(f"{older.name} is in place but did not become ready: see journalctl")
        return older.name

    def _go_back(
        self,
        version: str,
        before: Path | None,
        earlier: Path | None,
        database: Path | None,
        kept: Path | None,
    ) -> NoReturn:
        assert self._service is not None  # noqa: S101  only what was started can fail to start
        if before is None or before.name == version:
            raise ReleaseError(
                f"{version} is installed but did not become ready: see journalctl -u gated"
            )
        self._service("stop", _UNIT)
        # Not ready, so it let nobody in; but what it did record all the same is not thrown away.
        if database and kept and kept.exists() and copies.schema(database) > _schema(before):
            if copies.last_scan(database) != copies.last_scan(kept):
                raise ReleaseError(
                    f"{version} failed after recording scans that {before.name} cannot read:"
                    " see journalctl -u gated, then gated rollback"
                )
            copies.put_back(kept, database)
        self._point("current", before)
        if earlier:
            self._point("previous", earlier)
        else:
            (self._prefix / "previous").unlink(missing_ok=True)
        works = self._service("restart", _UNIT)
        state = "is at work again" if works else "is in place again but did not start either"
        raise ReleaseError(f"{version} did not become ready; {before.name} {state}")

    def _prune(self, database: Path | None) -> None:
        """Keep the release at work, the one before and the newest other one."""
        kept = {self._target("current"), self._target("previous")} - {None}
        others = [one for one in self._prefix.glob("releases/[!.]*") if one not in kept]
        others.sort(key=lambda one: one.stat().st_mtime, reverse=True)
        try:
            for folder in others[_KEPT - len(kept) :]:
                # Renamed first: a power cut in the middle leaves no half of a release.
                folder.rename(folder.with_name(f".gone-{folder.name}"))
                if database:
                    # What it began with is of no use without it, and full of guests.
                    copied = database.with_name(f"{database.name}.before-{folder.name}")
                    copied.unlink(missing_ok=True)
                logger.info("%s is removed: there are newer ones to go back to", folder.name)
            for gone in self._prefix.glob("releases/.gone-*"):
                shutil.rmtree(gone)
        except OSError as error:
            logger.warning("old releases could not be removed: %s", error)

    def _folder(self, version: str) -> Path:
        folder = self._prefix / "releases" / version
        if not (folder / "bin" / "gated").exists():
            known = ", ".join(one.version for one in self.installed()) or "none"
            raise ReleaseError(f"{version} is not installed under {self._prefix}; known: {known}")
        return folder

    def _target(self, name: str) -> Path | None:
        link = self._prefix / name
        return self._prefix / "releases" / link.readlink().name if link.is_symlink() else None

    def _point(self, name: str, folder: Path) -> None:
        """Atomically, so that a power cut leaves the one or the other."""
        draft = self._prefix / f".{name}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path("releases") / folder.name)
        draft.replace(self._prefix / name)


def _rehearse(config: Config) -> None:
    """Open a copy of the database as the service will, and check the box, in this release.

    Raises ReleaseError.
    """
    database = Path(config.store.path)

    async def open_copy(folder: Path) -> None:
        copies.copy(database, folder / "gated.db")
        key = folder / "gated.key"
        key.write_bytes(config.key_file.read_bytes())
        async with Store(folder / "gated.db", key) as store:
            await store.read(lambda db: db.execute("SELECT COUNT(*) FROM scans").fetchone())
        await _check(config, folder / "gated.db")

    with tempfile.TemporaryDirectory(dir=database.parent, prefix=".rehearsal-") as folder:
        try:
            asyncio.run(open_copy(Path(folder)))
        except (OSError, StoreError) as error:
            raise ReleaseError(
                f"a copy of the database could not be brought up to date: {error}"
            ) from error


async def _check(config: Config, copied: Path) -> None:
    """Raise ReleaseError for what this release would not get over; tell the rest.

    A network that is down is no reason to stay with the release before.
    """
    # It needs what reads pictures, which most commands do not load.
    from gated import preflight  # noqa: PLC0415

    here = await preflight.look_around(config)
    here.database = copied
    async for line in preflight.go_through(here):
        if line.is_red and line.check.stops_update:
            words = f"{line.check.name}: {line.finding.words}"
            raise ReleaseError(f"nothing was changed. {words} ({line.finding.remedy})")
        if line.is_red:
            logger.warning("%s: %s", line.check.name, line.finding.words)


def _schema(folder: Path) -> int:
    """How many schema steps a release knows."""
    with suppress(OSError):
        return len(list(folder.glob("lib/python3*/site-packages/gated/store/schema/*.sql")))
    return 0
