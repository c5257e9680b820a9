"""Reading: how many of the pictures are read, whether any text is wrong, and what it costs."""

from __future__ import annotations

import itertools
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from gated.camera.eye import Eye
from gated.camera.passes import read_still
from gated.camera.pictures import read_picture

from . import clips, idle, others
from .others import NO_ZBAR, Decoder, Grey, pictures, usual_script
from .table import Table

ALSO_RIGHT = {
    # A code inside a code; the expected text is the inner one's, this is the outer one's. It is
    # not counted as read either, so that the shares compare with those of others.
    "qrcode-2-16.webp": {"[外側QRコード]\r\n \r\n*ﾀﾞﾌﾞﾙQR*\r\nhttp://d-qr.net/ex/"},
}

_SIZE = (720, 1280)


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
    read_by: Counter[str] = field(default_factory=Counter)
    """Pictures read, by the pass that did it."""


def read(name: str, most: int | None = None) -> Reading:
    """Read every picture of a set, or `most`, with the whole effort, as `gated read` does."""
    reading = Reading()
    for picture in itertools.islice(pictures(name), most):
        codes, by = read_still(read_picture(picture.path))
        texts = {code.text for code in codes}
        wrong = texts - picture.texts - ALSO_RIGHT.get(picture.path.name, set())
        reading.wrong += [(picture.path.name, text) for text in sorted(wrong)]
        if picture.texts:
            reading.holding[picture.kind] += 1
            reading.read[picture.kind] += bool(texts & picture.texts)
            reading.read_by[by or "none"] += 1
        else:
            reading.empty += 1
            reading.read_in_empty += bool(texts)
    return reading


def run() -> list[Table]:
    """Read all pictures and measure what that costs, look at empty places, play clips."""
    return [*read_all(), *cost(), *idle.run(sized()[1], usual_script()), *clips.run()]


def read_all(most: int | None = None, each: int = 6) -> list[Table]:
    """Read all pictures, or `most` of each set, and `each` of every kind drawn afresh."""
    frames, photos = read("frames", most), read("photos", most)
    return [
        _shares(frames, photos),
        *others.run(most, each),
        _kinds(frames),
        _passes(frames, photos),
    ]


def sized() -> tuple[list[Grey], list[Grey]]:
    """The frames of 1280x720 with a code, and those without."""
    holding: list[Grey] = []
    empty: list[Grey] = []
    for picture in pictures("frames"):
        pixels = read_picture(picture.path)
        if pixels.shape == _SIZE:
            (holding if picture.texts else empty).append(pixels)
    return holding, empty


def _shares(frames: Reading, photos: Reading) -> Table:
    rows = []
    for name, reading, bar in (("frames", frames, "136"), ("photos", photos, "55")):
        holding, right = reading.holding.total(), reading.read.total()
        rows.append(
            (name, f"{right} of {holding}", f"{right / holding:.1%}", bar, str(len(reading.wrong)))
        )
    nothing = f"{frames.empty - frames.read_in_empty} of {frames.empty}"
    wrong = [f"wrong in {name}: {text!r}" for name, text in (*frames.wrong, *photos.wrong)]
    return Table(
        "Reading: pictures with a code that were read, each the whole effort",
        ("pictures", "read", "share", "bar", "wrong texts"),
        tuple(rows),
        (f"nothing read in {nothing} empty frames", *wrong),
    )


def _kinds(frames: Reading) -> Table:
    rows = [
        (kind, f"{frames.read[kind]} of {holding}", f"{frames.read[kind] / holding:.0%}")
        for kind, holding in sorted(frames.holding.items())
    ]
    return Table("Reading: frames by what makes them hard", ("kind", "read", "share"), tuple(rows))


def _passes(frames: Reading, photos: Reading) -> Table:
    names = sorted(
        {*frames.read_by, *photos.read_by}, key=lambda name: (-frames.read_by[name], name)
    )
    rows = [(name, str(frames.read_by[name]), str(photos.read_by[name])) for name in names]
    return Table("Reading: which pass read them", ("pass", "frames", "photos"), tuple(rows))


def cost(most: int | None = None, rounds: int = 5) -> list[Table]:
    """An eye that holds a code for a while, as at a gate: the mean of its looks at one frame."""
    usual, ours_ms, ratios = usual_script(), [], []
    for pixels in sized()[0][:most]:
        ms = _held_ms(pixels, rounds)
        if ms is None:
            continue
        ours_ms.append(ms)
        if usual:
            ratios.append(_cpu_ms(usual, np.dstack((pixels, pixels, pixels)), rounds) / ms)
    ratio = f"1/{statistics.median(ratios):.0f}" if ratios else "-"
    median_ms, worst_ms = statistics.median(ours_ms), max(ours_ms)
    row = (f"with a code ({len(ours_ms)})", f"{median_ms:.2f} ms", f"{worst_ms:.2f} ms", ratio)
    return [
        Table(
            "Reading: CPU time of the eye for one frame of 1280x720 with a code that it reads",
            ("frames", "median", "worst frame", "of the usual script"),
            (row,),
            (
                "bar: 1/20",
                "the usual script: pyzbar on the BGR frame",
                *([] if usual else [NO_ZBAR]),
            ),
        )
    ]


def _held_ms(pixels: Grey, rounds: int) -> float | None:
    """CPU milliseconds a look; None if the first look, with a fresh eye, reads nothing."""
    if not Eye().look(pixels, 0.0):
        return None
    times = []
    for _ in range(rounds):
        eye, looks = Eye(), 10
        started = time.thread_time()
        for number in range(looks):
            # Frames so far apart that each is looked at, though nothing moves.
            eye.look(pixels, 0.3 * number)
        times.append((time.thread_time() - started) / looks)
    return min(times) * 1000


def _cpu_ms(work: Decoder, pixels: Grey, rounds: int) -> float:
    """The least of several: what others do on the machine only adds."""
    times = []
    for _ in range(rounds):
        started = time.thread_time()
        work(pixels)
        times.append(time.thread_time() - started)
    return min(times) * 1000
