"""Telling whether something has come into view, for a hundredth of what reading would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Sample = npt.NDArray[np.float32]

_SAMPLES_ACROSS = 80
_LEAST_STEP = 12.0
"""Grey levels; smaller changes no camera shows of a code."""
_SIGMAS = 5.0
_LEAST_CHANGED = 3
"""So many samples must have changed: single ones do by chance, the smallest code covers more."""
_FOLLOW = 0.02
_FOLLOW_OPEN = 0.005
"""Slower, so that what is held still is not soon taken for a part of the wall."""
_FOLLOW_NOISE = 0.1
_LEAST_SPAN, _SPAN_SIGMAS = 16.0, 6.0
"""Grey levels, and standard deviations, between dark and light; or no factor can be told."""
_BURNT = 250
"""Grey levels from which on a pixel no longer tells how light it was."""
_EVERY_FEW = 3
"""Light and noise are measured on so many samples fewer."""
_MOST_FACTOR = 2.0
_OF_MEDIAN = 1.4826
"""The standard deviation of noise, from the median of its absolute values."""


class Watch:
    """Compares a few pixels of every frame with a slowly following picture of the empty place.

    A change of light or exposure is taken out; what counts as a change depends on
    the noise that is measured. It opens for whatever moves, not for codes alone.
    """

    def __init__(self) -> None:
        self.noise = 0.0
        """Grey levels, the standard deviation from frame to frame."""
        self._empty: Sample | None = None
        self._before: Sample | None = None
        self._shape: tuple[int, ...] = ()

    def stirs(self, pixels: npt.NDArray[np.uint8]) -> bool:
        """Say whether this frame, shape (height, width), shows something; the first one does."""
        every = max(1, round(pixels.shape[1] / _SAMPLES_ACROSS))
        sample = pixels[every // 2 :: every, every // 2 :: every].astype(np.float32)
        if self._empty is None or self._before is None or pixels.shape != self._shape:
            self._shape = pixels.shape
            self._empty, self._before = sample, sample
            self.noise = 0.0
            return True
        step = (sample - self._before).ravel()[::_EVERY_FEW]
        self._before = sample
        # The difference of two frames has the noise of both.
        noise = _middle(np.abs(step - _middle(step))) * _OF_MEDIAN / 2**0.5
        self.noise += _FOLLOW_NOISE * (noise - self.noise)
        threshold = max(_LEAST_STEP, _SIGMAS * self.noise)
        change = sample - _relit(self._empty, sample, noise=self.noise)
        changed = np.count_nonzero(np.abs(change) > threshold)
        stirs = bool(changed >= _LEAST_CHANGED)
        self._empty = self._empty + (_FOLLOW_OPEN if stirs else _FOLLOW) * (sample - self._empty)
        return stirs


def _relit(empty: Sample, sample: Sample, *, noise: float) -> Sample:
    """The empty place in the sample's light: exposure changes all pixels by a factor and a step.

    Both come from the medians of the darker and the lighter half: what came into view may cover
    nearly half of each without counting as light.
    """
    before, now = empty.ravel()[::_EVERY_FEW], sample.ravel()[::_EVERY_FEW]
    step = _middle(now - before)
    fair = np.maximum(before, now) < _BURNT
    before, now = before[fair], now[fair]
    if not before.size:
        return empty + np.float32(step)
    lighter = before > _middle(before)
    if lighter.any() and not lighter.all():
        light, dark = _middle(before[lighter]), _middle(before[~lighter])
        # On a plain wall the lighter half is lighter by noise alone, and would not be again.
        if light - dark >= max(_LEAST_SPAN, _SPAN_SIGMAS * noise):
            light_now, dark_now = _middle(now[lighter]), _middle(now[~lighter])
            factor = (light_now - dark_now) / (light - dark)
            factor = min(_MOST_FACTOR, max(1 / _MOST_FACTOR, factor))
            relit = empty * np.float32(factor) + np.float32(dark_now - factor * dark)
            return np.clip(relit, 0, 255, out=relit)
    return empty + np.float32(step)


def _middle(values: Sample) -> float:
    half = len(values) // 2
    return float(np.partition(values, half)[half])
