"""Frames drawn afresh from a seed, hard in one way each: what was not there to be tuned for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gated.camera import drawing

Grey = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]
Rng = np.random.Generator

_SIZES = ((640, 480), (1280, 720), (1456, 1088))
_LETTERS = "abcdefghjkmnpqrstuvwxyz0123456789"
_CARD_PX = 8
"""A module's side on the card, before it is held into the frame."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A frame, what makes it hard, and the text that it holds."""

    kind: str
    pixels: Grey
    text: str


@dataclass(slots=True)
class _Held:
    """How a card is held; lengths in the frame are in modules of the code."""

    module_px: float
    turn_deg: float
    tilt_deg: float = 0.0
    curl: float = 0.0
    quiet: int = 4
    dark: bool = False
    defocus: float = 0.12
    moved: float = 0.0
    noise: float = 2.0
    contrast: float = 200.0
    jpeg: int = 88


def frames(seed: int, each: int) -> Iterator[Fresh]:
    """So many of every kind; the same seed gives the same frames."""
    for number, kind in enumerate(KINDS):
        for index in range(each):
            yield _frame(kind, np.random.default_rng((seed, number, index)))


def _frame(kind: str, rng: Rng) -> Fresh:
    size = _SIZES[rng.integers(len(_SIZES))]
    text = "".join(rng.choice(list(_LETTERS), int(rng.integers(14, 34))))
    held = _Held(float(rng.uniform(3, 7)), float(rng.normal(0, 8)))
    harm = KINDS[kind](held, rng)
    card = _card(text, held, rng)
    middle = np.array(size) / 2 + rng.uniform(-0.12, 0.12, 2) * size
    matrix, side_px = _into_frame(card, held, middle, rng)
    picture = _behind(size, rng)
    picture = _laid(card, matrix, picture)
    if kind == "several":
        other = _card(text[::-1], held, rng)
        beside = np.array([[1, 0, 1.35 * side_px], [0, 1, 0], [0, 0, 1]])
        picture = _laid(other, beside @ matrix, picture)
    light = np.asarray(picture / np.float32(255), np.float32)
    light = harm(light, middle, side_px)
    return Fresh(kind, _photographed(light, held, rng), text)


Harm = Callable[[Light, npt.NDArray[np.float64], float], Light]
"""Does something to a frame, whose code has its middle and its side there."""


def _unharmed(light: Light, _middle: object, _side_px: float) -> Light:
    return light


def _small(held: _Held, rng: Rng) -> Harm:
    held.module_px = float(rng.uniform(1.4, 2.2))
    return _unharmed


def _defocus(held: _Held, rng: Rng) -> Harm:
    held.defocus = float(rng.uniform(0.5, 1.1))
    return _unharmed


def _motion(held: _Held, rng: Rng) -> Harm:
    held.moved = float(rng.uniform(1, 2.8))
    return _unharmed


def _noise(held: _Held, rng: Rng) -> Harm:
    held.noise = float(rng.uniform(25, 65))
    return _unharmed


def _low_contrast(held: _Held, rng: Rng) -> Harm:
    held.contrast, held.noise = float(rng.uniform(10, 30)), float(rng.uniform(0.8, 2.5))
    return _unharmed


def _tilt(held: _Held, rng: Rng) -> Harm:
    held.tilt_deg, held.turn_deg = float(rng.uniform(45, 64)), float(rng.uniform(0, 360))
    held.module_px = float(rng.uniform(4, 7))
    return _unharmed


def _turn(held: _Held, rng: Rng) -> Harm:
    held.turn_deg = float(rng.uniform(0, 360))
    return _unharmed


def _dark(held: _Held, rng: Rng) -> Harm:
    held.dark, held.noise = True, float(rng.uniform(2, 12))
    return _unharmed


def _moire(held: _Held, rng: Rng) -> Harm:
    depth, angle = rng.uniform(0.2, 0.65), rng.uniform(0, math.pi)
    period_px = rng.uniform(2.2, 9)

    def harm(light: Light, _middle: object, _side_px: float) -> Light:
        y, x = np.mgrid[: light.shape[0], : light.shape[1]].astype(np.float32)
        waves = np.sin(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / period_px)
        waves *= np.sin(2 * math.pi * (y * math.cos(angle) - x * math.sin(angle)) / period_px)
        return np.asarray(light * (1 + depth * waves), np.float32)

    return harm


def _glare(held: _Held, rng: Rng) -> Harm:
    reach, level = rng.uniform(0.1, 0.22), rng.uniform(0.5, 1.2)
    aside = rng.uniform(-0.4, 0.4, 2)

    def harm(light: Light, middle: npt.NDArray[np.float64], side_px: float) -> Light:
        y, x = np.mgrid[: light.shape[0], : light.shape[1]]
        at = middle + aside * side_px
        far = ((x - at[0]) ** 2 + (y - at[1]) ** 2) / (reach * side_px) ** 2
        return np.asarray(light + level * np.exp(-far), np.float32)

    return harm


def _shade(held: _Held, rng: Rng) -> Harm:
    angle, depth = rng.uniform(0, 2 * math.pi), rng.uniform(0.6, 0.95)
    soft = rng.uniform(0.02, 0.8)

    def harm(light: Light, middle: npt.NDArray[np.float64], side_px: float) -> Light:
        y, x = np.mgrid[: light.shape[0], : light.shape[1]]
        along = (x - middle[0]) * math.cos(angle) + (y - middle[1]) * math.sin(angle)
        lit = 1 / (1 + np.exp(-along / (soft * side_px)))
        return np.asarray(light * (1 - depth * lit), np.float32)

    return harm


def _occlusion(held: _Held, rng: Rng) -> Harm:
    part, tone = rng.uniform(0.1, 0.24), rng.uniform(0, 1)
    aside = rng.uniform(-0.1, 0.38, 2)

    def harm(light: Light, middle: npt.NDArray[np.float64], side_px: float) -> Light:
        at, half = middle + aside * side_px, part * side_px / 2
        box = [tuple(int(v) for v in at + step) for step in (-half, half)]
        cv2.ellipse(light, (box[0], (2 * half, 2.4 * half), 30.0), float(tone), cv2.FILLED)
        return light

    return harm


def _crack(held: _Held, rng: Rng) -> Harm:
    lines = rng.uniform(-0.6, 0.6, (int(rng.integers(3, 8)), 2, 2))
    tones = rng.choice([0.05, 0.9], len(lines))

    def harm(light: Light, middle: npt.NDArray[np.float64], side_px: float) -> Light:
        for line, tone in zip(lines, tones, strict=True):
            start, end = (tuple(int(v) for v in middle + point * side_px) for point in line)
            cv2.line(light, start, end, float(tone), max(1, round(side_px / 130)), cv2.LINE_AA)
        return light

    return harm


def _bands(held: _Held, rng: Rng) -> Harm:
    """Lamps that flicker while the rows are read one after the other."""
    period_px, depth = rng.uniform(40, 160), rng.uniform(0.3, 0.8)

    def harm(light: Light, _middle: object, _side_px: float) -> Light:
        rows = 1 - depth * np.abs(np.sin(math.pi * np.arange(len(light)) / period_px))
        return np.asarray(light * rows[:, np.newaxis], np.float32)

    return harm


def _burnt(held: _Held, rng: Rng) -> Harm:
    gain = rng.uniform(1.6, 3.4)
    veil = rng.uniform(0.1, 0.3)
    return lambda light, _middle, _side_px: np.asarray(gain * light + veil, np.float32)


def _gloom(held: _Held, rng: Rng) -> Harm:
    held.noise = float(rng.uniform(1.5, 4))
    gain = rng.uniform(0.06, 0.16)
    return lambda light, _middle, _side_px: np.asarray(gain * light, np.float32)


def _curl(held: _Held, rng: Rng) -> Harm:
    held.curl = float(rng.uniform(0.06, 0.16))
    return _unharmed


def _no_quiet_zone(held: _Held, rng: Rng) -> Harm:
    held.quiet = int(rng.integers(0, 2))
    return _unharmed


def _jpeg(held: _Held, rng: Rng) -> Harm:
    held.jpeg, held.module_px = int(rng.integers(6, 22)), float(rng.uniform(2.5, 4.5))
    return _unharmed


def _hurry(held: _Held, rng: Rng) -> Harm:
    held.defocus, held.moved = float(rng.uniform(0.1, 0.5)), float(rng.uniform(0, 1.4))
    held.noise, held.tilt_deg = float(rng.uniform(3, 12)), float(rng.uniform(0, 30))
    held.turn_deg = float(rng.uniform(0, 360))
    return _shade(held, rng) if rng.random() < 0.3 else _unharmed


def _dim_and_blurred(held: _Held, rng: Rng) -> Harm:
    held.contrast, held.defocus = float(rng.uniform(20, 50)), float(rng.uniform(0.3, 0.7))
    held.moved = float(rng.uniform(0, 1))
    return _unharmed


KINDS: dict[str, Callable[[_Held, Rng], Harm]] = {
    "small": _small,
    "defocus": _defocus,
    "motion": _motion,
    "noise": _noise,
    "low contrast": _low_contrast,
    "tilt": _tilt,
    "turn": _turn,
    "dark mode": _dark,
    "moire": _moire,
    "glare": _glare,
    "shade": _shade,
    "occlusion": _occlusion,
    "crack": _crack,
    "bands": _bands,
    "burnt": _burnt,
    "gloom": _gloom,
    "curl": _curl,
    "no quiet zone": _no_quiet_zone,
    "jpeg": _jpeg,
    "hurry": _hurry,
    "dim and blurred": _dim_and_blurred,
    "several": _turn,
}


def _card(text: str, held: _Held, rng: Rng) -> Grey:
    """A ticket: light paper or screen, words, the code; 255 is white."""
    code = drawing.code(text)
    cells = np.pad(code, held.quiet).repeat(_CARD_PX, axis=0).repeat(_CARD_PX, axis=1)
    side = len(cells)
    light = float(rng.uniform(200, 245))
    ink = light * (1 - held.contrast / 220) if held.contrast > 60 else light - held.contrast
    paper, dark = (ink, light) if held.dark else (light, ink)
    margin = side // 6 if held.quiet >= 4 else side // 12
    around = 128.0 if held.quiet < 2 else paper
    card = np.full((side + 4 * margin, side + 2 * margin), round(around), np.uint8)
    card[margin : margin + side, margin : margin + side] = np.where(
        cells, max(1, round(dark)), round(paper)
    )
    for row in range(2):
        place = (margin, side + 2 * margin + row * margin)
        cv2.putText(card, text[:12], place, cv2.FONT_HERSHEY_DUPLEX, side / 400, dark, 3)
    return card


def _into_frame(
    card: Grey, held: _Held, middle: npt.NDArray[np.float64], rng: Rng
) -> tuple[npt.NDArray[np.float64], float]:
    """The matrix from the card's pixels to the frame's, and the code's side there."""
    height, width = card.shape
    side_px = width * held.module_px / _CARD_PX
    axis = rng.uniform(0, 2 * math.pi)
    tilt = cv2.Rodrigues(
        np.radians(held.tilt_deg) * np.array([math.cos(axis), math.sin(axis), 0.0])
    )[0]
    turn = cv2.Rodrigues(np.array([0.0, 0.0, math.radians(held.turn_deg)]))[0]
    scale, far = held.module_px / _CARD_PX, 3.0 * side_px
    plane = (tilt @ turn)[:, :2] * scale
    to_frame = np.column_stack((plane, (0, 0, far)))
    to_frame[2] /= far
    centre = np.array([[1.0, 0, -width / 2], [0, 1, -width / 2], [0, 0, 1]])
    shift = np.array([[1.0, 0, middle[0]], [0, 1, middle[1]], [0, 0, 1]])
    if held.curl:
        y, x = np.mgrid[:height, :width].astype(np.float32)
        bend = held.curl * width * (np.cos((x / width - 0.5) * math.pi) - 0.6)
        card[:] = cv2.remap(
            card,
            x,
            y + np.asarray(bend, np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    return shift @ to_frame @ centre, side_px


def _laid(card: Grey, matrix: npt.NDArray[np.float64], picture: Grey) -> Grey:
    size = picture.shape[::-1]
    # Drawn larger, then averaged: as the pixels of a sensor do.
    fine = np.diag([2.0, 2.0, 1.0]) @ matrix
    large = (2 * size[0], 2 * size[1])
    seen = cv2.warpPerspective(card, fine, large)
    there = cv2.warpPerspective(np.full_like(card, 255), fine, large)
    seen, there = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (seen, there))
    return np.asarray(np.where(there > 127, seen, picture), np.uint8)


def _behind(size: tuple[int, int], rng: Rng) -> Grey:
    """A wall, sometimes with much hung on it."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    slope = rng.uniform(-60, 60, 2)
    wall = rng.uniform(40, 150) + slope[0] * x / width + slope[1] * y / height
    picture = np.clip(wall, 10, 240).astype(np.uint8)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(10, 30))):
            at = tuple(int(v) for v in rng.uniform((0, 0), size))
            to = tuple(int(v) for v in np.array(at) + rng.uniform(-0.2, 0.2, 2) * width)
            tone, kind = float(rng.uniform(10, 240)), rng.integers(4)
            if kind == 0:
                cv2.rectangle(picture, at, to, tone, cv2.FILLED)
            elif kind == 1:
                cv2.circle(picture, at, int(rng.uniform(5, 80)), tone, int(rng.choice([3, -1])))
            elif kind == 2:
                cv2.line(picture, at, to, tone, int(rng.uniform(1, 9)))
            else:
                cv2.putText(picture, "EXIT 24", at, cv2.FONT_HERSHEY_SIMPLEX, 1.5, tone, 4)
    return picture


def _photographed(light: Light, held: _Held, rng: Rng) -> Grey:
    """Out of focus, moved, with grain, and compressed."""
    radius_px = held.defocus * held.module_px
    reach = math.ceil(radius_px) + 1
    along = np.arange(-reach, reach + 1)
    disk = np.clip(radius_px + 0.5 - np.hypot(along[:, np.newaxis], along), 0, 1)
    light = np.asarray(cv2.filter2D(light, -1, disk / disk.sum()), np.float32)
    if held.moved:
        length, angle = held.moved * held.module_px, rng.uniform(0, math.pi)
        half = math.ceil(length / 2) + 1
        streak = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        step = np.array([math.cos(angle), math.sin(angle)]) * length / 2
        ends = [tuple(round(256 * v) for v in half + sign * step) for sign in (-1, 1)]
        cv2.line(streak, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 8)
        light = np.asarray(cv2.filter2D(light, -1, streak / streak.sum()), np.float32)
    grain = rng.normal(0, held.noise, light.shape)
    pixels = np.clip(255 * light + grain, 0, 255).astype(np.uint8)
    done, packed = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, held.jpeg])
    assert done
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
