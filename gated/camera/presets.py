"""Camera settings for places: plain numbers, to be read, changed and argued about.

A ticket in motion must not smear, so the exposure is short first and the frame rate is what is
left: at 4 ms a hand that moves 0.3 m/s smears 1.2 mm, about half a module of a code on a phone.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Container

    from gated.config import Camera

Place = Literal["indoor", "sunlight", "dusk", "screens"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How a camera takes pictures; 0 leaves exposure, gain or focus to the camera."""

    fps: float = 30.0
    width: int = 1280
    height: int = 720
    exposure_us: int = 4000
    gain: float = 0.0
    focus_m: float = 0.0
    short: bool = False
    """Left to itself, the camera raises the gain before it exposes for longer."""
    spare_highlights: bool = False
    """Expose so that what is bright does not burn, be the rest ever so dark."""


PRESETS: dict[Place, Settings] = {
    "indoor": Settings(),
    # White paper in the sun burns at 4 ms whatever the gain; 60 fps keeps shade below 16 ms.
    "sunlight": Settings(fps=60.0, exposure_us=0, short=True),
    # Twice the light for twice the smear; a torch is better.
    "dusk": Settings(exposure_us=8000),
    # Phone displays are dimmed by flashing, often 240 times a second: one whole period.
    "screens": Settings(exposure_us=4167, spare_highlights=True),
}


def settings(camera: Camera) -> Settings:
    """The preset of a config, with the keys that are written beside it in place of its own."""
    preset = PRESETS[camera.preset]
    written = camera.model_fields_set & set(asdict(preset))
    return replace(preset, **{key: getattr(camera, key) for key in written})


def controls(wanted: Settings, known: Container[str]) -> dict[str, Any]:
    """The settings as libcamera's controls, as far as this camera knows them.

    The numbers are those of libcamera's control_ids_core.yaml.
    """
    frame_us = int(1_000_000 / wanted.fps)
    given: dict[str, Any] = {
        "FrameDurationLimits": (frame_us, frame_us),
        "AeExposureMode": 1 if wanted.short else 0,  # short, normal
        "AeConstraintMode": 1 if wanted.spare_highlights else 0,  # highlight, normal
    }
    if wanted.exposure_us:
        # With the gain not given, the camera's control of it goes on.
        given["ExposureTime"] = min(wanted.exposure_us, frame_us)
    if wanted.gain:
        given["AnalogueGain"] = wanted.gain
    if wanted.focus_m:
        given |= {"AfMode": 0, "LensPosition": 1 / wanted.focus_m}  # manual, in dioptres
    else:
        given |= {"AfMode": 2, "AfSpeed": 1}  # continuous, fast
    return {name: value for name, value in given.items() if name in known}
