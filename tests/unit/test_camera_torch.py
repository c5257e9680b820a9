"""The light is on while somebody is there, and does not take itself for somebody."""

from __future__ import annotations

import numpy as np

from gated.camera.eye import Eye
from gated.camera.passes import FAST_PASS
from gated.camera.torch import Torch


def told(torch: Torch, *frames: tuple[float, bool]) -> list[str]:
    return [torch.sees(now, stirs=stirs) for now, stirs in frames]


def test_it_goes_on_at_once_and_out_a_while_after_the_last_stir() -> None:
    torch = Torch(lingers_s=10)

    assert told(torch, (0, False), (1, True), (2, False), (5, True), (14, False)) == [
        "", "on", "", "", "",
    ]  # fmt: skip
    assert torch.is_lit
    assert told(torch, (15.1, False)) == ["out"]
    assert not torch.is_lit


def test_its_own_going_out_does_not_bring_it_back() -> None:
    torch = Torch(lingers_s=10, settles_s=0.6)
    told(torch, (0, True), (10.1, False))

    # The picture changes, then the empty place is learnt anew, whose first frame always stirs.
    assert told(torch, (10.2, True), (10.5, True), (10.8, True), (10.9, True), (11, False)) == [
        "", "", "afresh", "", "",
    ]  # fmt: skip
    assert told(torch, (12, True)) == ["on"]


def test_before_a_real_eye_it_shines_once_for_one_guest() -> None:
    """A light from the side changes half of the place and leaves the other half dark."""
    dark = np.random.default_rng(1).normal(40, 2, (240, 320)).clip(0, 255).astype(np.uint8)
    lit = dark.copy()
    lit[:, :160] += 90
    guest = np.zeros((60, 60), np.uint8)
    eye, torch, done = Eye(passes=[FAST_PASS]), Torch(lingers_s=3, settles_s=0.6), []
    for number in range(30 * 40):
        now = 100 + number / 30
        pixels = (lit if torch.is_lit else dark).copy()
        if 60 <= number < 120:
            pixels[80:140, number : number + 60] = guest + number % 2 * 200
        eye.look(pixels, now)
        what = torch.sees(now, stirs=eye.is_open)
        if what == "afresh":
            eye.blink()
        if what:
            done.append(what)

    assert done[-3:] == ["on", "out", "afresh"]
    assert done.count("on") <= 2  # the first frame of all counts as somebody, too
