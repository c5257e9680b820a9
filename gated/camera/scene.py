"""A camera source without a camera: guests who walk up one by one and hold up their codes."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from gated.camera import drawing
from gated.camera.drawing import Card, Grey, Look, Pose
from gated.errors import CameraError
from gated.model import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

ARRIVE_S = 0.6
LEAVE_S = 0.5
PATIENCE_S = 2.5
NOTICE_S = 0.35
"""How long a guest takes to see the lamp."""
SHUTTER_S = 0.006
LONGEST_STEP_S = 0.5
"""However slow the reader, the guests' time does not jump further between two frames."""
LEAST_MODULE_PX = 3.3
GRAIN_MARGIN_PX = 64
BODY_PX = 4
"""Frame pixels per pixel of a guest's body, which is never in focus."""


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody with a code. The look is drawn from the scene's seed when None.

    Raises ValueError when the text fits no QR code.
    """

    text: str
    story: str
    look: Look | None = None
    hold_s: float = 0.9
    gap_s: float = 0.6
    """How long nobody stands there before."""
    modules: int = field(init=False)
    """How many a side of its code has."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "modules", len(drawing.code(self.text)))


class Scene:
    """Plays guests before an imagined camera; the same seed and cast give the same pictures.

    `guests` is asked for the next one whenever the place is free, in each frame while it says
    None. `arrived` and `left` are called in the thread that takes the frames. Without `pace`,
    frames come as fast as they are taken and each is 1/fps after the one before.
    """

    def __init__(
        self,
        guests: Callable[[], Guest | None],
        *,
        width: int = 1280,
        height: int = 720,
        fps: float = 30.0,
        seed: int = 0,
        pace: bool = True,
        arrived: Callable[[Guest], None] | None = None,
        left: Callable[[Guest], None] | None = None,
        name: str = "scene",
    ) -> None:
        self.name = name
        self._guests = guests
        self._size = width, height
        self._fps = fps
        self._seed = seed
        self._pace = pace
        self._arrived = arrived or (lambda _: None)
        self._left = left or (lambda _: None)
        self._closed = threading.Event()
        self._place: _Place | None = None
        self._lock = threading.Lock()
        self._waiting_for: str | None = None

    def open(self) -> None:
        """Draw the empty place. Raises CameraError when the pictures would be useless."""
        width, height = self._size
        if width < 160 or height < 120 or self._fps <= 0:
            raise CameraError(f"A scene of {width}x{height} at {self._fps:g}/s cannot be drawn.")
        self._place = _Place(width, height, seed=self._seed)
        self._closed.clear()

    def close(self) -> None:
        """End `frames` soon; from any thread."""
        self._closed.set()

    def answered(self, text: str) -> None:
        """Tell that the lamp has answered this code: its guest, if still there, walks on."""
        with self._lock:
            if self._waiting_for == text:
                self._waiting_for = None

    def frames(self) -> Generator[Frame | None]:
        """Yield picture after picture until closed. Raises CameraError when not open."""
        if self._place is None:
            raise CameraError("The scene was not opened.")
        place, visit = self._place, None
        rng = np.random.default_rng((self._seed, 1))
        for now_s in self._ticks():
            if visit is None and (guest := self._guests()):
                visit = _Visit(guest, place, rng, start_s=now_s + guest.gap_s)
            if visit and now_s >= visit.start_s:
                self._attend(visit, now_s)
            if visit and visit.gone(now_s):
                self._left(visit.guest)
                visit = None
            pixels = place.photograph(visit, now_s, index=round(now_s * self._fps))
            yield Frame(pixels, seen=time.monotonic(), source=self.name)

    def _attend(self, visit: _Visit, now_s: float) -> None:
        if not visit.seen:
            visit.seen = True
            with self._lock:
                self._waiting_for = visit.guest.text
            self._arrived(visit.guest)
        if visit.leave_s is None:
            visit.wait(now_s, answered=self._waiting_for is None)

    def _ticks(self) -> Iterator[float]:
        """Yield the scene's own time whenever a frame is due; late, go on with the newest."""
        index, most = 0, max(1, round(LONGEST_STEP_S * self._fps))
        began = time.monotonic()
        while not self._closed.is_set():
            yield index / self._fps
            if not self._pace:
                index += 1
                continue
            due = max(index + 1, int((time.monotonic() - began) * self._fps))
            lost = max(0, due - index - most)
            began += lost / self._fps
            index = due - lost
            self._closed.wait(began + index / self._fps - time.monotonic())


class _Visit:
    """One guest's way to the camera, the time before it, and the way on."""

    def __init__(
        self, guest: Guest, place: _Place, rng: np.random.Generator, *, start_s: float
    ) -> None:
        self.guest = guest
        self.start_s = start_s
        self.leave_s: float | None = None
        self.seen = False
        own = np.random.default_rng(rng.integers(1 << 31))
        self.look = guest.look or Look.random(own)
        width, height = place.width, place.height
        modules = guest.modules
        # A large code is held with care, or it would not fit into the frame.
        calm = min(1.0, 57 / modules)
        turn = self.look.turn_deg * calm
        spread = 1.08 * (abs(math.cos(math.radians(turn))) + abs(math.sin(math.radians(turn))))
        most = 0.92 * min(width, height) / spread
        side = min(most, max(self.look.size * height, LEAST_MODULE_PX * modules))
        module_px = side / modules
        drawn_px = max(3, math.ceil(module_px * 1.1))
        self.card = drawing.ticket_card(guest.text, self.look, module_px=drawn_px)
        self.body = _person(self.look, height // BODY_PX)
        room = (width - side * spread) / 2, (height - side * spread) / 2
        x = width / 2 + self.look.aside[0] * room[0] * 0.9
        y = height / 2 + self.look.aside[1] * room[1] * 0.9
        tilt_x, tilt_y = self.look.tilt_x_deg * calm, self.look.tilt_y_deg * calm
        blur_px = self.look.defocus * module_px
        self.held = Pose(x, y, module_px / drawn_px, turn, tilt_x, tilt_y, defocus_px=blur_px)
        self._from = float(own.choice([-1, 1]))
        self._phases = own.uniform(0, 2 * math.pi, 8)
        self._unit, self._span = height / 720, width

    def wait(self, now_s: float, *, answered: bool) -> None:
        """Decide when to leave: a moment after the answer, or when patience runs out."""
        held_s = self.start_s + ARRIVE_S
        if answered:
            self.leave_s = max(held_s, now_s + NOTICE_S)
        elif now_s >= held_s + self.guest.hold_s + PATIENCE_S:
            self.leave_s = now_s

    def gone(self, now_s: float) -> bool:
        """Whether the place is free again."""
        return self.leave_s is not None and now_s >= self.leave_s + LEAVE_S

    def pose(self, now_s: float) -> Pose:
        """Tell how the ticket is held: brought up from below, kept still, taken away."""
        x, y, lean = self._path(now_s)
        before, away, held = self._path(now_s - SHUTTER_S), abs(lean), self.held
        return replace(
            held,
            x=x,
            y=y,
            scale=held.scale * (1 - 0.3 * away),
            turn_deg=held.turn_deg + 25 * lean + 0.4 * self._tremor(now_s, 2),
            tilt_x_deg=held.tilt_x_deg + 20 * away + 0.8 * self._tremor(now_s, 3),
            smear=(x - before[0], y - before[1]),
            defocus_px=held.defocus_px + 3.5 * self._unit * away,
        )

    def standing(self, now_s: float) -> Pose:
        """Tell where the guest stands."""
        _, _, lean = self._path(now_s)
        x = self._span * (0.3 + 0.75 * lean) + self.held.x * 0.4
        y = self.body.middle[1] * BODY_PX + 40 * self._unit
        return Pose(x, y, scale=BODY_PX, defocus_px=11 * self._unit)

    def _path(self, now_s: float) -> tuple[float, float, float]:
        """Return where the code's middle is, and how far off: -1 left, 0 held, 1 right."""
        lean = self._from * (1 - min(1.0, max(0.0, (now_s - self.start_s) / ARRIVE_S))) ** 2
        if self.leave_s is not None and now_s > self.leave_s:
            lean = -self._from * min(1.0, (now_s - self.leave_s) / LEAVE_S) ** 2
        shake = 1.3 * self._unit
        x = self.held.x + shake * self._tremor(now_s, 0) + lean * self._span * 0.35
        y = self.held.y + shake * self._tremor(now_s, 1) + abs(lean) * self._unit * 900
        return x, y, lean

    def _tremor(self, now_s: float, axis: int) -> float:
        slow, fast = self._phases[2 * axis], self._phases[2 * axis + 1]
        return 0.7 * math.sin(7 * now_s + slow) + 0.3 * math.sin(41 * now_s + fast)


class _Place:
    """What stays: the wall and the floor, and the camera with its noise."""

    def __init__(self, width: int, height: int, *, seed: int) -> None:
        self.width, self.height = width, height
        rng = np.random.default_rng((seed, 0))
        self._empty = _backdrop(width, height, rng)
        margin = GRAIN_MARGIN_PX
        self._grain = drawing.grain(width + margin, height + margin, rng)
        self._offsets = rng.integers(0, margin, (509, 2)).tolist()

    def photograph(self, visit: _Visit | None, now_s: float, *, index: int) -> Grey:
        """Take a picture of the place and of whoever stands there."""
        picture, noise = self._empty, 2.5
        if visit and visit.seen:
            picture = drawing.place(visit.body, picture, visit.standing(now_s))
            picture = drawing.place(visit.card, picture, visit.pose(now_s))
            noise = visit.look.grain
        x, y = self._offsets[index % len(self._offsets)]
        plane = self._grain[y : y + self.height, x : x + self.width]
        return drawing.degrade(picture, plane, grain=noise)


def _backdrop(width: int, height: int, rng: np.random.Generator) -> Grey:
    """Draw a wall with a doorway and a sign, a rope between posts, the floor; out of focus."""

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * width), round(y * height)

    picture = np.full((height, width), 118, np.uint8)
    cv2.rectangle(picture, at(0, 0.8), at(1, 1), 84, cv2.FILLED)
    cv2.rectangle(picture, at(0.62, 0.08), at(0.9, 0.83), 156, cv2.FILLED)
    cv2.rectangle(picture, at(0.62, 0.08), at(0.9, 0.83), 74, width // 90)
    cv2.line(picture, at(0, 0.815), at(1, 0.815), 66, height // 40)
    cv2.rectangle(picture, at(0.14, 0.2), at(0.3, 0.34), 166, cv2.FILLED)
    for end, y in ((0.28, 0.245), (0.23, 0.295)):
        cv2.line(picture, at(0.16, y), at(end, y), 96, max(1, height // 70))
    for x in (0.07, 0.45):
        cv2.line(picture, at(x, 0.6), at(x, 0.93), 46, width // 80)
    rope = [at(0.07 + 0.38 * t, 0.63 + 0.3 * t * (1 - t)) for t in np.linspace(0, 1, 20)]
    cv2.polylines(picture, [np.array(rope)], isClosed=False, color=54, thickness=width // 200)
    soft = cv2.GaussianBlur(picture, (0, 0), height / 160).astype(np.float32)
    for cells, levels in ((6, 6), (60, 1.5)):
        blotches = rng.normal(0, levels, (cells, 2 * cells)).astype(np.float32)
        soft += cv2.resize(blotches, (width, height), interpolation=cv2.INTER_CUBIC)
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light = 1.1 - 0.22 * ((across - 0.3) ** 2 + (down + 0.4) ** 2)
    return np.asarray(np.clip(soft * light, 0, 255), np.uint8)


def _person(look: Look, size: int) -> Card:
    """Draw a guest from the waist up, too near to be sharp, to stand behind the ticket."""
    rng = np.random.default_rng(look.details)
    skin, hair = rng.uniform(75, 150), rng.uniform(25, 95)

    def at(x: float, y: float) -> tuple[int, int]:
        return round(x * size), round(y * size)

    half = [at(0.5, 0.3), at(0.58, 0.35), at(0.72, 0.41), at(0.79, 0.55), at(0.82, 1)]
    torso = np.array(half + [(size - x, y) for x, y in reversed(half)])
    grey, alpha = np.zeros((2, size, size), np.uint8)
    for plane, tones in ((grey, (look.clothes, hair, skin)), (alpha, (255, 255, 255))):
        cv2.fillPoly(plane, [torso], tones[0])
        cv2.ellipse(plane, at(0.5, 0.16), at(0.105, 0.13), 0, 0, 360, tones[1], cv2.FILLED)
        cv2.line(plane, at(0.5, 0.25), at(0.5, 0.35), tones[2], size // 8)
        cv2.ellipse(plane, at(0.5, 0.2), at(0.085, 0.115), 0, 0, 360, tones[2], cv2.FILLED)
    return Card(grey, alpha, (size / 2, size / 2))
