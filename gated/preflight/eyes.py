"""The camera: whether pictures come, and whether codes in them are read."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.camera.eyes import open_eyes
from gated.errors import CameraError, GatedError
from gated.health import Health
from gated.model import ScanType
from gated.preflight.finding import Finding, good, red, unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.model import Sighting
    from gated.preflight.here import Here

_OPENS_S = 30.0
_PICTURES = 5
_CABLE = "check the camera's cable at both ends, then restart the Pi: rpicam-hello --list-cameras"
_HOLD = "hold it before the camera, as guests hold their tickets"


async def camera(here: Here) -> Finding:
    """Whether the camera delivers pictures."""
    source = here.config.camera.source
    if source == "none":
        return unknown("this gate has no camera; its scan engines are listed below")
    if source == "files":
        return unknown(f"pictures come from {here.config.camera.path}, not from a camera")
    if here.state is not None:
        return _told(here.state.get("camera"), here.condition("camera"))
    try:
        seen = await _look(here, text=None, patience_s=_OPENS_S)
    except GatedError as error:
        return red(str(error), _CABLE)
    if seen.pictures < _PICTURES:
        return red(f"the camera gave {seen.pictures} pictures in {_OPENS_S:.0f} s", _CABLE)
    return good(f"{seen.pictures / seen.seconds:.0f} pictures a second")


def _told(camera: dict[str, Any] | None, condition: dict[str, Any] | None) -> Finding:
    """As the running gate has it."""
    if condition and condition["level"] == "error":
        return red(condition["words"], _CABLE)
    if camera is None or not camera["fps"]:
        return red("the running gate gets no pictures", _CABLE)
    restarts = camera["restarts"]
    often = f", started anew {restarts} times" if restarts else ""
    return good(f"{camera['fps']:.0f} pictures a second{often}")


def decoder(_: Here) -> Finding:
    """Whether the libraries read a code that we draw."""
    import numpy as np  # noqa: PLC0415  each check loads what it needs
    import segno  # noqa: PLC0415

    from gated.camera.passes import read_still  # noqa: PLC0415

    text = secrets.token_hex(16)
    drawn = segno.make(text, micro=False).matrix_iter(scale=4, border=4)
    rows = [[0 if dark else 255 for dark in row] for row in drawn]
    codes, _by = read_still(np.asarray(rows, np.uint8))
    if [code.text for code in codes] != [text]:
        return red("the reader does not read a clean code", "install gated again")
    return good("a drawn code is read")


async def code(here: Here) -> Finding:
    """Whether a code that is held up is read; it is no ticket, and no scan is made of it."""
    if here.show is None:
        return unknown("nobody held a code up", "gated check --show puts one on this screen")
    text = f"gated-check-{secrets.token_hex(4)}"
    if here.person:
        here.person.told(_HOLD)
    wait_s = here.patience_s
    try:
        if here.state is not None:
            eye = await _seen_by_gate(here, text, here.show)
        else:
            here.show(text)
            seen = (await _look(here, text=text, patience_s=wait_s)).sighting
            eye = seen.eye if seen else None
    except GatedError as error:
        return red(str(error), _CABLE)
    if eye is None:
        remedy = f"{_HOLD}; gated aim says what to change about the camera"
        return red(f"the code was not read within {wait_s:.0f} s", remedy)
    return good(f"the code was read by {eye}")


async def _seen_by_gate(here: Here, text: str, show: Callable[[str], None]) -> str | None:
    """By which eye. It is shown only once the gate knows that it is no guest's."""
    arguments, eye = {"text": text, "patience_s": here.patience_s}, None
    async for told in here.ask_gate("try_code", arguments, silence_s=here.patience_s + 10):
        if "waiting" in told:
            show(text)
        else:
            eye = told["eye"]
    return eye


def scanners(here: Here) -> Finding:
    """Whether the scan engines are plugged in."""
    wanted = [one.device for one in here.config.scanner]
    missing = [one for one in wanted if not Path(one).exists()]
    if missing:
        return red(
            f"{', '.join(missing)} is not there", "plug the scan engine in: ls /dev/serial/by-id"
        )
    return good(f"{', '.join(wanted)} is there")


@dataclass(slots=True)
class _Seen:
    pictures: int = 0
    seconds: float = 0.0
    sighting: Sighting | None = None


async def _look(here: Here, *, text: str | None, patience_s: float) -> _Seen:
    """Use the camera as the gate does until it has seen enough. Raises CameraError."""
    sightings: asyncio.Queue[Sighting | None] = asyncio.Queue()
    eyes = open_eyes(
        here.config,
        here.source,
        sightings,
        Health(),
        mode=lambda: ScanType.EXIT,
        clock=time.monotonic,
    )
    reader = eyes.reader
    if reader is None:
        raise CameraError("this gate has no camera")
    running = asyncio.create_task(reader.run())
    seen = _Seen()
    try:
        async with asyncio.timeout(patience_s):
            await _either(running, reader.started.wait())
            began = time.monotonic()
            while seen.sighting is None and (text is not None or reader.frames < 2 * _PICTURES):
                with contextlib.suppress(TimeoutError):
                    sighting = await asyncio.wait_for(sightings.get(), 0.05)
                    if sighting and sighting.text == text:
                        seen.sighting = sighting
                if running.done():
                    await running
            seen.seconds = max(time.monotonic() - began, 0.001)
    except TimeoutError:
        pass  # whoever asked judges by what came until then
    finally:
        seen.pictures = reader.frames
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError, GatedError):
            await running
    return seen


async def _either(running: asyncio.Task[None], waited: Any) -> None:
    """Wait for the one, or for the other to fail."""
    waiting = asyncio.ensure_future(waited)
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
    if running.done():
        await running
