"""Empty frames: what the eye costs while nothing happens, beside the usual script."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gated.camera.eye import Eye

from .table import Table

Grey = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]

NOISES = (1.0, 3.0, 6.0, 12.0, 20.0)
LIGHTS: dict[str, Callable[[int, Light], npt.ArrayLike]] = {
    "steady": lambda _index, _rows: 1.0,
    "drift": lambda index, _rows: 1 + 0.3 * index / 120,
    "steps": lambda index, _rows: (1.0, 1.25, 0.8)[index // 15 % 3],
    "flicker": lambda index, _rows: 1 + 0.1 * math.sin(2.1 * index),
    # Lamps that flicker while the rows are read one after the other.
    "bands": lambda index, rows: 1 + 0.1 * np.sin(rows / 40 + 2.1 * index),
    "slow bands": lambda index, rows: 1 + 0.1 * np.sin(rows / 40 + 0.2 * index),
}
_WARM_UP = 15
_FPS = 30
_ROOM_PX = 64


@dataclass(frozen=True, slots=True)
class Idle:
    """One empty place under one light: CPU milliseconds a frame, and how often the eye looked."""

    what: str
    ours_ms: float
    usual_ms: float
    looked: float


def run(
    places: list[Grey], usual: Callable[[Grey], object] | None, *, frames: int = 45
) -> list[Table]:
    """Measure every place under every light and noise; without the usual script, ours alone."""
    found = [
        _measure(place, light, noise, usual, frames)
        for place in places
        for light in LIGHTS
        for noise in NOISES
    ]
    ours_ms = [one.ours_ms for one in found]
    ratios = ["-", "-"]
    if usual:
        times = [one.usual_ms / one.ours_ms for one in found]
        ratios = [f"1/{value:.0f}" for value in (statistics.median(times), min(times))]
    most = max(one.looked for one in found)
    worst = max(found, key=lambda one: one.ours_ms)
    rows = (
        ("median", f"{statistics.median(ours_ms):.2f} ms", ratios[0], "1/100"),
        ("worst", f"{max(ours_ms):.2f} ms", ratios[1], "1/50"),
    )
    looked = statistics.mean(one.looked for one in found)
    return [
        Table(
            f"Empty frames of 1280x720: CPU a frame over {len(found)} places, noises and lights",
            ("", "ours", "of the usual script", "bar"),
            rows,
            (
                f"the decoder looked at {looked:.1%} of all frames, at most {most:.0%} of a place",
                f"worst: {worst.what}",
            ),
        )
    ]


def _measure(
    place: Grey,
    light: str,
    noise: float,
    usual: Callable[[Grey], object] | None,
    frames: int,
) -> Idle:
    eye, usual_s, ours_s, before = Eye(), [], 0.0, 0
    for index, pixels in enumerate(_frames(place, light, noise, _WARM_UP + frames)):
        if index == _WARM_UP:
            ours_s, before = 0.0, eye.quality.looked
        started = time.thread_time()
        eye.look(pixels, index / _FPS)
        ours_s += time.thread_time() - started
        if usual and index in {_WARM_UP, _WARM_UP + frames // 2}:
            coloured = np.dstack((pixels, pixels, pixels))
            started = time.thread_time()
            usual(coloured)
            usual_s.append(time.thread_time() - started)
    usual_ms = statistics.mean(usual_s) * 1000 if usual_s else 0.0
    return Idle(
        f"{light}, noise {noise:g}",
        ours_s / frames * 1000,
        usual_ms,
        (eye.quality.looked - before) / frames,
    )


def _frames(place: Grey, light: str, noise: float, count: int) -> Iterator[Grey]:
    rng = np.random.default_rng(1)
    height, width = place.shape
    plane = rng.standard_normal((height + _ROOM_PX, width + _ROOM_PX), np.float32)
    # A sensor's noise grows with the light; `noise` is that of middle grey.
    grain = np.asarray(noise * np.sqrt((place + np.float32(20)) / 148), np.float32)
    rows = np.arange(height, dtype=np.float32)[:, np.newaxis]
    for index in range(count):
        down, across = rng.integers(0, _ROOM_PX, 2)
        seen = plane[down : down + height, across : across + width] * grain
        seen += place * np.asarray(LIGHTS[light](index, rows), np.float32)
        yield np.clip(seen, 0, 255, out=seen).astype(np.uint8)
