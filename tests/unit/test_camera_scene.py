"""Guests before an imagined camera: they are read, they wait for the lamp, they walk on."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zxingcpp

from gated.camera.drawing import Look
from gated.camera.scene import ARRIVE_S, LEAVE_S, NOTICE_S, PATIENCE_S, Guest, Scene
from gated.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gated.model import Frame

FPS = 10.0
QR = zxingcpp.barcode_formats_from_str("QRCode")


def text(number: int) -> str:
    return f"k7m2p9x4c6v8b3n5q7w2e4r6t8{number:06d}"


def read(frame: Frame) -> list[str]:
    return [code.text for code in zxingcpp.read_barcodes(frame.pixels, formats=QR)]


class Day:
    """A cast before a small camera, and who is there."""

    def __init__(
        self, *cast: Guest, width: int = 320, height: int = 240, fps: float = FPS, seed: int = 1
    ) -> None:
        self.waiting = list(cast)
        self.here: Guest | None = None
        self.arrivals: list[tuple[str, int]] = []
        self.departures: list[tuple[str, int]] = []
        self.frame = 0
        self.scene = Scene(
            lambda: self.waiting.pop(0) if self.waiting else None,
            width=width,
            height=height,
            fps=fps,
            seed=seed,
            pace=False,
            arrived=self._arrived,
            left=self._left,
        )
        self.scene.open()
        self._frames = self.scene.frames()

    def _arrived(self, guest: Guest) -> None:
        self.here = guest
        self.arrivals.append((guest.text, self.frame))

    def _left(self, guest: Guest) -> None:
        assert self.here is guest
        self.here = None
        self.departures.append((guest.text, self.frame))

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            assert frame is not None
            self.frame += 1
            yield frame

    def until(self, done: Callable[[], object]) -> None:
        for _ in itertools.takewhile(lambda _: not done(), self):
            assert self.frame < 1000


def test_guests_of_every_look_are_read_while_they_hold_their_code_still() -> None:
    cast = [Guest(text(number), "valid", gap_s=0.2) for number in range(60)]
    day = Day(*cast, width=1280, height=720, fps=5)
    inside = set()
    for frame in day:
        if len(day.departures) == len(cast):
            break
        if day.here is None:
            continue
        held_s = (day.frame - 1 - day.arrivals[-1][1]) / 5 - ARRIVE_S
        if held_s < 0 or day.here.text in inside:
            continue
        found = read(frame)
        assert found in ([], [day.here.text])
        if found and held_s <= day.here.hold_s:
            inside.add(day.here.text)
            day.scene.answered(day.here.text)
    assert len(inside) >= 0.95 * len(cast)
    assert [name for name, _ in day.arrivals] == [guest.text for guest in cast]


@pytest.mark.parametrize("look", [Look(), Look(medium="paper", turn_deg=20, tilt_x_deg=24)])
def test_a_very_long_code_is_held_so_large_that_it_can_be_read(look: Look) -> None:
    long = "not a ticket " * 223
    day = Day(Guest(long, "not a ticket", look, gap_s=0), width=1280, height=720)
    held = [frame for _, frame in zip(range(12), day, strict=False)][-3:]
    for frame in held:
        (found,) = zxingcpp.read_barcodes(frame.pixels, formats=QR)
        assert found.text == long
        top = found.position.top_right.x - found.position.top_left.x
        assert top > 3 * 177 * 0.85


def test_an_empty_place_reads_nothing_and_is_never_twice_the_same_picture() -> None:
    frames = [frame.pixels for _, frame in zip(range(5), Day(width=640, height=360), strict=False)]
    for first, second in itertools.pairwise(frames):
        assert not np.array_equal(first, second)
    assert all(zxingcpp.read_barcodes(pixels) == [] for pixels in frames)
    assert all(pixels.shape == (360, 640) and pixels.dtype == np.uint8 for pixels in frames)


def test_the_same_seed_and_cast_give_the_same_pictures() -> None:
    def pictures(seed: int) -> list[bytes]:
        day = Day(Guest(text(1), "valid"), Guest(text(2), "valid"), seed=seed)
        frames = zip(range(100), day, strict=False)
        return [frame.pixels.tobytes() for _, frame in frames]

    first = pictures(seed=3)
    assert pictures(seed=3) == first
    assert not set(pictures(seed=4)) & set(first)


def test_a_guest_who_is_not_answered_waits_and_then_leaves() -> None:
    day = Day(Guest(text(1), "valid", hold_s=0.7, gap_s=0.5))
    day.until(lambda: day.departures)
    assert day.arrivals == [(text(1), round(0.5 * FPS))]
    stay_s = (day.departures[0][1] - day.arrivals[0][1]) / FPS
    assert stay_s == pytest.approx(ARRIVE_S + 0.7 + PATIENCE_S + LEAVE_S, abs=1.5 / FPS)


def test_an_answered_guest_walks_on_after_a_moment() -> None:
    day = Day(Guest(text(1), "valid", gap_s=0))
    day.until(lambda: day.frame == 12)
    day.scene.answered(text(1))
    day.until(lambda: day.departures)
    walked_s = (day.departures[0][1] - 12) / FPS
    assert walked_s == pytest.approx(NOTICE_S + LEAVE_S, abs=1.5 / FPS)


def test_an_answer_to_somebody_else_moves_nobody() -> None:
    day = Day(Guest(text(1), "valid", gap_s=0))
    day.until(lambda: day.frame == 12)
    day.scene.answered(text(2))
    day.until(lambda: day.frame == 25)
    assert not day.departures


def test_a_late_answer_to_the_guest_before_does_not_send_the_next_one_away() -> None:
    day = Day(Guest(text(1), "valid"), Guest(text(2), "valid"))
    day.until(lambda: len(day.arrivals) == 2)
    day.scene.answered(text(1))
    before = day.frame
    day.until(lambda: day.frame == before + 25)
    assert len(day.departures) == 1


def test_an_answer_from_the_way_in_lets_the_guest_still_arrive() -> None:
    day = Day(Guest(text(1), "valid", gap_s=0))
    day.until(lambda: day.arrivals)
    day.scene.answered(text(1))
    day.until(lambda: day.departures)
    assert (day.departures[0][1] + 0.5) / FPS >= ARRIVE_S + LEAVE_S


def test_a_guest_who_turns_up_later_is_asked_in() -> None:
    day = Day()
    day.until(lambda: day.frame == 5)
    assert not day.arrivals
    day.waiting.append(Guest(text(1), "valid", gap_s=0))
    day.until(lambda: day.arrivals)
    assert day.frame <= 7


def test_closing_from_another_thread_ends_the_frames() -> None:
    scene = Scene(lambda: None, width=320, height=240, fps=0.01)
    scene.open()
    frames = scene.frames()
    assert next(frames) is not None
    threading.Timer(0.05, scene.close).start()
    assert list(frames) == []


def test_a_closed_scene_can_be_opened_again() -> None:
    scene = Scene(lambda: None, width=320, height=240, pace=False, name="left gate")
    scene.open()
    scene.close()
    assert list(scene.frames()) == []
    scene.open()
    frame = next(scene.frames())
    assert frame is not None
    assert frame.source == scene.name == "left gate"


def test_a_slow_reader_gets_the_newest_picture_and_never_the_missed_ones() -> None:
    shown: list[float] = []
    scene = Scene(lambda: None, width=320, height=240, fps=200, seed=2)
    scene.open()
    ticks = scene._ticks()
    for _ in range(4):
        shown.append(next(ticks))
        threading.Event().wait(0.05)
    scene.close()
    assert all(later - earlier > 0.04 for earlier, later in itertools.pairwise(shown))


def test_a_reader_that_stood_still_misses_no_guest() -> None:
    scene = Scene(lambda: None, width=320, height=240, fps=10_000)
    scene.open()
    ticks = scene._ticks()
    assert next(ticks) == 0
    threading.Event().wait(0.7)
    assert next(ticks) == pytest.approx(0.5)
    assert next(ticks) < 0.6
    scene.close()


def test_a_text_that_fits_no_code_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="Data too large"):
        Guest("x" * 2954, "hostile")


def test_a_scene_that_cannot_be_drawn_says_so_when_opened() -> None:
    with pytest.raises(CameraError, match="0x720"):
        Scene(lambda: None, width=0).open()
    with pytest.raises(CameraError, match="not opened"):
        next(Scene(lambda: None).frames())
