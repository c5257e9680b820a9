"""Scores and the sentence for the person on the ladder: what is wrong is what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import segno

from gated.camera.aim import Aim, aim
from gated.camera.decode import survey
from gated.camera.pictures import read_picture

Grey = npt.NDArray[np.uint8]
SECRET = "k7m2p9x4c6v8b3n5q7w2e4r6t8y3u5i7"
FRAMES = Path(__file__).parent.parent / "pictures" / "frames"


def place(
    *,
    module_px: float = 4.0,
    blur: float = 0.0,
    dark: float = 20.0,
    bright: float = 230.0,
    noise: float = 2.0,
    at: tuple[int, int] = (240, 120),
) -> Grey:
    """A code on a grey wall; the blur is a standard deviation in modules."""
    rows = segno.make(SECRET, micro=False).matrix_iter(border=4)
    code = np.array([[0 if dot else 1 for dot in row] for row in rows], np.float32)
    large = cv2.resize(code, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    if blur:
        large = cv2.GaussianBlur(large, (0, 0), 8 * blur)
    small = cv2.resize(
        large, None, fx=module_px / 8, fy=module_px / 8, interpolation=cv2.INTER_AREA
    )
    wall = np.full((480, 640), (dark + bright) / 2, np.float32)
    x, y = at
    wall[y : y + small.shape[0], x : x + small.shape[1]] = dark + (bright - dark) * small
    wall += np.random.default_rng(3).normal(0, noise, wall.shape).astype(np.float32)
    return wall.clip(0, 255).astype(np.uint8)


def judged(pixels: Grey) -> Aim:
    return aim(pixels, survey(pixels))


def test_a_code_well_seen_is_good() -> None:
    found = judged(place())

    assert found.is_good
    assert found.sentence == "Good: tickets that are held like this are read."
    assert found.module_px == pytest.approx(4.0, abs=0.2)
    assert found.size == 100
    assert found.light == 100
    assert found.focus is not None
    assert found.focus >= 60


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ({"module_px": 2.0}, "The code is small (2.0 pixels a module, 3 are good)"),
        ({"blur": 0.5, "module_px": 6.0}, "Out of focus"),
        ({"blur": 0.35, "module_px": 6.0}, "A little out of focus"),
        ({"dark": 150.0, "bright": 190.0}, "The dark parts of the code are bright"),
        ({"dark": 10.0, "bright": 45.0}, "Too dark"),
        ({"dark": 90.0, "bright": 132.0}, "The code is pale"),
        ({"at": (0, 0)}, "The code is at the edge of the picture"),
    ],
)
def test_what_is_wrong_is_said(what: dict[str, Any], sentence: str) -> None:
    found = judged(place(**what))

    assert found.found
    assert found.sentence.startswith(sentence)


def test_a_small_code_is_told_how_much_nearer_it_must_come() -> None:
    assert (
        "1.5 times as near, or take larger pictures (width = "
        in judged(place(module_px=2.0)).sentence
    )


def test_a_code_seen_at_a_slant_is_said() -> None:
    pixels = place(module_px=5.0)
    narrow = cv2.resize(pixels, None, fx=0.5, fy=1.0, interpolation=cv2.INTER_AREA)

    assert judged(np.asarray(narrow, np.uint8)).sentence.startswith(
        ("The code is seen at a slant",)
    )


@pytest.mark.parametrize("module_px", [3.0, 4.0, 6.0])
@pytest.mark.parametrize("noise", [0.0, 8.0])
def test_the_focus_gets_worse_with_the_blur(module_px: float, noise: float) -> None:
    blurs = [
        judged(place(module_px=module_px, blur=blur, noise=noise)).focus for blur in (0, 0.2, 0.35)
    ]
    scores = [score for score in blurs if score is not None]

    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[2] + 15


def test_the_size_says_nothing_of_the_light_nor_the_light_of_the_size() -> None:
    near, far = judged(place(module_px=5)), judged(place(module_px=2))
    pale = judged(place(module_px=5, dark=100, bright=140))

    assert near.light == far.light == 100
    assert near.size == pale.size == 100
    assert pale.light < 60


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (np.full((480, 640), 4, np.uint8), "Too dark"),
        (np.full((480, 640), 255, np.uint8), "Too bright"),
        (np.full((480, 640), 120, np.uint8), "Hold a ticket"),
    ],
)
def test_a_place_without_a_code_is_judged_by_its_light(pixels: Grey, sentence: str) -> None:
    found = judged(pixels)

    assert found.sentence.startswith(sentence)
    assert (found.focus, found.size, found.module_px) == (None, None, None)
    assert not found.is_good


def test_a_place_in_which_nothing_is_sharp_is_said() -> None:
    blurred = cv2.GaussianBlur(place(module_px=8, at=(150, 60)), (0, 0), 9)

    assert judged(np.asarray(blurred, np.uint8)).sentence.startswith("Nothing here is sharp")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("000-clean", "Good"),
        ("016-small", "The code is small"),
        ("157-empty_plain", "Hold a ticket"),
    ],
)
def test_frames_are_judged_as_a_person_would(name: str, words: str) -> None:
    assert judged(read_picture(FRAMES / f"{name}.jpg")).sentence.startswith(words)
