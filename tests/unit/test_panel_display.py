"""The screen: what is drawn, in real pixels; and that a dead one holds nobody up."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from luma.core.device import dummy

from gated import config
from gated.model import Reason, ScanType, Verdict
from gated.panel import display
from gated.panel.display import Screen, draw
from gated.words import Text, Words, catalogue, messages

EMPTY = bytes(128 * 64)


def device() -> Any:
    return dummy(width=128, height=64, mode="1")


def pixels(screen: Any) -> bytes:
    return bytes(screen.image.convert("L").tobytes()) if screen.image else EMPTY


def drawn(text: Text) -> bytes:
    one = device()
    draw(one, text)
    return pixels(one)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


class Heard:
    """A screen with what it says about itself."""

    def __init__(self, open_device: Callable[[], Any], **settings: Any) -> None:
        self.troubles: list[str] = []
        self.wells = 0
        self.screen = Screen(
            open_device, on_trouble=self.troubles.append, on_well=self._well, **settings
        )

    def _well(self) -> None:
        self.wells += 1


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_answer_fits_on_a_small_screen_in_every_language(language: str) -> None:
    words = Words(language)
    shown = {
        (verdict, reason, kind): words.answer(verdict, reason, kind)
        for verdict in Verdict
        for reason in Reason
        for kind in ScanType
    }
    for text in {*shown.values(), *(words.rest(kind) for kind in ScanType)}:
        picture = drawn(text)
        rows = [picture[row * 128 : row * 128 + 128] for row in range(64)]
        assert any(rows[0:20])
        assert any(any(row) for row in rows[30:])
        # Nothing runs into the last column or the last row: it would be cut off.
        assert not any(row[127] for row in rows), text
        assert not any(rows[63]), text


def test_two_reasons_look_different() -> None:
    words = Words("en")
    pictures = {drawn(words.answer(Verdict.REFUSE, reason, ScanType.ENTRY)) for reason in Reason}
    assert len(pictures) == len(Reason)


def test_german_has_a_translation_of_every_message_and_of_nothing_else() -> None:
    german = catalogue("de")

    assert set(german) == set(messages())
    assert all(german.values())
    assert Words("de").answer(Verdict.REFUSE, Reason.ALREADY_REDEEMED, ScanType.ENTRY) == Text(
        "Bitte warten", "Schon eingecheckt"
    )
    assert Words("en").answer(Verdict.ADMIT, Reason.LEFT, ScanType.EXIT) == Text(
        "Goodbye", "Checked out"
    )


def test_what_the_font_lacks_is_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "_has_font", lambda: False)
    display._font.cache_clear()
    try:
        assert drawn(Text("Tür", "größer é")) == drawn(Text("Tuer", "groesser e"))
    finally:
        display._font.cache_clear()


async def test_an_answer_stands_over_the_rest_and_goes_away_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(display, "ANSWER_S", 0.2)
    one = device()
    heard = Heard(lambda: one)
    async with heard.screen as screen:
        screen.rest(Text("Exit", "Please show your ticket"))
        await until(lambda: pixels(one) == drawn(Text("Exit", "Please show your ticket")))
        screen.answer(Text("Goodbye", "Checked out"))
        screen.rest(Text("Entrance", "Please show your ticket"))
        await until(lambda: pixels(one) == drawn(Text("Goodbye", "Checked out")))
        await until(lambda: pixels(one) == drawn(Text("Entrance", "Please show your ticket")))
    assert heard.troubles == []


async def test_a_screen_that_hangs_holds_up_nothing_and_is_noticed() -> None:
    hanging = threading.Event()

    class Stuck(dummy):  # type: ignore[misc]
        def display(self, image: object) -> None:
            hanging.wait()

    heard = Heard(lambda: Stuck(width=128, height=64, mode="1"), stuck_s=0.1)
    async with heard.screen as screen:
        longest = 0.0
        for number in range(200):
            started = time.perf_counter()
            screen.answer(Text(str(number)))
            longest = max(longest, time.perf_counter() - started)
            await asyncio.sleep(0)
        await until(lambda: bool(heard.troubles))
        # Nothing waited for it: the whole could not have taken as long as one look at it.
        assert not hanging.is_set()
        hanging.set()
        await until(lambda: heard.wells > 0)
    assert "does not answer" in heard.troubles[0]


async def test_a_screen_that_was_unplugged_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "_RETRY_S", 0.02)
    one = device()
    tries: list[int] = []

    def open_device() -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise OSError(121, "Remote I/O error")
        return one

    heard = Heard(open_device)
    async with heard.screen as screen:
        screen.rest(Text("Exit"))
        await until(lambda: pixels(one) == drawn(Text("Exit")))
        await until(lambda: heard.wells > 0)
    assert len(tries) == 3
    assert "Remote I/O error" in heard.troubles[0]


async def test_of_many_texts_the_newest_is_drawn_last() -> None:
    one = device()
    heard = Heard(lambda: one)
    async with heard.screen as screen:
        for number in range(50):
            screen.answer(Text(f"{number}"))
        await until(lambda: pixels(one) == drawn(Text("49")))


def test_the_config_names_chips_that_luma_has() -> None:
    from importlib import import_module
    from typing import get_args

    kinds = get_args(config.Display.model_fields["kind"].annotation)
    for kind in kinds:
        family = "lcd" if kind == "st7567" else "oled"
        if kind != "none":
            module = pytest.importorskip(f"luma.{family}.device")
            assert hasattr(module, kind)
    assert import_module("luma.core")
