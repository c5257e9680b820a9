"""Clips: how many frames later than the decoder alone the eye reads a guest's code."""

from __future__ import annotations

import time
from dataclasses import dataclass

from gated.camera.decode import decode
from gated.camera.eye import Eye
from gated.camera.scene import ARRIVE_S, Guest, Scene
from gated.camera.views import Grey

from .table import Table

_GAP_S = 1.0
SLOWER = 4
"""The eye has so many times less CPU than the decoder it is compared with."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames from the full view of a code to its text: all-on in every frame, and the eye.

    Negative when it was read on its way in.
    """

    decoder: int | None
    eye: int | None


def run(guests: int = 12) -> list[Table]:
    """Show so many guests at 30 and at 60 frames a second."""
    rows = []
    for fps in (30, 60):
        clips = [_clip(number, fps) for number in range(guests)]
        both = [clip for clip in clips if clip.eye is not None and clip.decoder is not None]
        lost = sum(clip.eye is None and clip.decoder is not None for clip in clips)
        won = sum(clip.eye is not None and clip.decoder is None for clip in clips)
        ours = _percentiles([clip.eye or 0 for clip in both])
        theirs = _percentiles([clip.decoder or 0 for clip in both])
        late = [f"{a} ({a - b:+})" for a, b in zip(ours, theirs, strict=True)]
        rows.append((f"{fps}/s", str(len(both)), str(lost), str(won), *late))
    return [
        Table(
            "Clips: the eye with a quarter of the CPU, beside all-on in every frame with all of it",
            ("frames", "read by both", "only all-on", "only ours", "p50", "p90"),
            tuple(rows),
            ("p50, p90: frames from full view to text, and how many later than all-on (bar: +2)",),
        )
    ]


def _clip(number: int, fps: int) -> Clip:
    frames = _frames(number, fps)
    full_view = round((_GAP_S + ARRIVE_S) * fps)
    decoder = next((index for index, pixels in enumerate(frames) if decode(pixels)), None)
    eye = _first_read(frames, fps)
    return Clip(*(None if one is None else one - full_view for one in (decoder, eye)))


def _percentiles(frames: list[int]) -> tuple[int, int]:
    ordered = sorted(frames)
    last = len(ordered) - 1
    return ordered[round(0.5 * last)], ordered[round(0.9 * last)]


def _frames(number: int, fps: int) -> list[Grey]:
    """A guest who comes, holds the code and leaves; a second of the empty place before."""
    left: list[Guest] = []
    waiting = [Guest(f"k7m2p9x4c6v8b3n5q7w2e4r6t8{number:06d}", "valid", gap_s=_GAP_S, hold_s=0.1)]
    scene = Scene(
        lambda: waiting.pop() if waiting else None,
        fps=fps,
        seed=number,
        pace=False,
        left=left.append,
    )
    scene.open()
    frames = []
    for frame in scene.frames():
        if left or frame is None:
            break
        frames.append(frame.pixels)
    return frames


def _first_read(frames: list[Grey], fps: int) -> int | None:
    """Play the frames as a camera would to a slow machine: what comes while it works is lost."""
    eye, free_s = Eye(clock=lambda: SLOWER * time.thread_time()), 0.0
    for index, pixels in enumerate(frames):
        now = index / fps
        if now < free_s:
            continue
        started = time.thread_time()
        if eye.look(pixels, now):
            return index
        free_s = now + SLOWER * (time.thread_time() - started)
    return None
