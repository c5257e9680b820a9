"""A small screen beside the lamps. The one module that knows luma.

A screen that hangs on its bus takes its thread with it, and nothing else: the event loop only
ever leaves the newest text in a place where the thread finds it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import unicodedata
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from luma.core.interface import serial
from luma.core.render import canvas
from PIL import ImageFont

from gated.words import Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from gated import config

ANSWER_S = 4.0
"""How long a guest may read."""

_STUCK_S = 3.0
_RETRY_S = 5.0
_SIZES = (28, 24, 20, 16, 13, 11)
_LINE = 1.25
_FONT = "DejaVuSans.ttf"  # fonts-dejavu-core, which Raspberry Pi OS has
_UMLAUTS = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}
)


class Screen:
    """Shows the newest text; `rest` between guests, `answer` for a while on top of it.

    `open_device` gives a luma device; it runs in the screen's own thread, as all that may block.
    `on_trouble` hears one sentence when the screen fails or hangs, `on_well` when it draws again.
    """

    def __init__(
        self,
        open_device: Callable[[], Any],
        *,
        on_trouble: Callable[[str], None],
        on_well: Callable[[], None],
        stuck_s: float = _STUCK_S,
    ) -> None:
        self._open_device = open_device
        self._on_trouble = on_trouble
        self._on_well = on_well
        self._stuck_s = stuck_s
        self._resting = Text("")
        self._back: asyncio.TimerHandle | None = None
        self._ready = threading.Condition()
        self._wanted: Text | None = None
        self._number = 0
        self._drawn = 0
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="screen", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._back:
            self._back.cancel()
        with self._ready:
            self._ending = True
            self._ready.notify()
        # One that hangs is left behind; the thread is a daemon.
        await asyncio.to_thread(self._thread.join, 0.5)

    def rest(self, text: Text) -> None:
        """What to show while nobody is there. Returns at once."""
        if text != self._resting:
            self._resting = text
            if self._back is None:
                self._want(text)

    def answer(self, text: Text) -> None:
        """Show this to a guest, for a while. Returns at once."""
        if self._back:
            self._back.cancel()
        self._back = asyncio.get_running_loop().call_later(ANSWER_S, self._go_back)
        self._want(text)

    def _go_back(self) -> None:
        self._back = None
        self._want(self._resting)

    def _want(self, text: Text) -> None:
        with self._ready:
            self._wanted = text
            self._number += 1
            self._ready.notify()
        asyncio.get_running_loop().call_later(self._stuck_s, self._check, self._number)

    def _check(self, number: int) -> None:
        if self._drawn < number and self._thread.is_alive():
            self._on_trouble("the screen does not answer: check its cable")

    def _run(self) -> None:
        device: Any = None
        while (due := self._next()) is not None:
            text, number = due
            try:
                device = device or self._open_device()
                draw(device, text)
            except Exception as error:  # noqa: BLE001 - luma has no error of its own for all
                device = None
                why = " ".join(str(error).split()) or type(error).__name__
                self._tell(self._on_trouble, f"the screen cannot be written to: {why}")
                self._pause(text)
            else:
                self._drawn = number
                self._tell(self._on_well)
        if device is not None:
            with contextlib.suppress(Exception):
                device.cleanup()

    def _next(self) -> tuple[Text, int] | None:
        with self._ready:
            self._ready.wait_for(lambda: self._wanted is not None or self._ending)
            if self._ending:
                return None
            text, self._wanted = self._wanted, None
            assert text is not None  # noqa: S101 - waited for
            return text, self._number

    def _pause(self, text: Text) -> None:
        """Rest before the next try, which is with this text unless there is a newer one."""
        with self._ready:
            self._ready.wait_for(lambda: self._ending, timeout=_RETRY_S)
            self._wanted = self._wanted or text

    def _tell(self, listener: Callable[..., None], *words: str) -> None:
        with contextlib.suppress(RuntimeError):  # the gate has stopped meanwhile
            assert self._loop is not None  # noqa: S101 - set before the thread was started
            self._loop.call_soon_threadsafe(listener, *words)


def open_screen(display: config.Display) -> Any:
    """The configured device. May block, and raises what luma raises."""
    devices = import_module(f"luma.{'lcd' if display.kind == 'st7567' else 'oled'}.device")
    if display.bus == "i2c":
        bus = serial.i2c(port=display.bus_number, address=display.i2c_address)
    else:
        bus = serial.spi(port=display.bus_number, device=display.spi_device)
    return getattr(devices, display.kind)(
        bus, width=display.width, height=display.height, rotate=display.rotate
    )


def draw(device: Any, text: Text) -> None:
    """Draw a text on a luma device, as large as it fits."""
    with canvas(device) as picture:
        size = next(
            (size for size in _SIZES if _width(text.headline, size) < device.width), _SIZES[-1]
        )
        picture.text((0, 0), _spelled(text.headline), font=_font(size), fill="white")
        y = int(size * _LINE)
        size, lines = _fit(text.detail, device.width, device.height - y)
        for line in lines:
            picture.text((0, y), _spelled(line), font=_font(size), fill="white")
            y += int(size * _LINE)


def _fit(text: str, width: int, height: int) -> tuple[int, list[str]]:
    """The largest size at which the text, broken into lines, fits; the smallest if none does."""
    for size in _SIZES[2:]:
        lines = _broken(text, width, size)
        fits = all(_width(line, size) < width for line in lines)
        if fits and len(lines) * int(size * _LINE) <= height:
            return size, lines
    return _SIZES[-1], _broken(text, width, _SIZES[-1])


def _broken(text: str, width: int, size: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and _width(longer, size) < width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _width(text: str, size: int) -> float:
    """In pixels, as drawn on a screen of one bit a pixel or of many, whichever is wider."""
    boxes = [_font(size).getbbox(_spelled(text), mode=mode) for mode in ("1", "L")]
    return max(float(box[2]) for box in boxes)


@lru_cache
def _font(size: int) -> Any:
    return ImageFont.truetype(_FONT, size) if _has_font() else ImageFont.load_default(size)


@lru_cache
def _has_font() -> bool:
    try:
        ImageFont.truetype(_FONT, _SIZES[-1])
    except OSError:
        return False
    return True


def _spelled(text: str) -> str:
    """With the letters that the font has: Pillow's own knows ASCII only."""
    if _has_font():
        return text
    plain = unicodedata.normalize("NFKD", text.translate(_UMLAUTS))
    return plain.encode("ascii", "ignore").decode()
