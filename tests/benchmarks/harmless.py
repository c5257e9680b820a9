"""Frames without a QR code, by the thousand: whether any pass ever reads a text in one."""

from __future__ import annotations

import concurrent.futures
import functools
import math
from collections import Counter
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from gated.camera import drawing
from gated.camera.passes import FOR_STILLS, THOROUGH_PASS

from .table import Table

Grey = npt.NDArray[np.uint8]
Rng = np.random.Generator

WIDTH, HEIGHT = 320, 240
"""Small, so that they are many: what misleads a decoder is a matter of modules, not of pixels."""

_TURNS = 3
"""So many of the passes of the whole effort look at a frame, besides the thorough one."""

_LETTERS = list("ABCDEFGHKLMNPQRSTUVWXYZ0123456789")
_BARCODES = {
    "EAN13": "4006381333931",
    "EAN8": "73513537",
    "ITF": "12345678",
    "Code39": "",
    "Code93": "",
    "Code128": "",
    "PDF417": "",
    "DataMatrix": "",
    "Aztec": "",
    "MaxiCode": "",
    "MicroQRCode": "hello",
    "RMQRCode": "",
}
"""Formats by what they may hold; empty for anything."""


def run(frames: int = 10_000) -> list[Table]:
    """Look at so many frames, on all cores, as an eye does: with one pass after the other."""
    looked: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    texts: list[str] = []
    with concurrent.futures.ProcessPoolExecutor() as pool:
        for kind, text in pool.map(look, range(frames), chunksize=50):
            looked[kind] += 1
            if text is not None:
                wrong[kind] += 1
                texts.append(f"wrong: {text!r} in {kind}")
    rows = [(kind, str(looked[kind]), str(wrong[kind])) for kind in KINDS]
    rows.append(("all", str(looked.total()), str(wrong.total())))
    return [
        Table(
            "Harmless frames: what the passes of the whole effort read where there is nothing",
            ("kind", "frames", "wrong texts"),
            tuple(rows),
            ("a damaged code may be read as what it was, and as nothing else", *texts),
        )
    ]


def look(number: int) -> tuple[str, str | None]:
    """The kind of a frame, and the wrong text that was read in it, if any."""
    kinds = list(KINDS)
    kind = kinds[number % len(kinds)]
    pixels, right = KINDS[kind](np.random.default_rng((7, number)))
    turns = FOR_STILLS[1:]
    passes = [turns[(_TURNS * number + turn) % len(turns)] for turn in range(_TURNS)]
    read = {code.text for one in (THOROUGH_PASS, *passes) for code in one.read(pixels)}
    wrong = sorted(read - {right})
    return kind, wrong[0] if wrong else None


Drawn = tuple[Grey, str]
"""A frame, and the text that may be read in it, mostly none."""


def _noise(rng: Rng) -> Drawn:
    size = int(rng.choice([1, 2, 3, 4, 6, 8, 12]))
    shape = HEIGHT // size + 1, WIDTH // size + 1
    black_and_white = bool(rng.random() < 0.5)
    plane = rng.normal(128, 1e4 if black_and_white else rng.uniform(5, 90), shape)
    noise = _enlarged(np.clip(plane, 0, 255).astype(np.uint8), size)
    return np.ascontiguousarray(noise[:HEIGHT, :WIDTH]), ""


def _texture(rng: Rng) -> Drawn:
    """Bricks, boards, nets, dots and gratings."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    angle, period = rng.uniform(0, math.pi), rng.uniform(3, 40)
    a = (x * math.cos(angle) + y * math.sin(angle)) / period
    b = (y * math.cos(angle) - x * math.sin(angle)) / period
    waves = (
        np.sin(2 * np.pi * a),
        np.sin(2 * np.pi * a) * np.sin(2 * np.pi * b),
        np.sign(np.sin(2 * np.pi * a) * np.sin(2 * np.pi * b)),
        np.maximum(np.sin(2 * np.pi * a), np.sin(2 * np.pi * (b + 0.5 * np.floor(a)))),
        np.sin(2 * np.pi * np.hypot(a, b)),
        np.sign(np.sin(2 * np.pi * np.maximum(np.abs(a), np.abs(b)))),
    )
    plane = 128 + rng.uniform(20, 120) * waves[rng.integers(len(waves))]
    return _grainy(plane, rng), ""


def _faces(rng: Rng) -> Drawn:
    plane = np.full((HEIGHT, WIDTH), rng.uniform(30, 220), np.uint8)
    for _ in range(int(rng.integers(1, 5))):
        at, half = rng.uniform((40, 40), (WIDTH - 40, HEIGHT - 40)), rng.uniform(15, 60)
        skin, dark = float(rng.uniform(70, 230)), float(rng.uniform(0, 60))

        spot = functools.partial(_spot, plane, at, half)
        spot(0, -0.25, 0.9, 1.1, dark)
        spot(0, 0, 0.8, 1, skin)
        for side in (-0.35, 0.35):
            spot(side, -0.2, 0.17, 0.1, 240)
            spot(side, -0.2, 0.08, 0.08, dark)
            spot(side, -0.42, 0.2, 0.04, dark)
        spot(0, 0.1, 0.08, 0.2, skin * 0.8)
        spot(0, 0.5, 0.3, 0.09, dark)
    return _grainy(cv2.GaussianBlur(plane, (0, 0), float(rng.uniform(0.4, 2))), rng), ""


def _spot(
    plane: Grey,
    at: npt.NDArray[np.float64],
    half: float,
    x: float,
    y: float,
    wide: float,
    tall: float,
    tone: float,
) -> None:
    middle = (round(at[0] + x * half), round(at[1] + y * half))
    axes = max(1, round(wide * half)), max(1, round(tall * half))
    cv2.ellipse(plane, middle, axes, 0, 0, 360, tone, cv2.FILLED)


def _screen(rng: Rng) -> Drawn:
    """Windows, rows of words, icons, a chess board, a crossword."""
    light = bool(rng.random() < 0.5)
    paper, ink = (235.0, 20.0) if light else (25.0, 220.0)
    plane = np.full((HEIGHT, WIDTH), paper, np.uint8)
    for _ in range(int(rng.integers(4, 14))):
        left, top = (int(v) for v in rng.uniform((0, 0), (WIDTH - 30, HEIGHT - 20)))
        what, side = rng.integers(4), int(rng.integers(8, 60))
        if what == 0:
            words = "".join(rng.choice(_LETTERS, 12))
            size = float(rng.uniform(0.3, 1))
            cv2.putText(plane, words, (left, top + 10), cv2.FONT_HERSHEY_SIMPLEX, size, ink, 1)
        elif what == 1:
            for ring in range(3):
                inset = ring * side // 7
                corner = left + side - inset, top + side - inset
                tone = (ink, paper, ink)[ring]
                cv2.rectangle(plane, (left + inset, top + inset), corner, tone, cv2.FILLED)
        elif what == 2:
            cells = (rng.integers(0, 2, (8, 8)) * 255).astype(np.uint8)
            tile = _enlarged(cells, max(1, side // 8))[: HEIGHT - top, : WIDTH - left]
            tile = tile[: 8 * max(1, side // 8), : 8 * max(1, side // 8)]
            plane[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        else:
            cv2.rectangle(plane, (left, top), (left + 2 * side, top + side), ink, 1)
    return _grainy(plane, rng), ""


def _barcode(rng: Rng) -> Drawn:
    name = str(rng.choice(list(_BARCODES)))
    text = _BARCODES[name] or "".join(rng.choice(_LETTERS, int(rng.integers(4, 14))))
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, name))
    drawn = np.array(code.to_image(scale=int(rng.integers(2, 5)), add_quiet_zones=True), np.uint8)
    return _held(drawn, rng), ""


def _finders(rng: Rng) -> Drawn:
    """What a code is found by, three times, and chance between."""
    modules = 17 + 4 * int(rng.integers(1, 7))
    cells = rng.integers(0, 2, (modules, modules))
    corner = np.ones((8, 8), int)
    corner[:7, :7] = 0
    corner[1:6, 1:6] = 1
    corner[2:5, 2:5] = 0
    cells[:8, :8] = corner
    cells[:8, -8:] = corner[:, ::-1]
    cells[-8:, :8] = corner[::-1]
    cells[6, 8:-8] = cells[8:-8, 6] = np.arange(modules - 16) % 2
    drawn = np.pad((255 * cells).astype(np.uint8), 4, constant_values=255)
    return _held(_enlarged(drawn, int(rng.integers(2, 5))), rng), ""


def _damaged(rng: Rng) -> Drawn:
    """A code of which a part is another's: more wrong than its error correction mends."""
    text, other = ("".join(rng.choice(_LETTERS, 20)) for _ in range(2))
    code, wrong = drawing.code(text), drawing.code(other)
    hit = rng.random(code.shape) < rng.uniform(0.02, 0.3)
    cells = 255 - np.pad(np.where(hit, wrong, code).astype(np.uint8), 4)
    return _held(_enlarged(cells, int(rng.integers(2, 6))), rng), text


KINDS: dict[str, Callable[[Rng], Drawn]] = {
    "noise": _noise,
    "textures": _texture,
    "faces": _faces,
    "screens": _screen,
    "other barcodes": _barcode,
    "finder patterns around chance": _finders,
    "damaged codes": _damaged,
}


def _held(drawn: Grey, rng: Rng) -> Grey:
    """Laid askew into a frame."""
    height, width = drawn.shape
    fit = min(1.0, 0.9 * WIDTH / width, 0.9 * HEIGHT / height)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.normal(0, 12)), fit)
    turn[0, 2] += (WIDTH - width) / 2
    turn[1, 2] += (HEIGHT - height) / 2
    behind = float(rng.uniform(60, 255))
    plane = cv2.warpAffine(drawn, turn, (WIDTH, HEIGHT), borderValue=behind)
    return _grainy(cv2.GaussianBlur(plane, (0, 0), float(rng.uniform(0.3, 1.5))), rng)


def _enlarged(cells: Grey, size: int) -> Grey:
    return cells.repeat(size, axis=0).repeat(size, axis=1)


def _grainy(plane: npt.ArrayLike, rng: Rng) -> Grey:
    noise = rng.normal(0, rng.uniform(0, 15), (HEIGHT, WIDTH))
    return np.asarray(np.clip(np.asarray(plane) + noise, 0, 255), np.uint8)
