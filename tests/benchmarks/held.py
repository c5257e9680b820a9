"""A ticket held before a camera, drawn from how it is held."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from gated.camera import drawing

Grey = npt.NDArray[np.uint8]
Light = npt.NDArray[np.float32]
Rng = np.random.Generator

_CARD_PX = 8
"""A module's side on the card, before it is held into the frame."""


@dataclass(slots=True)
class Held:
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


def card(text: str, held: Held, rng: Rng) -> Grey:
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


def into_frame(
    card: Grey, held: Held, middle: npt.NDArray[np.float64], rng: Rng
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


def laid(card: Grey, matrix: npt.NDArray[np.float64], picture: Grey) -> Grey:
    """The picture with the card before it."""
    size = picture.shape[::-1]
    # Drawn larger, then averaged: as the pixels of a sensor do.
    fine = np.diag([2.0, 2.0, 1.0]) @ matrix
    large = (2 * size[0], 2 * size[1])
    seen = cv2.warpPerspective(card, fine, large)
    there = cv2.warpPerspective(np.full_like(card, 255), fine, large)
    seen, there = (cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (seen, there))
    return np.asarray(np.where(there > 127, seen, picture), np.uint8)


def behind(size: tuple[int, int], rng: Rng) -> Grey:
    """A wall, sometimes with much hung on it."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    slope = rng.uniform(-60, 60, 2)
    wall = rng.uniform(40, 150) + slope[0] * x / width + slope[1] * y / height
    picture: Grey = np.clip(wall, 10, 240).astype(np.uint8)
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


def photographed(light: Light, held: Held, rng: Rng) -> Grey:
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
