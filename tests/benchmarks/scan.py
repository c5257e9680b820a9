"""A scan: from the frame to the lamp, beside the bare floor of the same steps in the same run."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import segno
from gpiozero import OutputDevice

from gated.camera.decode import decode
from gated.camera.pictures import read_picture
from gated.gate import Shown

from .gate_alone import gate_alone, secret_of
from .others import pictures
from .table import Spread, Table

_PAUSE_S = 0.002
_BAR = 1.5


class Floor:
    """What no gate can do without: decode, one durable row, one pin. In milliseconds."""

    def __init__(self, folder: Path, pins: Any) -> None:
        self._db = sqlite3.connect(folder / "floor.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE scans (id INTEGER PRIMARY KEY, text TEXT, at REAL)")
        self._lamp = OutputDevice(5, pin_factory=pins)

    def scan(self, pixels: npt.NDArray[np.uint8]) -> Parted:
        """Do the three once."""
        started = time.perf_counter()
        (code,) = decode(pixels)
        decoded = time.perf_counter()
        self._db.execute("INSERT INTO scans (text, at) VALUES (?, ?)", (code.text, decoded))
        durable = time.perf_counter()
        self._lamp.value = not self._lamp.value
        lit = time.perf_counter()
        return Parted.between(started, decoded, durable, lit)

    def close(self) -> None:
        """Give back the file and the pin."""
        self._db.close()
        self._lamp.close()


@dataclass(frozen=True, slots=True)
class Parted:
    """The time of one scan and its parts, in milliseconds."""

    decoding: float
    commit: float
    rest: float
    whole: float

    @classmethod
    def between(cls, started: float, decoded: float, durable: float, lit: float) -> Parted:
        """From the seconds at which each part ended."""
        return cls(
            (decoded - started) * 1000,
            (durable - decoded) * 1000,
            (lit - durable) * 1000,
            (lit - started) * 1000,
        )

    @classmethod
    def of(cls, shown: Shown, decode_ms: float) -> Parted:
        """From what the gate itself measures."""
        rest_ms = shown.ms - decode_ms - shown.store_ms
        return cls(decode_ms, shown.store_ms, rest_ms, shown.ms)


def run(rounds: int = 500, warm_up: int = 50) -> list[Table]:
    """Scan `rounds` tickets after a warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        floor, ours = asyncio.run(_measure(Path(folder), rounds, warm_up))
    return [_table(floor[warm_up:], ours[warm_up:])]


async def _measure(folder: Path, rounds: int, warm_up: int) -> tuple[list[Parted], list[Parted]]:
    """Floor and gate take turns at going first, so that neither warms the caches for the other."""
    of_floor, of_gate = [], []
    async with gate_alone(folder, rounds + warm_up) as gate:
        with closing(Floor(folder, gate.pins)) as floor:
            for number, pixels in enumerate(_frames(rounds + warm_up)):
                await asyncio.sleep(_PAUSE_S)
                if number % 2:
                    of_floor.append(floor.scan(pixels))
                await asyncio.sleep(_PAUSE_S)
                of_gate.append(Parted.of(*await gate.scan(pixels)))
                await asyncio.sleep(_PAUSE_S)
                if not number % 2:
                    of_floor.append(floor.scan(pixels))
    return of_floor, of_gate


def _table(floor: list[Parted], ours: list[Parted]) -> Table:
    rows = []
    for name, label in (
        ("decoding", "decoding"),
        ("commit", "durable commit (gated: and look-up, decision, threads)"),
        ("rest", "rest (lamp; gated: and picture, queue, signal)"),
        ("whole", "sighting to lamp"),
    ):
        bare = Spread.of([getattr(one, name) for one in floor])
        gate = Spread.of([getattr(one, name) for one in ours])
        rows.append(
            (
                label,
                *(f"{ms:.2f}" for ms in (bare.median, bare.p99, gate.median, gate.p99)),
                f"{gate.median / bare.median:.2f}",
                f"{gate.p99 / bare.p99:.2f}",
            )
        )
    return Table(
        f"Scan: {len(ours)} tickets held up, in milliseconds",
        (
            "part",
            "floor, median",
            "floor, p99",
            "gated, median",
            "gated, p99",
            "ratio of medians",
            "ratio of p99",
        ),
        tuple(rows),
        (
            "floor: one decode of the same frame, one INSERT (WAL, synchronous=FULL), one pin",
            f"bar: sighting to lamp, ratio of p99 at most {_BAR}",
        ),
    )


def _frames(guests: int) -> Iterator[npt.NDArray[np.uint8]]:
    """A ticket of each guest in turn, somewhere in a camera frame of 1280x720."""
    backgrounds = [
        pixels
        for picture in pictures("frames")
        if not picture.texts and (pixels := read_picture(picture.path)).shape == (720, 1280)
    ]
    places = np.random.default_rng(1)
    for number in range(1, guests + 1):
        pixels = backgrounds[number % len(backgrounds)].copy()
        ticket = _ticket(secret_of(number))
        top = places.integers(0, pixels.shape[0] - ticket.shape[0])
        left = places.integers(0, pixels.shape[1] - ticket.shape[1])
        pixels[top : top + ticket.shape[0], left : left + ticket.shape[1]] = ticket
        yield pixels


def _ticket(text: str) -> npt.NDArray[np.uint8]:
    rows = list(segno.make(text, micro=False).matrix_iter(scale=6, border=4))
    sharp = np.asarray([[30 if dark else 220 for dark in row] for row in rows], dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(sharp, (5, 5), 0), dtype=np.uint8)
