"""What others read and what it costs them: zxing-cpp called plainly, pyzbar, OpenCV; and ours."""

from __future__ import annotations

import contextlib
import importlib
import json
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from gated.camera.decode import FAST, THOROUGH, How, decode
from gated.camera.eye import Eye
from gated.camera.passes import read_still
from gated.camera.pictures import read_picture

from . import fresh
from .table import Table

PICTURES = Path(__file__).parent.parent / "pictures"
NO_ZBAR = "pyzbar is left out: it or the zbar it needs is missing (apt install libzbar0)"
_SEED = 11
_EMPTY_FRAMES, _HELD_FRAMES, _FPS = 10, 60, 30

Grey = npt.NDArray[np.uint8]
Decoder = Callable[[Grey], object]
Read = Callable[[Grey], set[str]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, the texts it holds, and what makes it hard."""

    path: Path
    texts: frozenset[str]
    kind: str


def pictures(name: str) -> Iterator[Picture]:
    """The pictures of a set, `frames` or `photos`, in order of name."""
    folder = PICTURES / name
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    for file, about in sorted(expected.items()):
        texts = about["texts"] if "texts" in about else [about["text"]]
        yield Picture(folder / file, frozenset(texts), about.get("cat", "photo"))


def usual_script() -> Decoder | None:
    """What people write: pyzbar on the camera's BGR frame; None where it is not installed."""
    try:
        pyzbar: Any = importlib.import_module("pyzbar.pyzbar")
    except ImportError:  # the package, or the libzbar it loads
        return None

    def script(pixels: Grey) -> object:
        with _quiet():
            return pyzbar.decode(pixels)

    return script


def run(most: int | None = None, each: int = 6) -> list[Table]:
    """Read all pictures, or `most` of each set, and `each` of every kind drawn afresh."""
    sets = {
        name: [
            (read_picture(picture.path), picture.texts)
            for picture in list(pictures(name))[:most]
            if picture.texts
        ]
        for name in ("frames", "photos")
    }
    sets["fresh"] = [(one.pixels, frozenset({one.text})) for one in fresh.frames(_SEED, each)]
    ways = _ways()
    found = {name: _measure(read, sets.values()) for name, read in ways.items()}
    usual_s = found[_USUAL].cost_s if _USUAL in found else None
    rows = []
    for name, one in found.items():
        shares = [
            f"{right / max(1, len(held)):.1%}"
            for right, held in zip(one.right, sets.values(), strict=True)
        ]
        ratio = f"1/{usual_s / one.cost_s:.1f}" if usual_s else "-"
        rows.append((name, *shares, ratio))
    counts = ", ".join(f"{len(held)} {name}" for name, held in sets.items())
    return [
        Table(
            "Who reads what, and what it costs",
            ("reader", "frames", "photos", "drawn afresh", "CPU, of the usual script"),
            tuple(rows),
            (
                f"{counts} (of seed {_SEED}, of {len(fresh.KINDS)} kinds), each with a code",
                "CPU time of all pictures together; the held code's is that of a frame",
                *([] if usual_s else [NO_ZBAR]),
            ),
        )
    ]


_USUAL = "the usual script: pyzbar, BGR"


def _ways() -> dict[str, Read]:
    ways: dict[str, Read] = {
        "gated, a picture: the whole effort": lambda pixels: _texts(read_still(pixels)[0]),
        f"gated, a code held for {_HELD_FRAMES / _FPS:g} s": _held,
        "zxing-cpp, grey, QR code, fast": lambda pixels: _texts(decode(pixels, FAST)),
        "zxing-cpp, grey, QR code, all on": lambda pixels: _texts(decode(pixels, THOROUGH)),
        "zxing-cpp, grey, QR code, global": lambda pixels: _texts(
            decode(pixels, How(threshold="global"))
        ),
        "zxing-cpp as it comes: BGR, all formats": lambda pixels: _texts(
            zxingcpp.read_barcodes(_bgr(pixels))
        ),
    }
    script: Any = usual_script()
    if script:
        ways[_USUAL] = lambda pixels: {
            one.data.decode("utf-8", "replace") for one in script(_bgr(pixels))
        }
    ways["OpenCV's QRCodeDetector, BGR"] = _opencv
    return ways


@dataclass(frozen=True, slots=True)
class _Found:
    right: tuple[int, ...]
    cost_s: float


def _measure(read: Read, sets: Iterable[list[tuple[Grey, frozenset[str]]]]) -> _Found:
    right: Counter[int] = Counter()
    cost_s, number = 0.0, -1
    for number, held in enumerate(sets):
        for pixels, texts in held:
            started = time.thread_time()
            right[number] += bool(read(pixels) & texts)
            spent_s = time.thread_time() - started
            cost_s += spent_s / (_EMPTY_FRAMES + _HELD_FRAMES if read is _held else 1)
    return _Found(tuple(right[index] for index in range(number + 1)), cost_s)


def _held(pixels: Grey) -> set[str]:
    """Hold a picture before an eye that has seen an empty place, in a hand that trembles."""
    eye = Eye()
    empty = np.full_like(pixels, np.median(pixels[::8, ::8]))
    for index in range(_EMPTY_FRAMES):
        eye.look(empty, index / _FPS)
    texts: set[str] = set()
    for index in range(_EMPTY_FRAMES, _EMPTY_FRAMES + _HELD_FRAMES):
        across, down = round(3 * math.sin(index / 2)), round(2 * math.sin(index / 3))
        moved = np.roll(pixels, (down, across), (0, 1))
        texts |= _texts(eye.look(moved, index / _FPS))
    return texts


def _opencv(pixels: Grey) -> set[str]:
    try:
        found = cv2.QRCodeDetector().detectAndDecodeMulti(_bgr(pixels))
    except cv2.error:  # it fails on some pictures instead of finding nothing
        return set()
    return {str(text) for text in found[1] if text}


def _texts(codes: Iterable[Any]) -> set[str]:
    return {code.text for code in codes}


def _bgr(pixels: Grey) -> Grey:
    return np.dstack((pixels, pixels, pixels))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Zbar writes its failed assertions to standard error; they are not ours to tell."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
