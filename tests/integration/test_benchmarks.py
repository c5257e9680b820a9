"""The benchmarks run and measure what they say; how long anything takes is not judged here."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import clips, export, fresh, harmless, idle, lookup, reading, resident, scan, sync
from benchmarks.__main__ import machine
from benchmarks.table import Spread, Table

from gated.camera.passes import read_still


@pytest.mark.timeout(300)
def test_pictures_are_read_as_often_as_was_measured_and_never_as_a_text_they_do_not_hold() -> None:
    frames, photos = reading.read("frames"), reading.read("photos")

    assert frames.wrong + photos.wrong == []
    assert (frames.empty, frames.read_in_empty) == (47, 0)
    assert (frames.holding.total(), photos.holding.total()) == (154, 59)
    assert frames.read.total() >= 148
    assert photos.read.total() >= 55


def test_reading_gives_its_tables() -> None:
    shares, others, kinds, passes = reading.read_all(most=1, each=0)
    (cost,) = reading.cost(most=2, rounds=1)

    assert [row[0] for row in shares.rows] == ["frames", "photos"]
    assert [row[0].split()[0] for row in others.rows[:3]] == ["gated,", "gated,", "zxing-cpp,"]
    assert kinds.rows == (("clean", "1 of 1", "100%"),)
    assert passes.rows[0][0] == "all-on"
    assert [row[0] for row in cost.rows] == ["with a code (2)"]


def test_an_empty_place_is_measured_under_every_light() -> None:
    (table,) = idle.run(reading.sized()[1][:1], None, frames=1)

    assert [row[0] for row in table.rows] == ["median", "worst"]


def test_clips_tell_how_late_a_code_is_read() -> None:
    (table,) = clips.run(1, (30,))

    assert [row[:4] for row in table.rows] == [("30/s", "1", "0", "0")]


def test_frames_drawn_afresh_are_the_same_for_a_seed_and_mostly_read() -> None:
    drawn, again = list(fresh.frames(3, 1)), list(fresh.frames(3, 1))
    read = {one.kind for one in drawn if one.text in {c.text for c in read_still(one.pixels)[0]}}

    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(drawn, again, strict=True))
    assert [one.kind for one in drawn] == list(fresh.KINDS)
    assert len(read) >= 18


def test_nothing_is_read_where_no_code_is() -> None:
    looks = [harmless.look(number) for number in range(10 * len(harmless.KINDS))]

    assert [(kind, text) for kind, text in looks if text is not None] == []
    assert {kind for kind, _ in looks} == set(harmless.KINDS)


def test_memory_is_told_for_the_eye_at_work() -> None:
    (table,) = resident.run(frames=200)

    assert len(table.rows) == 5
    assert "of 200 frames" in table.notes[0]


def test_a_scan_is_measured_part_by_part() -> None:
    (table,) = scan.run(rounds=4, warm_up=1)

    assert [row[0].split()[0] for row in table.rows] == ["decoding", "durable", "rest", "sighting"]
    assert all(float(cell) > 0 for row in table.rows for cell in row[3:5])


def test_a_list_is_loaded_looked_up_and_started_with() -> None:
    lookups, passes, waits = lookup.run(size=200, rounds=3, opens=1)

    assert [row[0] for row in lookups.rows] == [
        f"{kind}, among {size}" for size in ("200", "2,000") for kind in ("known", "unknown")
    ]
    assert [row[:2] for row in passes.rows] == [
        ("20, first", "20"),
        ("20, unchanged second", "0"),
        ("200, first", "200"),
        ("200, unchanged second", "0"),
    ]
    assert len(waits.rows) == 3


def test_the_ledger_is_exported_beside_a_bare_select_and_guests() -> None:
    exports, meanwhile = export.run(size=400)

    assert [row[0] for row in exports.rows] == [
        f"{what}, {size}"
        for size in (20, 400)
        for what in (
            "bare SELECT and csv.writer",
            "gated scans --format csv",
            "gated scans --format jsonl",
        )
    ]
    assert [row[0] for row in meanwhile.rows] == ["is left alone", "is exported"]


def test_the_ways_down_and_up_are_measured_beside_a_bare_loop() -> None:
    down, up, waits = sync.run(size=120, changed=3, exits=8, rounds=1, slow_s=0.001)

    assert [row[0] for row in down.rows] == [
        "the first time",
        "again, unchanged",
        "the first time, 1 ms an answer",
        "again, unchanged, 1 ms an answer",
        "the first time, pages made before",
        "again, unchanged, pages made before",
        "3 changes",
        "3 changes, 1 ms an answer",
    ]
    assert [row[0] for row in up.rows] == [
        "through redeem",
        "through redeem, 1 ms an answer",
        "through checkout",
        "through checkout, 1 ms an answer",
    ]
    assert all(float(row[3]) > 0 for row in (*down.rows, *up.rows))
    assert len(waits.rows) == 4


def test_a_spread_is_the_median_and_the_sample_that_99_of_100_do_not_exceed() -> None:
    assert Spread.of([float(n) for n in range(200, 0, -1)]) == Spread(100.5, 198.0, 200)
    assert Spread.of([3.0]) == Spread(3.0, 3.0, 1)


def test_a_table_is_markdown_with_its_columns_aligned() -> None:
    table = Table("Title", ("what", "ms"), (("a", "1.5"), ("longer", "12.25")), ("a note",))

    assert table.markdown().splitlines() == [
        "### Title",
        "",
        "| what   |    ms |",
        "| ------ | ----: |",
        "| a      |   1.5 |",
        "| longer | 12.25 |",
        "",
        "- a note",
    ]
    assert "Python 3." in machine()
