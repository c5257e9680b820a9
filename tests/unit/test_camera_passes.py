"""Each pass reads what it is for, says where it was, and the eye spends its time well."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import segno

from gated.camera.decode import decode, locate
from gated.camera.eye import Eye
from gated.camera.passes import FOR_STILLS, IN_TURNS, Pass, read_still
from gated.camera.views import View, plain

Grey = npt.NDArray[np.uint8]
SECRET = "k7m2p9x4c6v8b3n5q7w2e4r6t8y3u5i7"


def wall(*, module_px: int = 5, dark: int = 20, light: int = 220) -> Grey:
    """A code at (150, 120) on a grey wall."""
    rows = segno.make_qr(SECRET, error="m").matrix_iter(scale=module_px, border=4)
    code = np.array([[dark if cell else light for cell in row] for row in rows], np.uint8)
    pixels = np.full((480, 640), 128, np.uint8)
    pixels[120 : 120 + len(code), 150 : 150 + len(code)] = code
    return pixels


def streaked(pixels: Grey, length_px: int) -> Grey:
    return np.asarray(cv2.blur(pixels, (length_px, 1)), np.uint8)


def out_of_focus(pixels: Grey, radius_px: float) -> Grey:
    along = np.arange(-9, 10)
    disk = (np.hypot(along[:, np.newaxis], along) <= radius_px).astype(np.float32)
    return np.asarray(cv2.filter2D(pixels, -1, disk / disk.sum()), np.uint8)


def name_of(one: Pass) -> str:
    return one.name


@pytest.mark.parametrize("one", {p.name: p for p in (*IN_TURNS, *FOR_STILLS)}.values(), ids=name_of)
def test_every_pass_finds_nothing_on_a_wall_and_changes_no_frame(one: Pass) -> None:
    pixels = wall()
    pixels.flags.writeable = False

    assert all(code.text == SECRET for code in one.read(pixels))
    assert one.read(np.full((240, 320), 90, np.uint8)) == []


@pytest.mark.parametrize(
    "one",
    [p for p in IN_TURNS if p.name.split()[0] in {"half", "enlarge", "widen", "sharpen"}],
    ids=name_of,
)
def test_the_corners_are_where_the_code_is_in_the_frame(one: Pass) -> None:
    (plainly,) = decode(wall())
    (code,) = one.read(wall())

    assert np.allclose(code.corners, plainly.corners, atol=6)


def test_a_plain_code_is_read_by_the_first_pass() -> None:
    codes, by = read_still(wall())

    assert ([code.text for code in codes], by) == ([SECRET], "all-on")


def test_a_code_out_of_focus_is_read_by_a_later_pass() -> None:
    blurred = out_of_focus(wall(module_px=6), 6)
    codes, by = read_still(blurred)

    assert decode(blurred) == []
    assert [code.text for code in codes] == [SECRET]
    assert by == "focus"


def test_a_code_that_moved_is_read_by_a_later_pass() -> None:
    moved = streaked(wall(module_px=6), 15)
    codes, by = read_still(moved)

    assert decode(moved) == []
    assert [code.text for code in codes] == [SECRET]
    assert by


def test_a_code_on_creased_cloth_is_read_though_its_corners_mislead() -> None:
    pixels = wall(module_px=8)
    y, x = np.mgrid[0:480, 0:640].astype(np.float32)
    bent = np.clip((y - 150) / 270, 0, 1)
    for amount in range(4, 40, 2):
        creased = cv2.remap(pixels, x + amount * 4 * bent * (1 - bent), y, cv2.INTER_LINEAR)
        picture = np.asarray(creased, np.uint8)
        if not decode(picture) and locate(picture):
            break
    codes, _ = read_still(picture)

    assert [code.text for code in codes] == [SECRET]


@pytest.mark.parametrize("seed", range(2))
def test_the_whole_effort_reads_nothing_in_noise(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (240, 320), np.uint8)

    assert read_still(noise) == ([], "")


def test_a_code_too_damaged_is_not_guessed_by_any_pass() -> None:
    pixels = wall()
    pixels[160:230, 190:260] = 128

    assert read_still(pixels) == ([], "")


EMPTY = np.full((480, 640), 128, np.uint8)


class Asked:
    """A pass that reads nothing, counts its turns, and makes the clock go on."""

    def __init__(self, cost_s: float) -> None:
        self.turns = 0
        self.now = 0.0
        self._cost_s = cost_s

    def views(self, pixels: Grey) -> Iterator[View]:
        self.turns += 1
        self.now += self._cost_s
        yield from plain(EMPTY)


def moving(count: int) -> Iterator[Grey]:
    """Frames in which something moves, and no code is."""
    for index in range(count):
        pixels = EMPTY.copy()
        pixels[100:300, 5 * index % 400 : 5 * index % 400 + 200] = 40
        yield pixels


def test_an_empty_place_is_read_in_every_fifteenth_frame_only() -> None:
    eye = Eye()
    for index in range(151):
        eye.look(EMPTY, index / 30)

    assert eye.quality.looked == 11
    assert eye.quality.openings == 1


def test_a_held_code_is_read_again_before_it_counts_as_gone() -> None:
    for fps in (5, 10, 30, 60):
        eye, pixels = Eye(), wall()
        reads = [index / fps for index in range(20 * fps) if eye.look(pixels, index / fps)]

        assert max(b - a for a, b in itertools.pairwise(reads)) < 1
        assert len(reads) <= 20 * 5


def test_expensive_passes_take_their_share_of_the_time_and_no_more() -> None:
    slow, cheap = Asked(0.2), Asked(0.01)
    passes = (Pass("slow", slow.views), Pass("cheap", cheap.views))
    eye = Eye(passes, clock=lambda: slow.now + cheap.now)
    for index, pixels in enumerate(moving(300)):
        eye.look(pixels, index / 30)

    assert slow.turns >= 2
    assert cheap.turns > 3 * slow.turns
    assert slow.now + cheap.now < 0.4 * 10 + 0.3


def test_the_pass_that_read_a_code_is_the_next_one_too() -> None:
    hard = out_of_focus(wall(module_px=6), 5)
    ticks = itertools.count()
    eye = Eye(clock=lambda: next(ticks) / 1000)
    rng = np.random.default_rng(1)
    eye.look(EMPTY, 0.0)
    reads = []
    for index in range(1, 60):
        shaken = np.roll(hard, int(rng.integers(-8, 8)), axis=1)
        reads.append(bool(eye.look(shaken, index / 30)))

    assert any(reads)
    assert all(reads[reads.index(True) :])
