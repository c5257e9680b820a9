"""Pictures of tickets as a gate's camera sees them: phones and paper, held by a hand, in grey."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
import segno

Grey = npt.NDArray[np.uint8]
Point = tuple[float, float]

QUIET_MODULES = 4
GRAIN_SIGMA = 24.0


@dataclass(frozen=True, slots=True)
class Look:
    """What a guest holds up, and how, at the moment it is held still.

    `size` is the code's width and `aside` its place, -1 to 1, in the room the frame has; `dark` is
    light modules on a dark screen; `shade` 0 to 1 darkens the far side; `glare`, `moire` and sensor
    `grain` are grey levels; `defocus` is in modules; `details` seeds words, hand and face.
    """

    medium: Literal["phone", "paper"] = "phone"
    dark: bool = False
    size: float = 0.4
    aside: Point = (0.0, 0.0)
    turn_deg: float = 0.0
    quarter_turns: int = 0
    tilt_x_deg: float = 0.0
    tilt_y_deg: float = 0.0
    contrast: float = 1.0
    shade: float = 0.0
    glare: float = 0.0
    moire: float = 0.0
    defocus: float = 0.1
    grain: float = 3.0
    clothes: float = 70.0
    details: int = 0

    @classmethod
    def random(cls, rng: np.random.Generator) -> Look:
        """Draw an ordinary guest: mostly phones, held a little askew, easy to moderately hard."""
        phone = bool(rng.random() < 0.65)
        return cls(
            medium="phone" if phone else "paper",
            dark=phone and bool(rng.random() < 0.25),
            size=float(rng.uniform(0.26, 0.5)),
            aside=(float(rng.uniform(-0.6, 0.6)), float(rng.uniform(-0.8, 0.8))),
            turn_deg=float(np.clip(rng.normal(0, 8), -20, 20)),
            quarter_turns=0 if phone else int(rng.choice(4, p=[0.7, 0.1, 0.1, 0.1])),
            tilt_x_deg=float(rng.uniform(-24, 24)),
            tilt_y_deg=float(rng.uniform(-24, 24)),
            contrast=float(rng.uniform(0.55, 1.0)),
            shade=float(rng.uniform(0.0, 0.2 if phone else 0.45)),
            glare=float(rng.uniform(0, 90)) if phone and rng.random() < 0.6 else 0.0,
            moire=float(rng.uniform(0, 12)) if phone and rng.random() < 0.6 else 0.0,
            defocus=float(rng.uniform(0.05, 0.3)),
            grain=float(rng.uniform(1.5, 6)),
            clothes=float(rng.uniform(35, 110)),
            details=int(rng.integers(1 << 31)),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """A thing before the camera: its grey, already multiplied by alpha, and alpha.

    `middle` (x, y) is the point about which it is turned; in a ticket the middle of its code.
    """

    grey: Grey
    alpha: Grey
    middle: Point


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a card is: its middle in frame pixels, frame pixels per card pixel, and angles."""

    x: float
    y: float
    scale: float = 1.0
    turn_deg: float = 0.0
    tilt_x_deg: float = 0.0
    tilt_y_deg: float = 0.0
    smear: Point = (0.0, 0.0)
    """Pixels moved while the shutter is open."""
    defocus_px: float = 0.0


def code(text: str) -> Grey:
    """Return a QR code, 1 px per module, 255 is dark. Raises ValueError when the text fits none."""
    level = "m" if len(text.encode()) <= 300 else "l"
    drawn = segno.make_qr(text, error=level, encoding="utf-8", boost_error=False)
    return np.array([[255 * dark for dark in row] for row in drawn.matrix], np.uint8)


def ticket_card(text: str, look: Look, *, module_px: int = 8) -> Card:
    """Draw a hand with the ticket of a text. Raises ValueError when the text fits no QR code."""
    rng = np.random.default_rng(look.details)
    block = np.pad(code(text), QUIET_MODULES).repeat(module_px, axis=0).repeat(module_px, axis=1)
    face, shape, middle = (_phone if look.medium == "phone" else _paper)(block, look, rng)
    return _in_hand(_lit(face, look, rng), shape, middle, look, rng)


def place(card: Card, frame: Grey, pose: Pose) -> Grey:
    """Return the frame with the card before it; whatever lies outside the frame is cut off."""
    height, width = frame.shape
    far_px = 1.4 * width
    axes = (0.0, pose.tilt_y_deg, 0.0), (pose.tilt_x_deg, 0.0, 0.0), (0.0, 0.0, pose.turn_deg)
    yaw, pitch, turn = (cv2.Rodrigues(np.radians(axis))[0] for axis in axes)
    tilted = np.column_stack(((yaw @ pitch @ turn)[:, :2] * pose.scale, (0, 0, far_px)))
    tilted[2] /= far_px
    to_frame = np.array([[1.0, 0, pose.x], [0, 1, pose.y], [0, 0, 1]])
    to_middle = np.array([[1.0, 0, -card.middle[0]], [0, 1, -card.middle[1]], [0, 0, 1]])
    matrix = to_frame @ tilted @ to_middle
    down, across = card.grey.shape
    edges = np.array([[[0, 0]], [[across, 0]], [[across, down]], [[0, down]]], np.float64)
    outline = cv2.perspectiveTransform(edges, matrix).reshape(4, 2)
    margin = 3 * pose.defocus_px + math.hypot(*pose.smear) + 1
    left, top = np.floor(outline.min(axis=0) - margin).clip(0).astype(int)
    right, bottom = np.ceil(outline.max(axis=0) + margin).clip(None, (width, height)).astype(int)
    seen = frame.copy()
    if left >= right or top >= bottom:
        return seen
    # What is out of focus shows no detail: fewer pixels give the same picture much sooner.
    coarse = 4 if pose.defocus_px >= 6 else 2 if pose.defocus_px >= 2 else 1
    to_patch = np.array([[1, 0, 0.5 - left], [0, 1, 0.5 - top], [0, 0, coarse]]) / coarse
    to_patch[:2, 2] -= 0.5
    behind = seen[top:bottom, left:right]
    planes, way = (card.grey, card.alpha), to_patch @ matrix
    grey, alpha = (_seen(plane, way, behind.shape, pose, coarse) for plane in planes)
    behind[:] = cv2.add(cv2.multiply(behind, cv2.bitwise_not(alpha), scale=1 / 255), grey)
    return seen


def degrade(frame: Grey, plane: Grey, *, grain: float) -> Grey:
    """Return the frame with sensor noise of so many grey levels, taken from a plane of `grain`."""
    gain = grain / GRAIN_SIGMA
    return _grey(cv2.addWeighted(frame, 1.0, plane, gain, -128 * gain))


def grain(width: int, height: int, rng: np.random.Generator) -> Grey:
    """Draw a plane of sensor noise about 128, to be used again and again at other offsets."""
    noise = cv2.GaussianBlur(rng.standard_normal((height, width), np.float32), (0, 0), 0.6)
    return _grey(128 + noise * (GRAIN_SIGMA / float(noise.std())))


def _phone(block: Grey, look: Look, rng: np.random.Generator) -> tuple[Grey, Grey, Point]:
    side = len(block)
    width = round(side * rng.uniform(1.06, 1.25))
    height = round(width * rng.uniform(1.95, 2.15))
    rim = round(width * rng.uniform(0.035, 0.06))
    paper, page, bar = (20, 14, 48) if look.dark else (244, int(rng.choice([244, 226, 150])), 70)
    ink = paper + (215 if look.dark else -234) * look.contrast
    screen = np.full((height, width), page, np.uint8)
    screen[: round(height * 0.115)] = bar
    top, left = round(height * rng.uniform(0.2, 0.26)), (width - side) // 2
    _round(screen, (left, top, left + side, top + side), side // 28, paper)
    screen[top : top + side, left : left + side] = np.where(block, ink, paper)
    words, below = 0.8 * ink + 0.2 * page, (top + side) / height
    _write(screen, "18:42", (0.07, 0.034), 0.018, 225)
    _write(screen, "Your ticket", (0.07, 0.092), 0.034, 225)
    _write(screen, str(rng.choice(["Day pass", "Admission", "Visitor"])), (0.1, 0.172), 0.03, words)
    _write(screen, f"Order {rng.integers(10000, 99999)}", (0.1, below + 0.06), 0.024, words)
    _write(screen, "Show this code at the gate", (0.1, below + 0.1), 0.017, words)
    glass = np.zeros_like(screen)
    _round(glass, (0, 0, width - 1, height - 1), width // 11, 255)
    face = np.pad(np.minimum(screen, glass), rim, constant_values=24)
    shape = np.zeros_like(face)
    _round(shape, (0, 0, width + 2 * rim - 1, height + 2 * rim - 1), width // 8, 255)
    cv2.circle(face, (rim + width // 2, rim + height // 52), max(2, width // 45), 8, -1)
    return face, shape, (rim + left + side / 2, rim + top + side / 2)


def _paper(block: Grey, look: Look, rng: np.random.Generator) -> tuple[Grey, Grey, Point]:
    side = len(block)
    height, width = round(side * 1.16), round(side * rng.uniform(2.0, 2.4))
    paper = float(rng.uniform(205, 235))
    ink = paper * (1 - 0.85 * look.contrast)
    face = np.full((height, width), paper, np.uint8)
    y, left = (height - side) // 2, round(side * 0.06)
    face[y : y + side, left : left + side] = np.where(block, ink, paper)
    start = (left + side) / width + 0.02
    _write(face, str(rng.choice(["TICKET", "ADMIT ONE", "DAY PASS"])), (start, 0.27), 0.1, ink)
    _write(face, f"Order {rng.integers(10000, 99999)}", (start, 0.41), 0.06, ink)
    for number in range(3):
        row, end = round(height * (0.56 + 0.09 * number)), round(width * rng.uniform(0.75, 0.95))
        cv2.line(face, (round(width * start), row), (end, row), ink * 0.5 + paper * 0.5, side // 90)
    crease = round(width * (start - 0.01))
    fold = np.where(np.arange(width) < crease, 1.0, np.linspace(0.86, 1, width))
    turned = _grey(np.rot90(face * fold, look.quarter_turns))
    middle: Point = (left + side / 2, y + side / 2)
    for _ in range(look.quarter_turns % 4):
        middle, width, height = (middle[1], width - middle[0]), height, width
    return turned, np.full_like(turned, 255), middle


def _lit(face: Grey, look: Look, rng: np.random.Generator) -> Grey:
    """Put light on a ticket: uneven, mirrored, and striped where two rasters meet."""
    y, x = np.mgrid[0:1:96j, 0:1:96j]
    angle, bend = rng.uniform(0, 2 * math.pi, 2)
    across, down = rng.uniform(0.1, 0.9, 2)
    ramp = 0.5 + 0.35 * (math.cos(angle) * (2 * x - 1) + math.sin(angle) * (2 * y - 1))
    stripes = np.sin(rng.uniform(15, 50) * (x + 0.1 * np.sin(4 * y + bend)))
    stripes += np.sin(rng.uniform(25, 90) * (y + 0.1 * x))
    slant = (x - across + (y - down) * rng.uniform(-0.7, 0.7)) / 0.13
    glare = look.glare * np.exp(-(slant**2) - ((y - down) / 0.3) ** 2)
    gain = 1 - look.shade * ramp + look.moire / 510 * stripes
    size = face.shape[::-1]
    return _grey(face * cv2.resize(gain, size) + cv2.resize(glare, size))


def _in_hand(face: Grey, shape: Grey, middle: Point, look: Look, rng: np.random.Generator) -> Card:
    """Put a ticket into a hand that comes from below."""
    height, width = face.shape
    phone, skin = look.medium == "phone", float(rng.uniform(70, 165))
    grip = min(width, height) * (0.5 if phone else 0.42)
    finger, side = grip * 0.24, round(grip * 0.6)
    right, size = side + width, (height + round(grip * 2.6), width + 2 * side)
    grey, alpha = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    x, y = (side + width * 0.66, height * 0.95) if phone else (side + width * 0.55, height)
    wrist, elbow = (x + grip * 0.1, y + grip * 0.9), (x + grip * 0.5, size[0] + grip)
    _stroke(grey, alpha, [(x, y + grip * 0.3), wrist], grip * (0.9 if phone else 0.7), skin * 0.8)
    cuff = (wrist[0] + grip * 0.12, wrist[1] + grip * 0.5)
    _stroke(grey, alpha, [cuff, elbow], grip, look.clothes)
    for number in range(4):
        tip, across = height * 0.52 + number * finger * 1.08, x + (number - 1.5) * finger * 0.85
        bent = [(across, y - finger), (across + finger * 0.2, y + grip * 0.42)]
        if phone:
            bent = [(side + finger, tip), (side - finger * 0.12, tip + finger * 0.1)]
        _stroke(grey, alpha, bent, finger, skin * (0.98 - 0.05 * number))
    grey, here = _grey(cv2.GaussianBlur(grey, (0, 0), finger / 12)), np.s_[:height, side:right]
    grey[here] = np.where(shape, face, grey[here])
    alpha[here] |= shape
    thumb = [(x + finger * a, y + finger * b) for a, b in ((1.5, 1.75), (1.2, 0.6), (0.6, -0.2))]
    if phone:
        bends = (0.3, 0.86), (0.25, 0.78), (-0.5, 0.71)
        thumb = [(right + finger * a, height * b) for a, b in bends]
    _stroke(grey, alpha, thumb, finger * 1.1, skin)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 0.8)
    return Card(
        _grey(cv2.multiply(grey, alpha, scale=1 / 255)), _grey(alpha), (middle[0] + side, middle[1])
    )


def _stroke(grey: Grey, alpha: Grey, points: list[Point], thick: float, tone: float) -> None:
    """Draw something round, such as a finger: lighter along its middle than at its edges."""
    line = [np.array(points, np.int32)]
    cv2.polylines(alpha, line, isClosed=False, color=255, thickness=max(1, round(thick)))
    for part in (1.0, 0.9, 0.78, 0.64, 0.48, 0.3):
        width, level = max(1, round(thick * part)), tone * (1.1 - 0.35 * part * part)
        cv2.polylines(grey, line, isClosed=False, color=level, thickness=width)


def _round(plane: Grey, box: tuple[int, int, int, int], radius: int, level: float) -> None:
    """Fill a rectangle (left, top, right, bottom) with round corners."""
    inner = (box[0] + radius, box[1] + radius), (box[2] - radius, box[3] - radius)
    cv2.rectangle(plane, *inner, level, cv2.FILLED)
    cv2.rectangle(plane, *inner, level, 2 * radius)


def _write(plane: Grey, words: str, at: Point, size: float, tone: float) -> None:
    """Write at a place and with a letter height that are parts of the plane's width and height."""
    height, width = plane.shape
    tall = size * height / 22
    where, thick = (round(at[0] * width), round(at[1] * height)), max(1, round(tall * 2))
    cv2.putText(plane, words, where, cv2.FONT_HERSHEY_SIMPLEX, tall, tone, thick, cv2.LINE_AA)


def _seen(
    plane: Grey, matrix: npt.NDArray[np.float64], shape: tuple[int, ...], pose: Pose, coarse: int
) -> Grey:
    """Project one plane of a card, out of focus and smeared, then enlarge it by `coarse`."""
    height, width = shape
    size = -(-width // coarse), -(-height // coarse)
    patch = cv2.warpPerspective(plane, matrix, size)
    if pose.defocus_px > 0.2:
        patch = cv2.GaussianBlur(patch, (0, 0), pose.defocus_px / coarse)
    # Averages with itself moved by halves, quarters and so on of the way add up to the smear.
    across, down = pose.smear[0] / coarse / 2, pose.smear[1] / coarse / 2
    while max(abs(across), abs(down)) >= 0.5:
        moved = cv2.warpAffine(patch, np.array([[1, 0, across], [0, 1, down]]), size)
        patch = cv2.addWeighted(patch, 0.5, moved, 0.5, 0)
        across, down = across / 2, down / 2
    if coarse > 1:
        patch = cv2.resize(patch, (size[0] * coarse, size[1] * coarse))
    return _grey(patch)[:height, :width]


def _grey(plane: npt.NDArray[np.integer | np.floating]) -> Grey:
    return (plane if plane.dtype == np.uint8 else plane.clip(0, 255)).astype(np.uint8, copy=False)
