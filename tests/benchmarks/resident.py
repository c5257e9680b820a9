"""Resident memory of the camera thread's parts, and whether it grows with the frames."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from gated.camera.drawing import Grey, Look
from gated.camera.scene import Guest, Scene

from .table import Table

_FPS = 15
_GAP_S = 2.0

_BARE = """
import json, os, numpy, zxingcpp
pixels = numpy.zeros((720, 1280), numpy.uint8)
zxingcpp.read_barcodes(pixels, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2))
"""
_OPENCV = _BARE + "import cv2\n"
_EYE = (
    _OPENCV
    + """
import sys
from gated.camera.eye import Eye
from gated.camera.repeat import Repeat
from gated.model import ScanType

frames, count = numpy.load(sys.argv[1]), int(sys.argv[2])
idle = int(sys.argv[3])
round_ = [*range(idle)] * 10 + [*range(idle, len(frames))]
eye, repeat, seen = Eye(), Repeat(again_s=8), []
for index in range(count):
    codes = eye.look(frames[round_[index % len(round_)]], index / 30)
    repeat.news(codes, ScanType.ENTRY, index / 30)
    if index + 1 in {count // 10, count // 2, count}:
        pages = int(open("/proc/self/statm").read().split()[1])
        seen.append(pages * os.sysconf("SC_PAGE_SIZE") - frames.nbytes)
print(json.dumps({"seen": seen, "looked": eye.quality.looked}))
"""
)
_RESIDENT = """
pages = int(open("/proc/self/statm").read().split()[1])
print(json.dumps({"resident": pages * os.sysconf("SC_PAGE_SIZE")}))
"""


def run(frames: int = 200_000) -> list[Table]:
    """Look at so many frames, a guest with a blurred code coming and going all the time."""
    bare = _ask(_BARE + _RESIDENT)["resident"]
    opencv = _ask(_OPENCV + _RESIDENT)["resident"]
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.npy"
        np.save(clip, np.array(_frames()))
        eye = _ask(_EYE, str(clip), str(frames), str(round(_GAP_S * _FPS)))
    parts = zip((frames // 10, frames // 2, frames), eye["seen"], strict=True)
    rows = [
        ("Python, numpy and zxing-cpp", _mb(bare), ""),
        ("and OpenCV, for the views", _mb(opencv), _mb(opencv - bare)),
        *(
            (f"the eye at work, after {part:,} frames", _mb(seen), _mb(seen - bare))
            for part, seen in parts
        ),
    ]
    return [
        Table(
            "Resident memory of what the camera's thread needs, frames of 1280x720",
            ("", "resident", "over the bare minimum"),
            tuple(rows),
            (f"{eye['looked']:,} of {frames:,} frames were looked at",),
        )
    ]


def _frames() -> list[Grey]:
    """The empty place, then somebody with a code that only the passes in turns can read."""
    left: list[Guest] = []
    waiting = [Guest("k7m2p9x4c6v8b3n5q7w2", "valid", Look(defocus=0.6), gap_s=_GAP_S, hold_s=0.3)]
    scene = Scene(
        lambda: waiting.pop() if waiting else None, pace=False, fps=_FPS, left=left.append
    )
    scene.open()
    frames: list[Grey] = []
    for frame in scene.frames():
        if left or frame is None:
            break
        frames.append(frame.pixels)
    return frames


def _ask(script: str, *arguments: str) -> dict[str, Any]:
    ran = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    told: dict[str, Any] = json.loads(ran.stdout)
    return told


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
