"""Reading: how many of the pictures are read, whether any text is wrong, and what it costs."""

from __future__ import annotations

import importlib
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gated.camera.decode import decode
from gated.camera.pictures import read_picture

from .table import Table

PICTURES = Path(__file__).parent.parent / "pictures"

ALSO_RIGHT = {
    # A code inside a code; the expected text is the inner one's, this is the outer one's. It is
    # not counted as read either, so that the shares compare with those of others.
    "qrcode-2-16.webp": {"[外側QRコード]\r\n \r\n*ﾀﾞﾌﾞﾙQR*\r\nhttp://d-qr.net/ex/"},
}

_SIZE = (720, 1280)
_NO_USUAL_SCRIPT = ", not measured: pip install pyzbar; apt install libzbar0"

Decoder = Callable[[npt.NDArray[np.uint8]], object]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, the texts it holds, and what makes it hard."""

    path: Path
    texts: frozenset[str]
    kind: str


@dataclass(slots=True)
class Reading:
    """What was read in a set of pictures."""

    holding: Counter[str] = field(default_factory=Counter)
    """Pictures with a code, by kind."""
    read: Counter[str] = field(default_factory=Counter)
    empty: int = 0
    read_in_empty: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)
    """A picture's name and a text that it does not hold."""


def pictures(name: str) -> Iterator[Picture]:
    """The pictures of a set, `frames` or `photos`, in order of name."""
    folder = PICTURES / name
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    for file, about in sorted(expected.items()):
        texts = about["texts"] if "texts" in about else [about["text"]]
        yield Picture(folder / file, frozenset(texts), about.get("cat", "photo"))


def read(name: str) -> Reading:
    """Read every picture of a set once, as the gate does."""
    reading = Reading()
    for picture in pictures(name):
        texts = {code.text for code in decode(read_picture(picture.path))}
        wrong = texts - picture.texts - ALSO_RIGHT.get(picture.path.name, set())
        reading.wrong += [(picture.path.name, text) for text in sorted(wrong)]
        if picture.texts:
            reading.holding[picture.kind] += 1
            reading.read[picture.kind] += bool(texts & picture.texts)
        else:
            reading.empty += 1
            reading.read_in_empty += bool(texts)
    return reading


def run(rounds: int = 5, most: int | None = None) -> list[Table]:
    """Read all pictures, then time `most` frames (or all), each the best of `rounds`."""
    frames, photos = read("frames"), read("photos")
    return [_shares(frames, photos), _kinds(frames), _cost(rounds, most)]


def _shares(frames: Reading, photos: Reading) -> Table:
    rows = []
    for name, reading, bar in (("frames", frames, "88 %"), ("photos", photos, "93 %")):
        holding, right = reading.holding.total(), reading.read.total()
        rows.append(
            (name, f"{right} of {holding}", f"{right / holding:.1%}", bar, str(len(reading.wrong)))
        )
    nothing = f"{frames.empty - frames.read_in_empty} of {frames.empty}"
    wrong = [f"wrong in {name}: {text!r}" for name, text in (*frames.wrong, *photos.wrong)]
    return Table(
        "Reading: pictures with a code that were read, each looked at once",
        ("pictures", "read", "share", "bar for a held code", "wrong texts"),
        tuple(rows),
        (f"nothing read in {nothing} empty frames", *wrong),
    )


def _kinds(frames: Reading) -> Table:
    rows = [
        (kind, f"{frames.read[kind]} of {holding}", f"{frames.read[kind] / holding:.0%}")
        for kind, holding in sorted(frames.holding.items())
    ]
    return Table("Reading: frames by what makes them hard", ("kind", "read", "share"), tuple(rows))


def _cost(rounds: int, most: int | None) -> Table:
    holding: list[npt.NDArray[np.uint8]] = []
    empty: list[npt.NDArray[np.uint8]] = []
    for picture in pictures("frames"):
        pixels = read_picture(picture.path)
        if pixels.shape == _SIZE:
            (holding if picture.texts else empty).append(pixels)
    usual = usual_script()
    rows = []
    for name, frames in (("with a code", holding[:most]), ("empty", empty[:most])):
        ours_ms = [_cpu_ms(decode, pixels, rounds) for pixels in frames]
        ratio = "-"
        if usual:
            coloured = [np.dstack((pixels, pixels, pixels)) for pixels in frames]
            usual_ms = [_cpu_ms(usual, pixels, rounds) for pixels in coloured]
            ratio = f"1/{statistics.median(usual_ms) / statistics.median(ours_ms):.0f}"
        median_ms, worst_ms = statistics.median(ours_ms), max(ours_ms)
        rows.append((f"{name} ({len(frames)})", f"{median_ms:.2f} ms", f"{worst_ms:.2f} ms", ratio))
    return Table(
        "Reading: CPU time to decode one frame of 1280x720",
        ("frames", "median", "worst frame", "of the usual script"),
        tuple(rows),
        ("the usual script: pyzbar on the BGR frame" + ("" if usual else _NO_USUAL_SCRIPT),),
    )


def usual_script() -> Decoder | None:
    """What people write: pyzbar on the camera's BGR frame; None where it is not installed."""
    try:
        pyzbar: Any = importlib.import_module("pyzbar.pyzbar")
    except ImportError:  # the package, or the libzbar it loads
        return None
    script: Decoder = pyzbar.decode
    return script


def _cpu_ms(work: Decoder, pixels: npt.NDArray[np.uint8], rounds: int) -> float:
    """The least of several: what others do on the machine only adds."""
    times = []
    for _ in range(rounds):
        started = time.thread_time()
        work(pixels)
        times.append(time.thread_time() - started)
    return min(times) * 1000
