"""Tickets as pictures: what is drawn can be read, and looks as it was asked to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import zxingcpp

from gated.camera import drawing
from gated.camera.drawing import Card, Look, Pose

QR = zxingcpp.barcode_formats_from_str("QRCode")
TEXT = "k7m2p9x4c6v8b3n5q7w2e4r6t8y3u5i7"


def read(frame: drawing.Grey) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(frame, formats=QR)]


def wall(level: int = 120, *, width: int = 640, height: int = 480) -> drawing.Grey:
    return np.full((height, width), level, np.uint8)


@pytest.mark.parametrize("medium", ["phone", "paper"])
@pytest.mark.parametrize("quarter_turns", range(4))
def test_a_ticket_is_read_whichever_way_it_is_held(medium: str, quarter_turns: int) -> None:
    look = Look(medium="paper" if medium == "paper" else "phone", quarter_turns=quarter_turns)
    card = drawing.ticket_card(TEXT, look)
    frame = drawing.place(card, wall(), Pose(320, 240, 0.9, 15, 20, -20, defocus_px=1.2))
    assert read(frame) == [TEXT]


def test_the_middle_of_a_card_is_the_middle_of_its_code() -> None:
    for quarter_turns in range(4):
        for look in (Look(), Look(medium="paper", quarter_turns=quarter_turns)):
            frame = drawing.place(drawing.ticket_card(TEXT, look), wall(), Pose(300, 200, 0.7))
            (found,) = zxingcpp.read_barcodes(frame)
            corners = found.position
            assert (corners.top_left.x + corners.bottom_right.x) / 2 == pytest.approx(300, abs=3)
            assert (corners.top_left.y + corners.bottom_right.y) / 2 == pytest.approx(200, abs=3)


def test_a_dark_screen_shows_light_modules_on_dark() -> None:
    frames = [
        drawing.place(drawing.ticket_card(TEXT, Look(dark=dark)), wall(), Pose(320, 240))
        for dark in (True, False)
    ]
    assert [read(frame) for frame in frames] == [[TEXT], [TEXT]]
    quiet_zone = [int(frame[240, 190]) for frame in frames]
    assert quiet_zone[0] < 60
    assert quiet_zone[1] > 200
    upright = zxingcpp.read_barcodes(frames[0], try_invert=False)
    assert not upright


@pytest.mark.parametrize(
    ("text", "modules"),
    [("1", 21), (TEXT, 29), ("Gäste 12 🎫", 21), ("x" * 2900, 177), ("7" * 7089, 177)],
)
def test_short_and_long_texts_become_codes(text: str, modules: int) -> None:
    code = drawing.code(text)
    assert code.shape == (modules, modules)
    assert set(np.unique(code).tolist()) == {0, 255}
    pixels = np.pad(255 - code, 4, constant_values=255).repeat(4, axis=0).repeat(4, axis=1)
    assert read(pixels) == [text]


def test_a_text_that_fits_no_code_is_refused() -> None:
    for text in ("x" * 2954, "é" * 1477, "7" * 7090):
        with pytest.raises(ValueError, match="Data too large"):
            drawing.ticket_card(text, Look())


def test_a_card_outside_the_frame_changes_nothing_and_one_half_outside_is_cut() -> None:
    card = drawing.ticket_card(TEXT, Look())
    for x, y in ((-4000, 240), (4000, 240), (320, -4000), (320, 4000)):
        assert np.array_equal(drawing.place(card, wall(), Pose(x, y)), wall())
    cut = drawing.place(card, wall(), Pose(0, 240))
    assert not np.array_equal(cut, wall())
    assert read(cut) == []


def test_placing_leaves_the_frame_alone_and_the_wall_beside_the_hand_untouched() -> None:
    frame = wall()
    seen = drawing.place(drawing.ticket_card(TEXT, Look()), frame, Pose(320, 240, 0.6))
    assert np.array_equal(frame, wall())
    assert np.array_equal(seen[:, :100], frame[:, :100])


def test_movement_and_defocus_wash_the_code_out() -> None:
    card = drawing.ticket_card(TEXT, Look())

    def contrast(pose: Pose) -> float:
        return float(drawing.place(card, wall(), pose)[130:350, 210:430].std())

    sharp = contrast(Pose(320, 240))
    assert contrast(Pose(320, 240, smear=(16, 0))) < 0.85 * sharp
    assert contrast(Pose(320, 240, smear=(0, -16))) < 0.85 * sharp
    blurred = [contrast(Pose(320, 240, defocus_px=sigma)) for sigma in (1, 3, 5, 7)]
    assert blurred == sorted(blurred, reverse=True)
    assert blurred[-1] < 0.7 * sharp


def test_blur_in_fewer_pixels_moves_nothing() -> None:
    white = wall(255, width=60, height=80)
    card = Card(white, white, (30, 40))

    def centre(sigma: float) -> npt.NDArray[np.float64]:
        frame = drawing.place(card, wall(0), Pose(321, 242, 4, defocus_px=sigma)).astype(float)
        grid = np.indices(frame.shape)
        return np.array([(axis * frame).sum() / frame.sum() for axis in grid])

    for sigma in (1, 2.5, 7):
        assert centre(sigma) == pytest.approx((242 - 2, 321 - 2), abs=0.1)


def test_noise_has_the_strength_asked_for_and_no_bias() -> None:
    plane = drawing.grain(320, 240, np.random.default_rng(1))
    noisy = drawing.degrade(wall(width=320, height=240), plane, grain=5)
    assert float(noisy.std()) == pytest.approx(5, rel=0.05)
    assert float(noisy.mean()) == pytest.approx(120, abs=0.2)


def test_light_on_a_ticket_is_uneven_when_asked() -> None:
    plain = drawing.ticket_card(TEXT, Look(details=3)).grey.astype(float)
    for look in (Look(details=3, shade=0.4), Look(details=3, moire=12)):
        assert drawing.ticket_card(TEXT, look).grey.astype(float).std() != plain.std()
    mirrored = drawing.ticket_card(TEXT, Look(details=3, glare=90)).grey
    assert (mirrored >= plain).all()
    assert mirrored.astype(float).max() > plain.max()


def test_the_same_look_draws_the_same_card() -> None:
    look = Look.random(np.random.default_rng(5))
    assert look == Look.random(np.random.default_rng(5))
    first, second = (drawing.ticket_card(TEXT, look) for _ in range(2))
    assert np.array_equal(first.grey, second.grey)
    assert np.array_equal(first.alpha, second.alpha)


def test_random_looks_are_of_every_kind() -> None:
    looks = [Look.random(np.random.default_rng(seed)) for seed in range(200)]
    assert {look.medium for look in looks} == {"phone", "paper"}
    assert {look.quarter_turns for look in looks} == {0, 1, 2, 3}
    assert {look.dark for look in looks if look.medium == "phone"} == {True, False}
    assert not any(look.dark or look.glare for look in looks if look.medium == "paper")
    assert all(-1 <= offset <= 1 for look in looks for offset in look.aside)
