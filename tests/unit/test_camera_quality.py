"""The numbers of read quality say what happened before the camera."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import segno

from gated.camera.eye import Eye
from gated.camera.quality import Quality

Grey = npt.NDArray[np.uint8]
EMPTY = np.full((480, 640), 128, np.uint8)


def code(*, hidden: bool = False) -> Grey:
    """A code on the wall; hidden, so much of it is covered that it is seen but not read."""
    rows = segno.make_qr("k7m2p9x4c6v8b3n5q7w2e4r6t8y3u5i7", error="m").matrix_iter(5, border=4)
    drawn = np.array([[20 if cell else 220 for cell in row] for row in rows], np.uint8)
    pixels = EMPTY.copy()
    pixels[120 : 120 + len(drawn), 150 : 150 + len(drawn)] = drawn
    if hidden:
        pixels[200:240, 230:290] = 220
    return pixels


def someone() -> Grey:
    pixels = EMPTY.copy()
    pixels[100:400, 200:400] = 40
    return pixels


def show(eye: Eye, *what: Grey) -> None:
    """Each for a third of a second, at 30 frames a second."""
    started = eye.quality.frames
    for index in range(10 * len(what)):
        eye.look(what[index // 10], (started + index) / 30)


def test_each_opening_counts_as_read_as_located_or_as_neither() -> None:
    eye = Eye()
    show(eye, EMPTY, code(), EMPTY, code(hidden=True), EMPTY, someone(), EMPTY, code(), EMPTY)
    quality = eye.quality

    assert quality.frames == 90
    # The very first frame is looked at too.
    assert quality.openings == 5
    assert (quality.read, quality.unread, quality.never_located) == (2, 1, 2)
    assert quality.read_by["fast"] > 0


def test_an_opening_is_read_once_and_judged_when_it_is_over() -> None:
    quality = Quality()
    quality.open(10.0)
    quality.saw(10.0, read=False, located=True)
    quality.saw(10.4, read=True, located=False)
    quality.saw(10.6, read=True, located=False)

    assert (quality.read, quality.unread) == (1, 0)
    assert quality.median_to_text_s == pytest.approx(0.4)

    quality.close()

    assert (quality.read, quality.unread, quality.never_located) == (1, 0, 0)


def test_what_is_read_with_nothing_stirring_belongs_to_no_opening() -> None:
    quality = Quality()
    quality.saw(1.0, read=True, located=False)
    quality.close()

    assert (quality.openings, quality.read, quality.never_located) == (0, 0, 0)
    assert quality.median_to_text_s is None
