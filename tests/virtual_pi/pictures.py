"""What is held up before the virtual camera: tickets of the simulated event, as JPEG files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import segno

from gated.simulator.world import World

WIDTH, HEIGHT = 1280, 720
SEED, GUESTS = 1, 300


def tickets() -> list[str]:
    """The secrets of those who may enter: gated simulate-server makes up the same people."""
    world = World.made_up(GUESTS, seed=SEED)
    return [
        one.secret
        for one in world.positions.values()
        if world.order_of(one).status == "p" and not one.canceled and not one.blocked
    ]


def draw(folder: Path, texts: list[str | None]) -> None:
    """A picture each, in this order; None is the empty place."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(1)
    for number, text in enumerate(texts):
        place = noise.normal(110, 4, (HEIGHT, WIDTH))
        if text is not None:
            code = np.asarray(
                [
                    [0 if dark else 255 for dark in row]
                    for row in segno.make(text, micro=False).matrix_iter(border=4)
                ],
                dtype=np.uint8,
            )
            size = code.shape[0] * 9
            left, top = 150 + 61 * number % 500, 40 + 37 * number % 250
            place[top : top + size, left : left + size] = cv2.resize(
                code, (size, size), interpolation=cv2.INTER_NEAREST
            )
        cv2.imwrite(str(folder / f"{number}.jpg"), place.clip(0, 255).astype(np.uint8))
