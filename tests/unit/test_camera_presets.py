"""Presets are numbers; what is written beside them counts more."""

from __future__ import annotations

from typing import Any

import pytest

from gated.camera.presets import PRESETS, Settings, controls, settings
from gated.config import Camera, parse

EVERYTHING = (
    "FrameDurationLimits",
    "AeExposureMode",
    "AeConstraintMode",
    "ExposureTime",
    "AnalogueGain",
    "AfMode",
    "AfSpeed",
    "LensPosition",
)


def configured(**camera: Any) -> Settings:
    return settings(parse({"camera": camera}).camera)


def test_the_defaults_of_the_config_are_the_indoor_preset() -> None:
    camera = Camera()
    indoor = PRESETS["indoor"]

    assert camera.preset == "indoor"
    assert configured() == indoor
    for key in ("fps", "width", "height", "exposure_us", "gain", "focus_m"):
        assert getattr(camera, key) == getattr(indoor, key), key


@pytest.mark.parametrize("place", PRESETS)
def test_a_preset_is_taken_whole(place: str) -> None:
    assert configured(preset=place) == PRESETS[place]  # type: ignore[index]


def test_a_key_beside_a_preset_counts_more_even_if_it_is_the_default() -> None:
    mixed = configured(preset="sunlight", fps=30.0, focus_m=0.4)

    assert (mixed.fps, mixed.focus_m) == (30.0, 0.4)
    assert (mixed.exposure_us, mixed.short) == (0, True)


@pytest.mark.parametrize("wanted", PRESETS.values(), ids=PRESETS)
def test_no_preset_exposes_for_longer_than_a_frame_or_smears_more_than_8_ms(
    wanted: Settings,
) -> None:
    given = controls(wanted, EVERYTHING)
    shortest_us, longest_us = given["FrameDurationLimits"]

    assert shortest_us == longest_us
    assert given.get("ExposureTime", 0) <= min(longest_us, 8000)
    assert wanted.exposure_us or wanted.short


def test_what_is_left_to_the_camera_is_not_told_to_it() -> None:
    given = controls(Settings(exposure_us=0), EVERYTHING)

    assert "ExposureTime" not in given
    assert "AnalogueGain" not in given
    assert "LensPosition" not in given
    assert given["AfMode"] == 2


def test_a_distance_becomes_dioptres_and_stops_the_search_for_focus() -> None:
    given = controls(Settings(focus_m=0.25, gain=2.0), EVERYTHING)

    assert (given["AfMode"], given["LensPosition"]) == (0, 4.0)
    assert given["AnalogueGain"] == 2.0
    assert "AfSpeed" not in given


def test_an_exposure_longer_than_a_frame_is_cut_to_it() -> None:
    given = controls(Settings(fps=100, exposure_us=50_000), EVERYTHING)

    assert given["ExposureTime"] == 10_000


def test_a_camera_is_told_only_what_it_knows() -> None:
    fixed_focus = [name for name in EVERYTHING if not name.startswith(("Af", "Lens"))]

    assert set(controls(Settings(focus_m=0.5), fixed_focus)) <= set(fixed_focus)
    assert controls(Settings(), ()) == {}
