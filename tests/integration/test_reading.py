"""The camera thread with its eye: every guest before a camera is read, once."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from benchmarks.clips import padded
from click.testing import CliRunner

from gated.camera.reader import Reader
from gated.camera.repeat import Repeat
from gated.camera.scene import Guest, Scene
from gated.cli import cli
from gated.model import ScanType, Sighting

PICTURES = Path(__file__).parent.parent / "pictures"


def text(number: int) -> str:
    return f"k7m2p9x4c6v8b3n5q7w2e4r6t8{number:06d}"


async def test_every_guest_is_seen_once_and_the_empty_place_is_hardly_looked_at() -> None:
    cast = [Guest(text(number), "valid", gap_s=0.8, hold_s=0.1) for number in range(3)]
    waiting = list(cast)
    scene = Scene(lambda: waiting.pop(0) if waiting else None, fps=20, seed=4)
    sightings: asyncio.Queue[Sighting | None] = asyncio.Queue(4)
    reader = Reader(scene, Repeat(again_s=8), sightings, mode=lambda: ScanType.ENTRY)
    task = asyncio.create_task(reader.run())
    seen = []
    for _ in cast:
        sighting = await asyncio.wait_for(sightings.get(), 20)
        assert sighting is not None
        seen.append((sighting.text, sighting.again))
        scene.answered(sighting.text)
    await asyncio.sleep(1.2)
    before = reader.frames, reader.eye.quality.looked
    await asyncio.sleep(1.5)
    after = reader.frames, reader.eye.quality.looked
    task.cancel()
    await asyncio.wait({task})

    assert seen == [(guest.text, False) for guest in cast]
    assert sightings.empty()
    assert after[0] > before[0]
    assert after[1] - before[1] < (after[0] - before[0]) / 2
    assert reader.reads > 0
    assert reader.decode_ms > 0


async def test_a_slow_decoder_skips_frames_but_no_guest() -> None:
    cast = [Guest(text(number), "valid", gap_s=0.5, hold_s=0.5) for number in range(3)]
    waiting, fps = list(cast), 60
    scene = Scene(lambda: waiting.pop(0) if waiting else None, fps=fps, seed=6)
    sightings: asyncio.Queue[Sighting | None] = asyncio.Queue(4)
    reader = Reader(scene, Repeat(again_s=8), sightings, mode=lambda: ScanType.ENTRY)
    with padded(20):
        task = asyncio.create_task(reader.run())
        started, seen = time.monotonic(), []
        for _ in cast:
            sighting = await asyncio.wait_for(sightings.get(), 20)
            assert sighting is not None
            seen.append(sighting.text)
            scene.answered(sighting.text)
        shown = fps * (time.monotonic() - started)
        task.cancel()
        await asyncio.wait({task})

    assert seen == [guest.text for guest in cast]
    # A frame that had to wait for the ones before it would be looked at late, but not skipped.
    assert reader.frames < 0.8 * shown


def test_gated_read_says_which_pass_read_a_picture() -> None:
    clean, blurred = (PICTURES / "frames" / f"{name}.jpg" for name in ("000-clean", "054-defocus"))
    result = CliRunner().invoke(cli, ["read", "--json", str(clean), str(blurred)])
    first, second = (json.loads(line) for line in result.stdout.splitlines())

    assert set(first) == {"file", "texts", "ms", "pass"}
    assert (first["pass"], second["pass"]) == ("all-on", "focus")
    assert first["texts"] == ["a7mxjh1s7y42lkb2hp"]
    assert len(second["texts"]) == 1
