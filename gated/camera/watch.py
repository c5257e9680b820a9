"""Telling whether something has come into view, for a hundredth of what reading would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Sample = npt.NDArray[np.float32]

_SAMPLES_ACROSS = 80
_LEAST_STEP = 8.0
"""Grey levels; smaller changes no camera shows of a code."""
_SIGMAS = 5.0
_LEAST_CHANGED = 3
"""So many samples must have changed: single ones do by chance, the smallest code covers more."""
_FOLLOW = 0.02
_STAYS = 300
"""What has been in view for more frames is let become a part of the empty place."""
_FOLLOW_UNREST = 0.03
_UNREST_AT_FIRST = 8.0
"""Grey levels: until a place is known, only much contrast counts in it."""
_FOLLOW_NOISE_UP, _FOLLOW_NOISE_DOWN = 0.02, 0.2
_MOST_NOISE = 20.0
"""Grey levels; no camera has more. A picture that moves as a whole looks like it, and is not."""
_BURNT, _DROWNED = 250, 5
"""Grey levels beyond which a pixel no longer tells how light it was, nor how noisy."""
_LEAST_FAIR = 30
_EVERY_FEW = 3
"""Light and noise are measured on so many samples fewer."""
_OF_MEDIAN, _OF_MEAN = 1.4826, 1.2533
"""The standard deviation of noise, from the median and the mean of its absolute values."""


class Watch:
    """Compares a few pixels of every frame with a slowly following picture of the empty place.

    A change of light or exposure is taken out; what counts as a change depends on the noise
    that is measured, and on how restless each place is by itself: light has more noise than
    shade, lamps flicker in bands, edges shake. It opens for whatever moves, not for codes alone.
    """

    def __init__(self) -> None:
        self.noise = 0.0
        """Grey levels, the standard deviation from frame to frame."""
        self._measured = False
        self._stirring = 0
        """So many frames in a row something has stirred."""
        self._before: Sample | None = None
        self._empty = np.zeros(0, np.float32)
        self._unrest = np.zeros(0, np.float32)
        """The mean change of each sample, in grey levels, as long as it is no more than usual."""
        self._shape: tuple[int, ...] = ()

    def forget(self) -> None:
        """The camera saw nothing for a while: what comes next is compared with nothing before."""
        self._before = None

    def stirs(self, pixels: npt.NDArray[np.uint8]) -> bool:
        """Say whether this frame, shape (height, width), shows something; the first one does."""
        every = max(1, round(pixels.shape[1] / _SAMPLES_ACROSS))
        sample = pixels[every // 2 :: every, every // 2 :: every].astype(np.float32)
        if self._before is None or pixels.shape != self._shape:
            self._shape = pixels.shape
            self._begin(sample)
            return True
        self._measure_noise(self._before.ravel()[::_EVERY_FEW], sample.ravel()[::_EVERY_FEW])
        self._before = sample
        change, changed = self._compare(sample)
        stirs = bool(np.count_nonzero(changed) >= _LEAST_CHANGED)
        self._stirring = self._stirring + 1 if stirs else 0
        self._follow(sample, change, changed)
        return stirs

    def _begin(self, sample: Sample) -> None:
        """Take what is seen for the empty place, of which nothing else is known yet."""
        self._empty = self._before = sample
        self._unrest = np.full_like(sample, _UNREST_AT_FIRST)
        self._measured, self._stirring = False, 0

    def _compare(self, sample: Sample) -> tuple[Sample, npt.NDArray[np.bool_]]:
        """How much each sample differs from the empty place, in the light that explains most."""
        least = max(_LEAST_STEP, _SIGMAS * self.noise)
        threshold = np.maximum(least, np.float32(_SIGMAS * _OF_MEAN) * self._unrest)
        return min(
            (
                _changed(sample - relit, self._empty, threshold)
                for relit in _relit(self._empty, sample)
            ),
            key=lambda found: np.count_nonzero(found[1]),
        )

    def _follow(self, sample: Sample, change: Sample, changed: npt.NDArray[np.bool_]) -> None:
        """Let the picture of the empty place, and of its unrest, follow what is seen."""
        follow = np.float32(_FOLLOW) * (sample - self._empty)
        unrest = np.float32(_FOLLOW_UNREST) * (change - self._unrest)
        if self._stirring <= _STAYS:
            # Or a guest would leave a ghost behind, to be read for as long again.
            follow[changed] = unrest[changed] = 0
        self._empty = self._empty + follow
        self._unrest = self._unrest + unrest

    def _measure_noise(self, before: Sample, now: Sample) -> None:
        fair = (np.maximum(before, now) < _BURNT) & (np.minimum(before, now) > _DROWNED)
        if np.count_nonzero(fair) < _LEAST_FAIR:
            return
        step = (now - before)[fair]
        # The difference of two frames has the noise of both.
        noise = _middle(np.abs(step - _middle(step))) * _OF_MEDIAN / 2**0.5
        noise = min(noise, _MOST_NOISE)
        follow = _FOLLOW_NOISE_UP if noise > self.noise else _FOLLOW_NOISE_DOWN
        self.noise += (follow if self._measured else 1.0) * (noise - self.noise)
        self._measured = True


def _changed(
    change: Sample, empty: Sample, threshold: Sample
) -> tuple[Sample, npt.NDArray[np.bool_]]:
    """How much each sample has changed, and whether that is more than chance."""
    # How light a burnt pixel was nobody knows: it may be as light still.
    change[(change > 0) & (empty >= _BURNT)] = 0
    np.abs(change, out=change)
    return change, change > threshold


def _relit(empty: Sample, sample: Sample) -> Iterator[Sample]:
    """The empty place in the sample's light: brighter by a step, and brighter by a factor.

    Light and exposure are a factor, but a camera's tone curve bends it. Both are medians: what
    came into view may cover nearly half of the picture without counting as light.
    """
    before, now = empty.ravel()[::_EVERY_FEW], sample.ravel()[::_EVERY_FEW]
    yield empty + np.float32(_middle(now - before))
    relit = empty * np.float32(_middle((now + 1) / (before + 1)))
    yield np.minimum(relit, 255, out=relit)


def _middle(values: Sample) -> float:
    half = len(values) // 2
    return float(np.partition(values, half)[half])
