"""Clips: how many frames later than the decoder alone the eye reads a guest's code."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from gated.camera.decode import decode
from gated.camera.eye import Eye
from gated.camera.scene import Guest, Scene
from gated.camera.views import Grey

from .table import Table

SLOWER = 4
"""The eye has so many times less CPU than the decoder it is compared with."""


@dataclass(frozen=True, slots=True)
class Clip:
    """The frame in which a code was first read: by all-on in every frame, and by the eye."""

    decoder: int | None
    eye: int | None


def run(guests: int = 12) -> list[Table]:
    """Show so many guests at 30 and at 60 frames a second."""
    rows = []
    for fps in (30, 60):
        clips = [_clip(number, fps) for number in range(guests)]
        late = sorted(
            clip.eye - clip.decoder
            for clip in clips
            if clip.eye is not None and clip.decoder is not None
        )
        lost = sum(clip.eye is None and clip.decoder is not None for clip in clips)
        won = sum(clip.eye is not None and clip.decoder is None for clip in clips)
        p50, p90 = statistics.median(late), late[int(0.9 * (len(late) - 1))]
        rows.append((f"{fps}/s", str(len(late)), str(lost), str(won), f"{p50:.0f}", f"{p90:.0f}"))
    return [
        Table(
            "Clips: the eye with a quarter of the CPU, beside all-on in every frame with all of it",
            ("frames", "read by both", "only all-on", "only ours", "p50 later", "p90 later"),
            tuple(rows),
            ("later: frames from the first that all-on reads to the first that ours reads",),
        )
    ]


def _clip(number: int, fps: int) -> Clip:
    frames = _frames(number, fps)
    decoder = next((index for index, pixels in enumerate(frames) if decode(pixels)), None)
    return Clip(decoder, _first_read(frames, fps))


def _frames(number: int, fps: int) -> list[Grey]:
    """A guest who comes, holds the code and leaves; a second of the empty place before."""
    left: list[Guest] = []
    waiting = [Guest(f"k7m2p9x4c6v8b3n5q7w2e4r6t8{number:06d}", "valid", gap_s=1.0, hold_s=0.1)]
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
