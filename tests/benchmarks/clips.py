"""Clips in real time: how many frames later than the decoder alone the eye reads a guest's code."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import zxingcpp

from gated.camera.decode import decode
from gated.camera.drawing import Look
from gated.camera.eye import Eye
from gated.camera.scene import ARRIVE_S, Guest, Scene
from gated.camera.views import Grey
from gated.camera.watch import Watch

from .table import Table

_GAP_S = 1.0
_HOLD_S = 0.0
"""Besides the patience that a guest has in any case."""
_FOCUS_S = 0.3
_FOCUS_PX = 6.0
"""The lens has found its focus so long after the full view; until then it is less and less off."""
SLOWER = 4
"""Every call of the decoder takes the eye so many times its CPU time."""

KINDS: dict[str, Callable[[Look], Look]] = {
    "as they come": lambda look: look,
    "small": lambda look: replace(look, size=0.16),
    "low contrast": lambda look: replace(look, contrast=0.2),
    "dark mode": lambda look: replace(look, medium="phone", dark=True),
    "shade on paper": lambda look: replace(look, medium="paper", shade=0.7),
    "grain": lambda look: replace(look, grain=14.0),
    "out of focus": lambda look: replace(look, defocus=0.55),
    "moire and glare": lambda look: replace(look, medium="phone", moire=30.0, glare=110.0),
}


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames from the full view of a code to its text: all-on in every frame, and the eye.

    Negative when it was read on its way in. `lost` are frames that all-on reads while the
    watch before the eye's decoder is closed.
    """

    kind: str
    decoder: float | None
    eye: float | None
    lost: int


def run(guests: int = 24, rates: tuple[int, ...] = (30, 60)) -> list[Table]:
    """Show so many guests at each rate of frames a second."""
    rows, missed = [], []
    for fps in rates:
        clips = [_clip(number, fps) for number in range(guests)]
        both = [clip for clip in clips if clip.eye is not None and clip.decoder is not None]
        lost = [clip for clip in clips if clip.eye is None and clip.decoder is not None]
        won = sum(clip.eye is not None and clip.decoder is None for clip in clips)
        ours = _percentiles([clip.eye or 0 for clip in both])
        theirs = _percentiles([clip.decoder or 0 for clip in both])
        late = [f"{a:.1f} ({a - b:+.1f})" for a, b in zip(ours, theirs, strict=True)]
        shut = str(sum(clip.lost for clip in clips))
        rows.append((f"{fps}/s", str(len(both)), str(len(lost)), str(won), shut, *late))
        missed += [f"only all-on read at {fps}/s: {clip.kind}" for clip in lost]
    names = ("frames", "read by both", "only all-on", "only ours", "lost to the watch")
    return [
        Table(
            "Clips in real time: the eye with a decoder four times as slow, beside all-on in"
            " every frame with all the time it needs",
            (*names, "p50", "p90"),
            tuple(rows),
            (
                "p50, p90: frames from full view to text, and how many later than all-on (bar: +2)",
                *missed,
            ),
        )
    ]


def _clip(number: int, fps: int) -> Clip:
    kind = list(KINDS)[number % len(KINDS)]
    frames = _frames(number, KINDS[kind], fps)
    full_view = round((_GAP_S + ARRIVE_S) * fps)
    watch, decoder, lost = Watch(), None, 0
    for index, pixels in enumerate(frames):
        open_ = watch.stirs(pixels)
        started = time.thread_time()
        if decode(pixels):
            lost += not open_
            if decoder is None:
                decoder = index + fps * (time.thread_time() - started)
    eye = _first_read(frames, fps)
    late = [None if one is None else one - full_view for one in (decoder, eye)]
    return Clip(kind, late[0], late[1], lost)


def _percentiles(frames: list[float]) -> tuple[float, float]:
    ordered = sorted(frames)
    last = len(ordered) - 1
    return ordered[round(0.5 * last)], ordered[round(0.9 * last)]


def _frames(number: int, change: Callable[[Look], Look], fps: int) -> list[Grey]:
    """A guest who comes, holds the code and leaves; a second of the empty place before."""
    left: list[Guest] = []
    look = change(Look.random(np.random.default_rng((number, fps))))
    text = f"k7m2p9x4c6v8b3n5q7w2e4r6t8{number:06d}"
    waiting = [Guest(text, "valid", look, hold_s=_HOLD_S, gap_s=_GAP_S)]
    scene = Scene(
        lambda: waiting.pop() if waiting else None,
        fps=fps,
        seed=number,
        pace=False,
        left=left.append,
    )
    scene.open()
    frames: list[Grey] = []
    for frame in scene.frames():
        if left or frame is None:
            break
        frames.append(_before_focus(frame.pixels, len(frames) / fps))
    return frames


def _before_focus(pixels: Grey, now_s: float) -> Grey:
    coming_s = now_s - _GAP_S
    off_px = _FOCUS_PX * (1 - coming_s / (ARRIVE_S + _FOCUS_S))
    if coming_s < 0 or off_px < 0.3:
        return pixels
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), off_px), np.uint8)


def _first_read(frames: list[Grey], fps: int) -> float | None:
    """Play the frames as a camera would: what comes while the eye looks is lost.

    The answer is when the text was there, in frames.
    """
    eye = Eye()
    with padded(SLOWER):
        started = time.monotonic()
        index = 0
        while index < len(frames):
            codes = eye.look(frames[index], time.monotonic())
            passed = (time.monotonic() - started) * fps
            if codes:
                return passed
            # The newest frame is the next one; without a new one the eye waits for it.
            newest = max(index + 1, int(passed))
            time.sleep(max(0.0, started + newest / fps - time.monotonic()))
            index = newest
    return None


@contextlib.contextmanager
def padded(times: float) -> Iterator[None]:
    """Make every call of the decoder take so many times its CPU time."""
    plain: Any = zxingcpp.read_barcodes

    def slow(*args: Any, **kwargs: Any) -> Any:
        started, cpu = time.perf_counter(), time.thread_time()
        found = plain(*args, **kwargs)
        due = started + times * (time.thread_time() - cpu)
        time.sleep(max(0.0, due - time.perf_counter()))
        return found

    zxingcpp.read_barcodes = slow
    try:
        yield
    finally:
        zxingcpp.read_barcodes = plain
