"""A camera made of files: what is shown, in which order, how often, and when it says no."""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from gated.camera.files import Files
from gated.camera.pictures import find, jpeg, read_picture
from gated.errors import CameraError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gated.model import Frame

LONG_AGO = 1_700_000_000
PATIENCE_S = 20.0


def draw(file: Path, level: int, *, width: int = 64, height: int = 48) -> Path:
    """Write a plain grey picture, as if it lay there for long."""
    pixels = np.full((height, width), level, np.uint8)
    written, data = cv2.imencode(file.suffix, pixels)
    assert written
    file.write_bytes(bytes(data))
    os.utime(file, (LONG_AGO, LONG_AGO))
    return file


def film(file: Path, levels: range, *, fps: float = 60) -> Path:
    """Write a film of plain grey pictures."""
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    assert writer.isOpened()
    for level in levels:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return file


def camera(path: Path, *, watch: bool = False, hold_ms: int = 1, fps: float = 240) -> Files:
    eye = Files(path, watch=watch, hold_ms=hold_ms, fps=fps)
    eye.open()
    return eye


def level_of(frame: Frame) -> int:
    return int(np.median(frame.pixels))


def shown(eye: Files) -> list[int]:
    """The grey levels of all frames until there are no more."""
    levels = [level_of(frame) for frame in itertools.takewhile(bool, eye.frames()) if frame]
    eye.close()
    return levels


def in_turn(levels: list[int]) -> list[int]:
    return [level for level, _ in itertools.groupby(levels)]


def next_frame(frames: Iterator[Frame | None]) -> Frame:
    """Wait until something is shown."""
    until = time.monotonic() + PATIENCE_S
    for frame in frames:
        if frame is not None:
            return frame
        assert time.monotonic() < until, "nothing was shown"
    raise AssertionError("the camera ended")


def rest_until_nothing(frames: Iterator[Frame | None]) -> list[int]:
    """What is shown until the camera has looked around and found nothing new."""
    return [level_of(frame) for frame in itertools.takewhile(bool, frames) if frame]


def test_a_picture_is_shown_in_grey_as_it_is(tmp_path: Path) -> None:
    eye = camera(draw(tmp_path / "one.png", 77))
    frame = next_frame(eye.frames())
    eye.close()

    assert frame.pixels.shape == (48, 64)
    assert frame.pixels.dtype == np.uint8
    assert (frame.pixels == 77).all()
    assert frame.source == eye.name == "files"


def test_the_pictures_of_a_folder_are_shown_in_order_of_their_names(tmp_path: Path) -> None:
    for name, level in (("c.png", 30), ("a.jpg", 10), ("B.JPEG", 5), ("b.webp", 20)):
        draw(tmp_path / name, level)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "more").mkdir()
    draw(tmp_path / "more" / "d.png", 40)

    assert in_turn(shown(camera(tmp_path))) == [5, 10, 20, 30]


def test_each_picture_is_shown_once_and_then_nothing_for_ever(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 10)
    eye = camera(tmp_path)
    frames = eye.frames()
    next_frame(frames)
    rest_until_nothing(frames)

    draw(tmp_path / "b.png", 20)

    assert [next(frames) for _ in range(3)] == [None] * 3
    eye.close()


def test_a_picture_is_held_up_for_so_many_frames(tmp_path: Path) -> None:
    file = draw(tmp_path / "one.png", 77)
    slowly = shown(camera(file, hold_ms=300, fps=10))
    quickly = shown(camera(file, hold_ms=300, fps=200))

    # A busy machine shows fewer, none shows more: 0, 100, 200 and 300 ms.
    assert 1 <= len(slowly) <= 5
    assert len(slowly) < len(quickly) <= 62


def test_the_frames_of_one_picture_carry_times_that_grow(tmp_path: Path) -> None:
    eye = camera(draw(tmp_path / "one.png", 77), hold_ms=50)
    times = [frame.seen for frame in itertools.takewhile(bool, eye.frames()) if frame]
    eye.close()

    assert times == sorted(times)
    assert len(set(times)) == len(times)


def test_a_film_is_shown_once_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    levels = shown(camera(film(tmp_path / "guests.avi", range(20, 220, 20))))

    # A slow machine drops frames, never their order.
    assert 1 <= len(levels) <= 10
    assert levels == sorted(levels)


def test_a_film_and_pictures_lie_in_one_folder(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 250)
    film(tmp_path / "b.avi", range(100, 130, 10))
    draw(tmp_path / "c.png", 5)
    levels = shown(camera(tmp_path))

    assert levels[0] == 250
    assert levels[-1] == 5


def test_with_watch_only_what_arrives_is_shown(tmp_path: Path) -> None:
    draw(tmp_path / "old.png", 10)
    eye = camera(tmp_path, watch=True)
    frames = eye.frames()
    assert [next(frames) for _ in range(2)] == [None, None]

    draw(tmp_path / "a new one.png", 20)
    first = level_of(next_frame(frames))
    others = rest_until_nothing(frames)
    draw(tmp_path / "another.png", 30)
    second = level_of(next_frame(frames))
    eye.close()

    assert {first, *others} == {20}
    assert second == 30


def test_with_watch_an_empty_folder_is_waited_for(tmp_path: Path) -> None:
    eye = camera(tmp_path, watch=True)
    frames = eye.frames()

    assert [next(frames) for _ in range(3)] == [None] * 3
    eye.close()


def test_with_watch_a_half_written_picture_is_shown_once_it_is_whole(tmp_path: Path) -> None:
    whole = draw(tmp_path / "whole.png", 60).read_bytes()
    eye = camera(tmp_path, watch=True)
    frames = eye.frames()
    next(frames)

    file = tmp_path / "arriving.png"
    file.write_bytes(whole[: len(whole) // 2])
    os.utime(file, (LONG_AGO, LONG_AGO))  # a copy that stalls
    assert [next(frames) for _ in range(3)] == [None] * 3
    file.write_bytes(whole)

    assert level_of(next_frame(frames)) == 60
    eye.close()


def test_with_watch_a_picture_being_written_is_left_alone(tmp_path: Path) -> None:
    eye = camera(tmp_path, watch=True)
    frames = eye.frames()
    next(frames)

    file = draw(tmp_path / "arriving.png", 60)
    written = time.time()
    os.utime(file, (written, written))
    looked = next(frames)
    # On a machine that slept in between it may be whole by now.
    assert looked is None or time.time() - written > 0.1

    assert level_of(next_frame(frames)) == 60
    eye.close()


def test_with_watch_a_picture_that_is_replaced_is_shown_anew(tmp_path: Path) -> None:
    eye = camera(tmp_path, watch=True)
    frames = eye.frames()
    next(frames)
    file = draw(tmp_path / "newest.png", 20)
    next_frame(frames)
    rest_until_nothing(frames)

    draw(file, 30, width=96)

    assert level_of(next_frame(frames)) == 30
    eye.close()


def test_with_watch_what_only_has_a_pictures_name_is_passed_over(tmp_path: Path) -> None:
    eye = camera(tmp_path, watch=True)
    frames = eye.frames()
    next(frames)

    for name in ("a.jpg", "b.mp4", "c.png"):
        file = tmp_path / name
        file.write_text("" if name == "c.png" else "no picture at all")
        os.utime(file, (LONG_AGO, LONG_AGO))
    (tmp_path / "d.png").mkdir()
    draw(tmp_path / "e.png", 90)

    assert level_of(next_frame(frames)) == 90
    eye.close()


@pytest.mark.parametrize("name", ["a.jpg", "b.mp4"])
def test_without_watch_what_only_has_a_pictures_name_is_an_error(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text("no picture at all")
    eye = camera(tmp_path)

    with pytest.raises(CameraError, match=name):
        list(itertools.islice(eye.frames(), 3))


@pytest.mark.parametrize("watch", [True, False])
def test_a_folder_that_goes_away_is_an_error(tmp_path: Path, watch: bool) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    file = draw(folder / "a.png", 10)
    eye = camera(folder, watch=watch)
    frames = eye.frames()
    while next(frames) is not None:
        pass

    file.unlink()
    folder.rmdir()

    with pytest.raises(CameraError, match="has gone"):
        list(itertools.islice(frames, 3))


@pytest.mark.parametrize(
    ("name", "watch", "complaint"),
    [
        ("nowhere", False, "there is no picture, video or folder at"),
        ("nowhere", True, "watch needs a folder"),
        ("a.png", True, "watch needs a folder"),
        ("empty", False, "there are no pictures in"),
    ],
)
def test_a_path_with_nothing_to_show_is_an_error_at_once(
    tmp_path: Path, name: str, watch: bool, complaint: str
) -> None:
    draw(tmp_path / "a.png", 10)
    (tmp_path / "empty").mkdir()

    with pytest.raises(CameraError, match=complaint):
        camera(tmp_path / name, watch=watch)


def test_closing_ends_the_frames_whatever_is_being_shown(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 10)
    draw(tmp_path / "b.png", 20)
    eye = camera(tmp_path, hold_ms=60_000)
    frames = eye.frames()
    next(frames)

    eye.close()

    assert [level_of(frame) for frame in frames if frame] == []


def test_closing_ends_a_film(tmp_path: Path) -> None:
    eye = camera(film(tmp_path / "guests.avi", range(200), fps=1))
    frames = eye.frames()
    next(frames)

    eye.close()

    assert list(frames) == []


def test_a_closed_camera_can_be_opened_again_and_shows_everything_again(tmp_path: Path) -> None:
    eye = camera(draw(tmp_path / "a.png", 10))
    assert in_turn(shown(eye)) == [10]

    eye.open()

    assert in_turn(shown(eye)) == [10]


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".webp", ".bmp", ".pgm", ".tif"])
def test_pictures_of_all_usual_formats_are_read(tmp_path: Path, suffix: str) -> None:
    pixels = read_picture(draw(tmp_path / f"a{suffix}", 77))

    assert pixels.shape == (48, 64)
    assert np.abs(pixels.astype(int) - 77).max() <= 1


def test_a_picture_in_colour_is_read_in_grey(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    assert cv2.imwrite(str(file), np.full((48, 64, 3), (10, 200, 30), np.uint8))

    assert read_picture(file).shape == (48, 64)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + bytes(100)])
def test_a_file_that_is_no_picture_says_which(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(content)

    with pytest.raises(CameraError, match=r"a\.png is not a picture"):
        read_picture(file)


def test_a_picture_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(CameraError, match="cannot be read: No such file"):
        read_picture(tmp_path / "a.png")


def test_a_picture_for_the_page_is_a_jpeg_of_it() -> None:
    data = jpeg(np.full((48, 64), 77, np.uint8))

    assert data.startswith(b"\xff\xd8")
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert decoded is not None
    assert decoded.shape == (48, 64)


def test_a_single_file_is_found_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "ticket"
    file.write_bytes(draw(tmp_path / "a.png", 50).read_bytes())

    assert find(file) == [file]
    assert in_turn(shown(camera(file))) == [50]
