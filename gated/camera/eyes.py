"""All eyes of a gate: at most one camera, and any number of scan engines."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from gated.camera import open_source
from gated.camera.aiming import Aiming
from gated.camera.reader import Reader
from gated.camera.serial import Scanner
from gated.camera.shared import SharedRepeat

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from gated.camera import Source
    from gated.config import Config
    from gated.health import Health
    from gated.model import ScanType, Sighting


class Eyes:
    """The camera, if there is one, and the scan engines."""

    def __init__(self, reader: Reader | None, scanners: Sequence[Scanner] = ()) -> None:
        self.reader = reader
        self.aiming = Aiming(reader)
        self.scanners = tuple(scanners)

    @property
    def decode_ms(self) -> float:
        """How long the newest look took."""
        return self.reader.decode_ms if self.reader else 0.0

    async def started(self) -> None:
        """Wait until every eye has been started."""
        for eye in (self.reader, *self.scanners):
            if eye:
                await eye.started.wait()

    def blind(self) -> str:
        """Say why the camera delivers no pictures, or an empty text where it does or is none."""
        if self.reader and not self.reader.started.is_set():
            return "the camera gives no pictures"
        return self.stalled()

    def stalled(self) -> str:
        """Say which eye gives no sign of life, or an empty text; an idle line is well."""
        return self.reader.stalled() if self.reader else ""

    def state(self) -> dict[str, Any]:
        """What page and status show of them."""
        return {
            "camera": self.reader.state() if self.reader else None,
            "scanners": [scanner.state() for scanner in self.scanners],
        }

    async def jpeg(self) -> bytes | None:
        """The camera's newest picture for the page, or None."""
        return await self.reader.jpeg() if self.reader else None


def open_eyes(
    config: Config,
    source: Source | None,
    sightings: asyncio.Queue[Sighting | None],
    health: Health,
    *,
    mode: Callable[[], ScanType],
    clock: Callable[[], float],
    on_looked: Callable[[float], None] = lambda _: None,
    light: Callable[[bool], None] | None = None,
) -> Eyes:
    """Build what is configured; a given source stands in for the camera.

    Whatever one eye has read is no news from another. `light` switches a torch that is to
    shine only while somebody is before the camera.
    """
    repeat = SharedRepeat(again_s=config.gate.again_s)
    source = source or open_source(config.camera)
    reader = None
    if source:
        reader = Reader(
            source,
            repeat,
            sightings,
            mode=mode,
            formats=config.camera.formats,
            light=light,
            on_looked=on_looked,
            on_sight=partial(health.ok, "camera", source.name),
        )
    alone = reader is None
    scanners = [
        Scanner(one, repeat, sightings, health, mode=mode, alone=alone, clock=clock)
        for one in config.scanner
    ]
    return Eyes(reader, scanners)
