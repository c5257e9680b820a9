"""Presses, long presses and keys, told from chatter: on mock pins, in exact time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import given
from hypothesis import strategies as st
from stepped import run

from gated import config
from gated.panel import Input
from gated.panel.debounce import Contact
from gated.panel.gpio import GpioPanel

SETTLE_MS = 20
SHORT, LONG = Input.SHORT_PRESS, Input.LONG_PRESS


@pytest.mark.parametrize(
    ("edges", "turns"),
    [
        ([(0, True)], [20]),
        ([(0, True), (300, False)], [20, 320]),
        ([(0, True), (1, False), (2, True), (300, False)], [22, 320]),
        ([(0, True), (300, False), (301, True), (302, False)], [20, 322]),
        ([(0, True), (19, False)], []),
        ([(0, True), (20, False)], [20, 40]),
        ([(0, True), (15, True)], [35]),
        ([(0, False)], []),
        ([(time, time % 20 == 0) for time in range(0, 1000, 10)], []),
        ([], []),
    ],
    ids=[
        "a press",
        "a press and its release",
        "a press that chatters",
        "a release that chatters",
        "a spark that is too short",
        "the shortest press there is",
        "an edge was missed",
        "open already",
        "chatter that does not end",
        "nothing",
    ],
)
def test_a_contact_turns_when_it_has_held(edges: list[tuple[int, bool]], turns: list[int]) -> None:
    contact = Contact(closed=False, settle_s=0.02)
    told = dict(edges)
    found = []
    for ms in range(1200):
        if contact.settle(ms / 1000 + 1e-9):
            found.append(ms)
        if ms in told:
            contact.edge(closed=told[ms], now_s=ms / 1000)

    assert found == turns


def played(levels: list[tuple[float, bool]], **mode: Any) -> list[tuple[float, Input]]:
    """What a button whose levels change at these times is understood to say, and when."""
    told: list[tuple[float, Input]] = []
    factory = MockFactory(pin_class=MockPWMPin)

    async def play() -> None:
        loop = asyncio.get_running_loop()
        panel = GpioPanel(
            config.Panel(mode=config.Mode(**mode), button_debounce_ms=SETTLE_MS),
            pin_factory=factory,
            on_input=lambda given: told.append((round(loop.time(), 4), given)),
            on_change=lambda: None,
            on_failure=lambda error: pytest.fail(str(error)),
        )
        async with panel:
            for at, down in levels:
                await asyncio.sleep(at - loop.time())
                pin = factory.pin(25)
                if down:
                    pin.drive_low()
                else:
                    pin.drive_high()
            await asyncio.sleep(60)

    run(play())
    return told


@dataclass(frozen=True)
class Push:
    """A finger on the button: after so long a pause, held for so long, rattling in between."""

    pause_s: float
    held_s: float
    rattle_down_ms: tuple[int, ...]
    rattle_up_ms: tuple[int, ...]

    def levels(self, start: float) -> tuple[list[tuple[float, bool]], float]:
        """Its edges from `start`, and when its last one is over."""
        down = start + self.pause_s
        edges = [(down, True)]
        at, level = down, True
        for ms in self.rattle_down_ms:
            at, level = at + ms / 1000, not level
            edges.append((at, level))
        if not level:
            at += 0.001
            edges.append((at, True))
        at += self.held_s
        edges.append((at, False))
        level = False
        for ms in self.rattle_up_ms:
            at, level = at + ms / 1000, not level
            edges.append((at, level))
        if level:
            at += 0.001
            edges.append((at, False))
        return edges, at


rattles = st.lists(st.integers(1, SETTLE_MS - 1), max_size=12).map(tuple)


def pushes(held: st.SearchStrategy[float]) -> st.SearchStrategy[Push]:
    pauses = st.floats(0.05, 5)
    return st.builds(
        Push, pause_s=pauses, held_s=held, rattle_down_ms=rattles, rattle_up_ms=rattles
    )


def edges_of(all_pushes: list[Push]) -> list[tuple[float, bool]]:
    edges, now = [], 1.0
    for push in all_pushes:
        more, now = push.levels(now)
        edges += more
    return edges


@given(st.lists(pushes(st.floats(0.03, 10)), max_size=6))
def test_every_push_is_one_press_however_it_rattles(all_pushes: list[Push]) -> None:
    told = [given for _, given in played(edges_of(all_pushes))]

    assert told == [SHORT] * len(all_pushes)


@given(
    st.lists(
        pushes(st.one_of(st.floats(0.03, 1.7), st.floats(2.05, 8))),
        max_size=6,
    )
)
def test_with_a_lock_a_push_is_long_or_short_by_how_long_it_was_held(
    all_pushes: list[Push],
) -> None:
    told = [given for _, given in played(edges_of(all_pushes), lock="long_press")]

    assert told == [LONG if push.held_s > 2 else SHORT for push in all_pushes]


@given(st.lists(st.tuples(st.integers(1, SETTLE_MS - 1), st.integers(1, 5000)), max_size=30))
def test_sparks_shorter_than_the_debounce_are_no_presses(sparks: list[tuple[int, int]]) -> None:
    edges, now = [], 1.0
    for length_ms, pause_ms in sparks:
        now += pause_ms / 1000
        edges.append((now, True))
        now += length_ms / 1000
        edges.append((now, False))

    assert played(edges) == []


def test_a_long_press_counts_while_it_is_still_held_and_a_short_one_when_let_go() -> None:
    levels = [(1.0, True), (5.0, False), (7.0, True), (7.5, False)]

    assert played(levels, lock="long_press") == [(3.02, LONG), (7.52, SHORT)]
    assert played(levels) == [(1.02, SHORT), (7.02, SHORT)]


def test_a_key_says_where_it_stands_at_the_start_and_at_every_turn() -> None:
    levels = [(1.0, True), (1.005, False), (1.01, True), (9.0, False)]

    assert played(levels, kind="key_switch") == [
        (0.0, Input.KEY_OPEN),
        (1.03, Input.KEY_CLOSED),
        (9.02, Input.KEY_OPEN),
    ]
