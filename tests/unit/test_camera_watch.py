"""The watch opens for what comes into view, and for nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gated.camera.watch import Watch

Grey = npt.NDArray[np.uint8]


def place(rng: np.random.Generator, *, noise: float, light: float = 1.0, step: float = 0) -> Grey:
    """A wall lit from one side, with a lighter poster."""
    wall = np.tile(np.linspace(50, 110, 640), (360, 1))
    wall[40:120, 60:200] += 60
    return np.clip(wall * light + step + rng.normal(0, noise, wall.shape), 0, 255).astype(np.uint8)


def settled(rng: np.random.Generator, *, noise: float) -> Watch:
    watch = Watch()
    for _ in range(20):
        watch.stirs(place(rng, noise=noise))
    return watch


def with_code(pixels: Grey, *, side_px: int = 60) -> Grey:
    seen = pixels.copy()
    code = np.random.default_rng(5).integers(0, 2, (15, 15), np.uint8).repeat(side_px // 15, axis=0)
    seen[150 : 150 + side_px, 300 : 300 + side_px] = 255 * code.repeat(side_px // 15, axis=1)
    return seen


def test_the_first_frame_and_one_of_another_size_are_looked_at() -> None:
    watch, pixels = Watch(), np.full((360, 640), 90, np.uint8)

    assert [watch.stirs(one) for one in (pixels, pixels, pixels[:200], pixels[:200])] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("noise", [0, 1, 3, 6, 12, 20])
def test_noise_opens_nothing(noise: float) -> None:
    rng = np.random.default_rng(1)
    watch = settled(rng, noise=noise)

    assert not any(watch.stirs(place(rng, noise=noise)) for _ in range(100))
    assert watch.noise == pytest.approx(noise, rel=0.2, abs=0.5)


def test_light_that_is_noisier_than_shade_opens_nothing() -> None:
    rng = np.random.default_rng(9)
    wall = np.tile(np.linspace(20, 230, 640), (360, 1))
    watch = Watch()
    stirs = [
        watch.stirs(
            np.clip(wall + rng.normal(0, 0.6, wall.shape) * wall**0.5, 0, 255).astype(np.uint8)
        )
        for _ in range(100)
    ]

    assert not any(stirs[1:])


def test_lamps_that_flicker_in_bands_open_nothing_but_a_code_before_them_does() -> None:
    rng = np.random.default_rng(10)
    rows = np.arange(360)[:, np.newaxis]

    def flickering(index: int) -> Grey:
        gain = 1 + 0.15 * np.sin(rows / 30 + 0.3 * index)
        return np.asarray(np.clip(place(rng, noise=2) * gain, 0, 255), np.uint8)

    watch = Watch()
    stirs = [watch.stirs(flickering(index)) for index in range(100)]

    assert not any(stirs[1:])
    assert watch.stirs(with_code(flickering(100)))


@pytest.mark.parametrize("light", [0.5, 0.8, 1.2, 1.5])
def test_a_change_of_light_opens_nothing(light: float) -> None:
    rng = np.random.default_rng(2)

    assert not settled(rng, noise=2).stirs(place(rng, noise=2, light=light))


@pytest.mark.parametrize("step", [-40, 40])
def test_a_step_of_exposure_opens_nothing(step: float) -> None:
    rng = np.random.default_rng(3)

    assert not settled(rng, noise=2).stirs(place(rng, noise=2, step=step))


@pytest.mark.parametrize("noise", [0, 3, 12])
@pytest.mark.parametrize("light", [0.8, 1.0, 1.3])
def test_a_code_opens_in_its_first_frame(noise: float, light: float) -> None:
    rng = np.random.default_rng(4)
    watch = settled(rng, noise=noise)

    assert watch.stirs(with_code(place(rng, noise=noise, light=light)))


@pytest.mark.parametrize("noise", [0, 1])
def test_a_faint_code_opens_too(noise: float) -> None:
    rng = np.random.default_rng(11)
    watch = Watch()
    for _ in range(100):
        watch.stirs(place(rng, noise=noise))
    seen = place(rng, noise=noise).astype(int)
    seen[150:250, 300:400] += (
        rng.integers(0, 2, (10, 10)).repeat(10, axis=0).repeat(10, axis=1) * 14
    )

    assert watch.stirs(np.asarray(seen.clip(0, 255), np.uint8))


def test_what_is_held_still_counts_for_seconds_and_then_belongs_to_the_wall() -> None:
    rng = np.random.default_rng(5)
    watch = settled(rng, noise=2)
    held = [with_code(place(rng, noise=2)) for _ in range(20)]
    stirs = [watch.stirs(held[index % len(held)]) for index in range(700)]

    assert all(stirs[:290])
    assert not any(stirs[-30:])


def test_a_picture_that_moves_as_a_whole_is_not_taken_for_noise() -> None:
    rng = np.random.default_rng(8)
    watch = settled(rng, noise=3)
    near = rng.integers(0, 2, (24, 40), np.uint8).repeat(16, axis=0).repeat(17, axis=1) * 200
    stirs = [
        watch.stirs(np.roll(near[:360, :640], tuple(rng.integers(-150, 150, 2)), (0, 1)))
        for _ in range(60)
    ]

    assert all(stirs)


def test_a_guest_who_leaves_leaves_nothing_behind() -> None:
    rng = np.random.default_rng(7)
    watch = settled(rng, noise=2)

    assert all(watch.stirs(with_code(place(rng, noise=2))) for _ in range(100))
    assert not any(watch.stirs(place(rng, noise=2)) for _ in range(30))


def test_frames_are_not_changed_and_may_have_gaps_between_rows() -> None:
    rng = np.random.default_rng(6)
    buffer = np.zeros((360, 704), np.uint8)
    buffer[:, :640] = place(rng, noise=2)
    before = buffer.copy()
    Watch().stirs(buffer[:, :640])

    assert np.array_equal(buffer, before)
