"""Frames drawn afresh from a seed, hard in one way each: what was not there to be tuned for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .held import Grey, Held, Light, Rng, behind, card, into_frame, laid, photographed

_SIZES = ((640, 480), (1280, 720), (1456, 1088))
_LETTERS = "abcdefghjkmnpqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Fresh:
    """A frame, what makes it hard, and the text that it holds."""

    kind: str
    pixels: Grey
    text: str


def frames(seed: int, each: int) -> Iterator[Fresh]:
    """So many of every kind; the same seed gives the same frames."""
    for number, kind in enumerate(KINDS):
        for index in range(each):
            yield _frame(kind, np.random.default_rng((seed, number, index)))


def _frame(kind: str, rng: Rng) -> Fresh:
    size = _SIZES[rng.integers(len(_SIZES))]
    text = "".join(rng.choice(list(_LETTERS), int(rng.integers(14, 34))))
    held = Held(float(rng.uniform(3, 7)), float(rng.normal(0, 8)))
    harm = KINDS[kind](held, rng)
    ticket = card(text, held, rng)
    middle = np.array(size) / 2 + rng.uniform(-0.12, 0.12, 2) * size
    matrix, side_px = into_frame(ticket, held, middle, rng)
    picture = behind(size, rng)
    picture = laid(ticket, matrix, picture)
    if kind == "several":
        other = card(text[::-1], held, rng)
        beside = np.array([[1, 0, 1.35 * side_px], [0, 1, 0], [0, 0, 1]])
        picture = laid(other, beside @ matrix, picture)
    light = np.asarray(picture / np.float32(255), np.float32)
    light = harm(light, middle, side_px)
    return Fresh(kind, photographed(light, held, rng), text)


Harm = Callable[[Light, npt.NDArray[np.float64], float], Light]
"""Does something to a frame, whose code has its middle and its side there."""


def _unharmed(light: Light, _middle: object, _side_px: float) -> Light:
    return light


def _small(held: Held, rng: Rng) -> Harm:
    held.module_px = float(rng.uniform(1.4, 2.2))
    return _unharmed


def _defocus(held: Held, rng: Rng) -> Harm:
    held.defocus = float(rng.uniform(0.5, 1.1))
    return _unharmed


def _motion(held: Held, rng: Rng) -> Harm:
    held.moved = float(rng.uniform(1, 2.8))
    return _unharmed


def _noise(held: Held, rng: Rng) -> Harm:
    held.noise = float(rng.uniform(25, 65))
    return _unharmed


def _low_contrast(held: Held, rng: Rng) -> Harm:
    held.contrast, held.noise = float(rng.uniform(10, 30)), float(rng.uniform(0.8, 2.5))
    return _unharmed


def _tilt(held: Held, rng: Rng) -> Harm:
    held.tilt_deg, held.turn_deg = float(rng.uniform(45, 64)), float(rng.uniform(0, 360))
    held.module_px = float(rng.uniform(4, 7))
    return _unharmed


def _turn(held: Held, rng: Rng) -> Harm:
    held.turn_deg = float(rng.uniform(0, 360))
    return _unharmed


def _dark(held: Held, rng: Rng) -> Harm:
    held.dark, held.noise = True, float(rng.uniform(2, 12))
    return _unharmed


def _moire(held: Held, rng: Rng) -> Harm:
    depth, angle = rng.uniform(0.2, 0.65), rng.uniform(0, math.pi)
    period_px = rng.uniform(2.2, 9)

    def harm(light: Light, _middle: object, _side_px: float) -> Light:
        y, x = np.mgrid[: light.shape[0], : light.shape[1]].astype(np.float32)
        waves = np.sin(2 * math.pi * (x * math.cos(angle) + y * math.sin(angle)) / period_px)
        waves *= np.sin(2 * math.pi * (y * math.cos(angle) - x * math.sin(angle)) / period_px)
        return np.asarray(light * (1 + depth * waves), np.float32)

    return harm


def _glare(held: Held, rng: Rng) -> Harm:
    reach, level = rng.uniform(0.1, 0.22), rng.uniform(0.5, 1.2)
    aside = rng.uniform(-0.4, 0.4, 2)

    def harm(light: Light, middle: npt.NDArray[np.float64], side_px: float) -> Light:
        y, x = np.mgrid[: light.shape[0], : light.shape[1]]
        at = middle + aside * side_px
        far = ((x - at[0]) ** 2 + (y - at[1]) ** 2) / (reach * side_px) ** 2
        return np.asarray(light + level * np.exp(-far), np.float32)

    return harm


def _shade(held: Held, rng: Rng) -> Harm:
    angle, depth = rng.uniform(0, 2 * math.pi), rng.uniform(0.6, 0.95)
    soft = rng.uniform(0.02, 0.8)

    def harm(light: Light, middle: npt.NDArray[np.float64], side_px: float) -> Light:
        y, x = np.mgrid[: light.shape[0], : light.shape[1]]
        along = (x - middle[0]) * math.cos(angle) + (y - middle[1]) * math.sin(angle)
        lit = 1 / (1 + np.exp(-along / (soft * side_px)))
        return np.asarray(light * (1 - depth * lit), np.float32)

    return harm


def _occlusion(held: Held, rng: Rng) -> Harm:
    part, tone = rng.uniform(0.1, 0.24), rng.uniform(0, 1)
    aside = rng.uniform(-0.1, 0.38, 2)

    def harm(light: Light, middle: npt.NDArray[np.float64], side_px: float) -> Light:
        at, half = middle + aside * side_px, part * side_px / 2
        box = [tuple(int(v) for v in at + step) for step in (-half, half)]
        cv2.ellipse(light, (box[0], (2 * half, 2.4 * half), 30.0), float(tone), cv2.FILLED)
        return light

    return harm


def _crack(held: Held, rng: Rng) -> Harm:
    lines = rng.uniform(-0.6, 0.6, (int(rng.integers(3, 8)), 2, 2))
    tones = rng.choice([0.05, 0.9], len(lines))

    def harm(light: Light, middle: npt.NDArray[np.float64], side_px: float) -> Light:
        for line, tone in zip(lines, tones, strict=True):
            start, end = (tuple(int(v) for v in middle + point * side_px) for point in line)
            cv2.line(light, start, end, float(tone), max(1, round(side_px / 130)), cv2.LINE_AA)
        return light

    return harm


def _bands(held: Held, rng: Rng) -> Harm:
    """Lamps that flicker while the rows are read one after the other."""
    period_px, depth = rng.uniform(40, 160), rng.uniform(0.3, 0.8)

    def harm(light: Light, _middle: object, _side_px: float) -> Light:
        rows = 1 - depth * np.abs(np.sin(math.pi * np.arange(len(light)) / period_px))
        return np.asarray(light * rows[:, np.newaxis], np.float32)

    return harm


def _burnt(held: Held, rng: Rng) -> Harm:
    gain = rng.uniform(1.6, 3.4)
    veil = rng.uniform(0.1, 0.3)
    return lambda light, _middle, _side_px: np.asarray(gain * light + veil, np.float32)


def _gloom(held: Held, rng: Rng) -> Harm:
    held.noise = float(rng.uniform(1.5, 4))
    gain = rng.uniform(0.06, 0.16)
    return lambda light, _middle, _side_px: np.asarray(gain * light, np.float32)


def _curl(held: Held, rng: Rng) -> Harm:
    held.curl = float(rng.uniform(0.06, 0.16))
    return _unharmed


def _no_quiet_zone(held: Held, rng: Rng) -> Harm:
    held.quiet = int(rng.integers(0, 2))
    return _unharmed


def _jpeg(held: Held, rng: Rng) -> Harm:
    held.jpeg, held.module_px = int(rng.integers(6, 22)), float(rng.uniform(2.5, 4.5))
    return _unharmed


def _hurry(held: Held, rng: Rng) -> Harm:
    held.defocus, held.moved = float(rng.uniform(0.1, 0.5)), float(rng.uniform(0, 1.4))
    held.noise, held.tilt_deg = float(rng.uniform(3, 12)), float(rng.uniform(0, 30))
    held.turn_deg = float(rng.uniform(0, 360))
    return _shade(held, rng) if rng.random() < 0.3 else _unharmed


def _dim_and_blurred(held: Held, rng: Rng) -> Harm:
    held.contrast, held.defocus = float(rng.uniform(20, 50)), float(rng.uniform(0.3, 0.7))
    held.moved = float(rng.uniform(0, 1))
    return _unharmed


KINDS: dict[str, Callable[[Held, Rng], Harm]] = {
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
