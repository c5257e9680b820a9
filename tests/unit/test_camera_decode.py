"""Codes are read as they were written, whatever is in them and however the picture lies."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import segno
import zxingcpp

from gated.camera.decode import Format, decode, decode_or_locate

Grey = npt.NDArray[np.uint8]
SECRET = "k7m2p9x4c6v8b3n5q7w2e4r6t8y3u5i7"


def picture(text: str | bytes, *, module_px: int = 4, **how: Any) -> Grey:
    """A QR code with its quiet zone, black on white."""
    rows = segno.make_qr(text, **how).matrix_iter(scale=module_px, border=4)
    return np.array([[0 if dark else 255 for dark in row] for row in rows], np.uint8)


def wall(*codes: tuple[Grey, int, int], width: int = 640, height: int = 480) -> Grey:
    """A grey wall with pictures at (x, y)."""
    pixels = np.full((height, width), 128, np.uint8)
    for code, x, y in codes:
        pixels[y : y + code.shape[0], x : x + code.shape[1]] = code
    return pixels


def texts(pixels: Grey) -> list[str]:
    return [code.text for code in decode(pixels)]


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        "1",
        "1234567890123",
        "HTTPS://TICKETS.EXAMPLE.ORG/$%*+-./:",
        " leading and trailing ",
        "Gäste, ёлка, 門, ﷽",
        "🎫👩‍👩‍👧‍👦🏳️‍🌈",
        "a\tb\r\nc\0d\x1be\x7f",
        "<GS>\x1d<NUL>",
        "\\n &lt; %00 ';--",
        "\u202egnp.tekcit\u202c",
    ],
    ids=ascii,
)
def test_a_code_is_read_as_it_was_written(text: str) -> None:
    encoding = None if text.isascii() else "utf-8"

    assert texts(picture(text, encoding=encoding, eci=encoding is not None)) == [text]
    # Most programs that make codes do not say that they are in UTF-8.
    assert texts(picture(text, encoding=encoding)) == [text]


def test_bytes_that_are_no_text_are_read_as_something_and_stop_nothing() -> None:
    (code,) = decode(picture(bytes(range(128, 256)), mode="byte", module_px=3))

    assert code.text


@pytest.mark.parametrize(
    ("text", "modules"),
    [("K7M2P9X4" * 500, 4), ("x" * 2900, 4), ("7" * 7000, 4)],
    ids=["4000 letters", "2900 bytes", "7000 digits"],
)
def test_a_code_as_long_as_codes_can_be_is_read_whole(text: str, modules: int) -> None:
    assert texts(picture(text, error="l", module_px=modules)) == [text]


@pytest.mark.parametrize("error", ["l", "m", "q", "h"])
@pytest.mark.parametrize("mask", range(8))
def test_every_level_of_error_correction_and_every_mask_is_read(error: str, mask: int) -> None:
    assert texts(picture(SECRET, error=error, mask=mask, boost_error=False)) == [SECRET]


def test_a_light_code_on_a_dark_screen_is_read() -> None:
    assert texts(np.asarray(255 - picture(SECRET), np.uint8)) == [SECRET]


@pytest.mark.parametrize("quarter_turns", range(4))
def test_a_code_is_read_whichever_way_it_is_held(quarter_turns: int) -> None:
    assert texts(np.ascontiguousarray(np.rot90(picture(SECRET), quarter_turns))) == [SECRET]


def test_a_code_in_a_mirror_is_read() -> None:
    assert texts(np.ascontiguousarray(np.fliplr(picture(SECRET)))) == [SECRET]


def test_several_codes_are_read_from_left_to_right() -> None:
    left, right = picture("left"), picture("right")

    assert texts(wall((right, 400, 20), (left, 40, 200))) == ["left", "right"]


def test_the_corners_lie_around_the_code_clockwise_from_its_top_left() -> None:
    code = picture(SECRET)
    side = code.shape[0] - 2 * 16
    (found,) = decode(wall((code, 100, 200)))

    expected = [(116, 216), (116 + side, 216), (116 + side, 216 + side), (116, 216 + side)]
    assert np.allclose(found.corners, expected, atol=3)
    assert found.format == "QRCode"


def test_the_grey_plane_of_the_camera_is_read_where_it_lies() -> None:
    """The camera's rows are padded: a view with strides, and the colours below it."""
    width, height, padded = 640, 480, 704
    buffer = np.zeros((height * 3 // 2, padded), np.uint8)
    buffer[:height, :width] = wall((picture(SECRET), 200, 100), width=width, height=height)
    plane = buffer[:height, :width]
    before = buffer.copy()

    assert not plane.flags["C_CONTIGUOUS"]
    assert plane.base is buffer
    assert texts(plane) == [SECRET]
    assert np.array_equal(buffer, before)


def test_a_picture_that_may_not_be_written_to_is_read() -> None:
    pixels = picture(SECRET)
    pixels.flags.writeable = False

    assert texts(pixels) == [SECRET]


@pytest.mark.parametrize("seed", range(5))
def test_there_is_nothing_in_noise(seed: int) -> None:
    noise = np.random.default_rng(seed).integers(0, 256, (480, 640), np.uint8)

    assert decode(noise) == []


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("shape", [(480, 640), (1, 1), (1, 640)])
def test_there_is_nothing_on_a_wall(level: int, shape: tuple[int, int]) -> None:
    assert decode(np.full(shape, level, np.uint8)) == []


def test_half_a_code_is_no_code() -> None:
    code = picture(SECRET)

    assert decode(np.ascontiguousarray(code[:, : code.shape[1] // 2])) == []


def test_a_code_too_damaged_is_not_guessed() -> None:
    code = picture(SECRET, error="l", boost_error=False)
    middle = slice(code.shape[0] // 3, 2 * code.shape[0] // 3)
    code[middle, middle] = 128

    assert decode(code) == []


def test_other_kinds_of_codes_are_not_read() -> None:
    micro = segno.make_micro("12345").matrix_iter(scale=6, border=4)

    assert decode(np.array([[0 if dark else 255 for dark in row] for row in micro], np.uint8)) == []


OTHERS: dict[Format, Any] = {
    "aztec": zxingcpp.BarcodeFormat.AztecCode,
    "pdf417": zxingcpp.BarcodeFormat.PDF417,
    "datamatrix": zxingcpp.BarcodeFormat.DataMatrix,
    "code128": zxingcpp.BarcodeFormat.Code128,
}


def other(kind: Format, text: str = SECRET) -> Grey:
    """A code of another kind with a wide quiet zone."""
    code = zxingcpp.create_barcode(text, OTHERS[kind]).to_image(scale=4, add_quiet_zones=True)
    return np.pad(np.array(code, np.uint8), 24, constant_values=255)


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("quarter_turns", [0, 1])
def test_another_kind_of_code_is_read_only_when_asked_for(kind: Format, quarter_turns: int) -> None:
    pixels = np.ascontiguousarray(np.rot90(other(kind), quarter_turns))

    assert decode(pixels) == []
    (code,) = decode(pixels, formats=["qr", kind])
    assert code.text == SECRET
    assert code.format.lower() == kind


def test_a_damaged_code_of_another_kind_is_not_taken_for_a_qr_code() -> None:
    pixels = other("aztec")
    middle = pixels.shape[0] // 2
    pixels[middle + 8 :, middle - 8 :] = 255

    assert decode_or_locate(pixels, formats=["qr", "aztec"]) == ([], [])


def test_a_blurred_and_dim_code_is_read() -> None:
    blurred = cv2.GaussianBlur(picture(SECRET), (0, 0), 1.5)

    assert texts(np.asarray(blurred * 0.25 + 40, np.uint8)) == [SECRET]
