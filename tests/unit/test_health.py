"""The box is as well as its worst part, and the bell rings for changes only."""

from __future__ import annotations

import pytest

from gated.health import Bell, Condition, Health, Level


class Ear:
    """Counts the rings."""

    def __init__(self, bell: Bell) -> None:
        self.rings = 0
        bell.on_ring(self.hear)

    def hear(self) -> None:
        self.rings += 1


def test_a_box_of_which_nothing_is_known_is_ready() -> None:
    health = Health()

    assert health.conditions == ()
    assert health.worst is Level.OK
    assert health.pattern == "ready"
    assert health.of("camera") is None


def test_the_last_report_of_a_part_counts() -> None:
    health = Health()
    health.fail("camera", "no pictures")
    health.ok("camera")

    assert health.of("camera") == Condition("camera", Level.OK, "")
    assert health.conditions == (Condition("camera", Level.OK, ""),)
    assert health.worst is Level.OK


def test_the_worst_parts_come_first_then_by_name() -> None:
    health = Health()
    health.ok("store")
    health.warn("server", "does not answer")
    health.fail("panel", "no lamps")
    health.fail("camera", "no pictures")
    health.warn("list", "old")

    assert [one.part for one in health.conditions] == [
        "camera",
        "panel",
        "list",
        "server",
        "store",
    ]
    assert health.worst is Level.ERROR


def test_every_level_has_a_word() -> None:
    assert [level.word for level in sorted(Level)] == ["ok", "warning", "error"]


@pytest.mark.parametrize(
    ("levels", "pattern"),
    [
        ({"server": Level.OK, "camera": Level.OK}, "ready"),
        ({"server": Level.WARNING, "camera": Level.OK}, "offline"),
        ({"server": Level.WARNING, "camera": Level.WARNING}, "offline"),
        ({"server": Level.OK, "camera": Level.WARNING}, "warning"),
        ({"camera": Level.WARNING}, "warning"),
        ({"emergency": Level.WARNING, "camera": Level.ERROR}, "emergency"),
        ({"mode": Level.WARNING, "server": Level.WARNING}, "wrong_mode"),
        ({"list": Level.WARNING, "camera": Level.WARNING}, "stale"),
        ({"list": Level.WARNING, "server": Level.WARNING}, "offline"),
        ({"clock": Level.WARNING, "server": Level.WARNING}, "wrong_clock"),
        ({"server": Level.ERROR, "camera": Level.OK}, "error"),
        ({"server": Level.WARNING, "camera": Level.ERROR}, "error"),
    ],
)
def test_the_status_lamp_shows_what_is_worst(levels: dict[str, Level], pattern: str) -> None:
    health = Health()
    for part, level in levels.items():
        health.report(part, level, "words")

    assert health.pattern == pattern


def test_the_bell_rings_when_a_condition_changes_and_only_then() -> None:
    health = Health()
    ear = Ear(health.changed)

    health.ok("camera")
    assert ear.rings == 1
    health.ok("camera")
    assert ear.rings == 1
    health.warn("camera", "slow")
    assert ear.rings == 2
    health.warn("camera", "very slow")
    assert ear.rings == 3
    health.ok("server")
    assert ear.rings == 4


def test_who_hears_the_bell_sees_the_new_condition() -> None:
    health = Health()
    seen: list[Level] = []
    health.changed.on_ring(lambda: seen.append(health.worst))

    health.fail("camera", "no pictures")

    assert seen == [Level.ERROR]


def test_a_bell_rings_for_everybody() -> None:
    bell = Bell()
    ears = [Ear(bell) for _ in range(3)]

    bell.ring()
    bell.ring()

    assert [ear.rings for ear in ears] == [2, 2, 2]


def test_a_bell_may_be_shared() -> None:
    bell = Bell()
    ear = Ear(bell)

    Health(bell).ok("camera")

    assert ear.rings == 1
