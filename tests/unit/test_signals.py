"""The signals can be told apart by everybody, and every decision has one."""

from __future__ import annotations

import dataclasses
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from gated import config, signal_table, signals
from gated.config.panel import SignalName, StatusName
from gated.errors import ConfigError
from gated.model import Reason, ScanType, Verdict
from gated.signals import SIGNALS, STATUS, Signal, Step

if TYPE_CHECKING:
    from collections.abc import Callable

VERDICTS = ("accepted", "attention", "free_flow", "refused", "already_left", "unknown", "error")
GREEN = ("accepted", "attention", "free_flow")
MODES = ("mode_entry", "mode_exit", "mode_locked", "mode_unlocked")
NOTICEABLE = 1.8


def bursts(signal: Signal, on: Callable[[Step], bool]) -> tuple[float, ...]:
    """How long each light or tone lasts, whatever its colour or pitch."""
    lengths: list[float] = []
    before = False
    for step in signal.steps:
        if on(step) and before:
            lengths[-1] += step.seconds
        elif on(step):
            lengths.append(step.seconds)
        before = on(step)
    return tuple(lengths)


def lit(step: Step) -> bool:
    return step.lit


def sounds(step: Step) -> bool:
    return step.tone_hz > 0


def differ(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Whether a person notices: another count, or one burst at least so much longer."""
    if len(one) != len(other):
        return True
    ratios = (max(a, b) / min(a, b) for a, b in zip(one, other, strict=True))
    return any(ratio >= NOTICEABLE for ratio in ratios)


@pytest.mark.parametrize(("one", "other"), list(combinations(VERDICTS, 2)))
def test_two_verdicts_differ_in_the_rhythm_of_their_lights_without_their_colours(
    one: str, other: str
) -> None:
    assert differ(bursts(SIGNALS[one], lit), bursts(SIGNALS[other], lit))


@pytest.mark.parametrize(("one", "other"), list(combinations((*VERDICTS, *MODES), 2)))
def test_two_signals_differ_in_the_rhythm_of_their_sound_without_its_pitch(
    one: str, other: str
) -> None:
    assert differ(bursts(SIGNALS[one], sounds), bursts(SIGNALS[other], sounds))


@pytest.mark.parametrize(("one", "other"), list(combinations((*VERDICTS, *MODES), 2)))
def test_two_signals_read_differently_in_the_table_for_staff(one: str, other: str) -> None:
    rows = {row.name.replace(" ", "_"): row for row in signal_table.table()}

    assert rows[one].sound != rows[other].sound
    assert rows[one].meaning != rows[other].meaning


@pytest.mark.parametrize("name", VERDICTS)
def test_a_verdict_lights_up_and_sounds_at_once(name: str) -> None:
    first = SIGNALS[name].steps[0]

    assert lit(first)
    assert sounds(first)


@pytest.mark.parametrize("name", VERDICTS)
def test_green_and_red_are_never_in_one_signal(name: str) -> None:
    steps = SIGNALS[name].steps

    green, red = any(step.green for step in steps), any(step.red for step in steps)
    assert (green, red) == ((True, False) if name in GREEN else (False, True))


def test_on_an_led_of_three_colours_the_answers_and_the_error_differ_in_colour_too() -> None:
    def colours(name: str) -> tuple[bool, ...]:
        steps = SIGNALS[name].steps
        return tuple(any(getattr(step, one) for step in steps) for one in ("green", "red", "blue"))

    four = [colours(name) for name in ("accepted", "attention", "refused", "error")]
    assert len(set(four)) == 4


def test_a_config_puts_its_own_steps_in_place_of_ours_and_leaves_the_rest() -> None:
    settings = config.parse(
        {
            "signals": {"accepted": {"steps": [{"s": 0.5, "green": True, "hz": 900}]}},
            "status": {"ready": {"on_s": 0.2, "off_s": 0.2, "pause_s": 2.0}},
        }
    )

    own = signals.book(settings)

    assert own.answer(Verdict.ADMIT, Reason.LEFT).steps == (Step(0.5, green=True, tone_hz=900),)
    assert own.answer(Verdict.REFUSE, Reason.INVALID) is SIGNALS["unknown"]
    assert own.status["ready"].beats == ((0.2, True), (2.2, False))
    assert own.status["error"] is STATUS["error"]


def test_a_config_can_override_every_signal_and_every_pattern_by_name() -> None:
    assert get_args(SignalName) == tuple(SIGNALS)
    assert get_args(StatusName) == tuple(STATUS)


@pytest.mark.parametrize(
    "document",
    [
        {"signals": {"error": {"steps": [{"s": 0.1, "red": True}, {"s": 0.1}] * 4}}},
        {"status": {"error": {"on_s": 0.1, "off_s": 0.1}}},
    ],
    ids=["signal", "status"],
)
def test_what_could_harm_people_with_epilepsy_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="more than three times a second"):
        config.parse(document)


def test_an_unknown_signal_comes_with_the_names_there_are() -> None:
    with pytest.raises(ConfigError, match=r"\[signals\] welcome: must be 'accepted'"):
        config.parse({"signals": {"welcome": {"steps": [{"s": 0.1}]}}})


def test_yes_is_quick_and_rises_and_no_is_long_and_low() -> None:
    yes, no = SIGNALS["accepted"], SIGNALS["refused"]
    tones = [step.tone_hz for step in yes.steps if step.tone_hz]

    assert yes.seconds <= 1.0
    assert sum(bursts(yes, sounds)) < signals.LONG_S <= bursts(no, sounds)[0]
    assert tones == sorted(set(tones))
    assert len(tones) > 1
    assert all(step.tone_hz <= signal_table.LOW_HZ for step in no.steps)
    assert no.seconds > yes.seconds


@pytest.mark.parametrize("name", MODES)
def test_a_mode_signal_lights_no_verdict(name: str) -> None:
    assert not any(lit(step) for step in SIGNALS[name].steps)


@pytest.mark.parametrize("signal", list(SIGNALS.values()), ids=list(SIGNALS))
def test_every_step_lasts_and_every_tone_can_be_made(signal: Signal) -> None:
    assert all(step.seconds >= 0.05 for step in signal.steps)
    assert all(step.tone_hz == 0 or 100 <= step.tone_hz <= 5000 for step in signal.steps)


def onsets(beats: list[tuple[float, bool]]) -> list[float]:
    times, now, before = [], 0.0, False
    for seconds, on in beats:
        if on and not before:
            times.append(now)
        now += seconds
        before = on
    return times


def worst_second(times: list[float]) -> int:
    return max(sum(start <= time < start + 1.0 for time in times) for start in times)


@pytest.mark.parametrize("name", VERDICTS)
def test_no_signal_flashes_more_than_three_times_a_second(name: str) -> None:
    assert worst_second(onsets([(step.seconds, lit(step)) for step in SIGNALS[name].steps])) <= 3


@pytest.mark.parametrize("pattern", list(STATUS.values()), ids=list(STATUS))
def test_no_status_flashes_more_than_three_times_a_second(pattern: signals.StatusPattern) -> None:
    assert worst_second(onsets(list(pattern.beats) * 10)) <= 3


def test_status_patterns_blink_as_they_are_described() -> None:
    assert {name: pattern.beats for name, pattern in STATUS.items()} == {
        "starting": ((0.2, True), (0.2, False)),
        "enrol": (*(((0.3, True), (0.3, False)) * 4)[:-1], (1.5, False)),
        "ready": ((1.0, True),),
        "offline": ((1.0, True), (1.0, False)),
        "stale": ((0.3, True), (2.4, False)),
        "wrong_clock": ((0.3, True), (0.3, False), (0.3, True), (2.1, False)),
        "wrong_mode": (*(((0.3, True), (0.3, False)) * 3)[:-1], (1.8, False)),
        "warning": ((1.8, True), (0.2, False)),
        "emergency": (*(((0.15, True), (0.15, False)) * 3)[:-1], (1.25, False)),
        "error": ((0.15, True), (0.15, False), (0.15, True), (0.85, False)),
    }


@pytest.mark.parametrize(("verdict", "reason"), list(product(Verdict, Reason)))
def test_every_decision_has_its_signal(verdict: Verdict, reason: Reason) -> None:
    refusals = {
        Reason.ALREADY_LEFT: "already_left",
        Reason.INVALID: "unknown",
        Reason.ERROR: "error",
    }
    expected = {
        Verdict.ADMIT: "accepted",
        Verdict.ATTENTION: "attention",
        Verdict.REFUSE: refusals.get(reason, "refused"),
    }[verdict]

    if (verdict, reason) == (Verdict.ADMIT, Reason.FREE_FLOW):
        expected = "free_flow"

    assert signals.Book().answer(verdict, reason).name == expected


@pytest.mark.parametrize(("verdict", "reason"), list(product(Verdict, Reason)))
def test_green_means_that_the_guest_walks_on(verdict: Verdict, reason: Reason) -> None:
    signal = signals.Book().answer(verdict, reason)

    assert any(step.green for step in signal.steps) is verdict.admits


def test_each_mode_has_its_own_tones() -> None:
    assert signals.Book().mode(ScanType.ENTRY) is SIGNALS["mode_entry"]
    assert signals.Book().mode(ScanType.EXIT) is SIGNALS["mode_exit"]


@pytest.mark.parametrize(
    ("reason", "verdict", "scan_type", "words"),
    [
        (Reason.ENTERED, Verdict.ADMIT, ScanType.ENTRY, "Checked in"),
        (Reason.ENTERED, Verdict.ATTENTION, ScanType.ENTRY, "Checked in, please look"),
        (Reason.LEFT, Verdict.ADMIT, ScanType.EXIT, "Checked out"),
        (Reason.INVALID, Verdict.REFUSE, ScanType.ENTRY, "Unknown ticket"),
        (Reason.RULES, Verdict.REFUSE, ScanType.ENTRY, "Entry rules not met"),
        (
            Reason.RULES,
            Verdict.ATTENTION,
            ScanType.ENTRY,
            "Entry rules could not be checked: let in, please look",
        ),
        (Reason.ALREADY_REDEEMED, Verdict.REFUSE, ScanType.ENTRY, "Already checked in"),
        (Reason.ALREADY_LEFT, Verdict.REFUSE, ScanType.EXIT, "Left already"),
        (Reason.NOT_CHECKED_IN, Verdict.REFUSE, ScanType.EXIT, "Not checked in"),
        (
            Reason.NOT_CHECKED_IN,
            Verdict.ATTENTION,
            ScanType.EXIT,
            "Not checked in: let out, please look",
        ),
        (
            Reason.CANCELED,
            Verdict.ATTENTION,
            ScanType.EXIT,
            "Order canceled: let out, please look",
        ),
        (Reason.UNPAID, Verdict.ADMIT, ScanType.EXIT, "Order not paid: let out"),
    ],
)
def test_a_decision_in_words(
    reason: Reason, verdict: Verdict, scan_type: ScanType, words: str
) -> None:
    assert signals.reason_words(reason, verdict, scan_type) == words


@pytest.mark.parametrize(("verdict", "scan_type"), list(product(Verdict, ScanType)))
def test_no_two_reasons_share_their_words(verdict: Verdict, scan_type: ScanType) -> None:
    words = [signals.reason_words(reason, verdict, scan_type) for reason in Reason]

    assert len(set(words)) == len(Reason)
    assert all(words)


def test_the_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        SIGNALS["accepted"] = SIGNALS["refused"]  # type: ignore[index]
    with pytest.raises(TypeError):
        STATUS["ready"] = STATUS["error"]  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        SIGNALS["accepted"].name = "refused"  # type: ignore[misc]


def test_the_table_for_the_readme_says_what_the_steps_do() -> None:
    lines = signal_table.markdown_table().splitlines()

    assert lines[:2] == ["| signal | lights | sound | meaning |", "| --- | --- | --- | --- |"]
    assert [line.split(" | ")[:3] for line in lines[2:]] == [
        ["| accepted", "green: long", "short; rising"],
        ["| attention", "green and blue: short short short", "short short short; rising"],
        ["| refused", "red: long long", "long; low"],
        ["| already left", "red: long short", "long short; falling"],
        ["| unknown", "red: short long", "short long; low"],
        [
            "| error",
            "red and blue: long long long long",
            "long long long long; high and low in turn",
        ],
        ["| free flow", "green: long short short", "short short; falling"],
        ["| mode entry", "none", "short short; rising"],
        ["| mode exit", "none", "short short long; falling"],
        ["| mode locked", "none", "long long; falling"],
        ["| mode unlocked", "none", "long short short; rising"],
        ["| enrolled", "none", "short short short long; rising"],
    ]
    assert all(
        line.endswith(f" {signal.meaning} |")
        for line, signal in zip(lines[2:], SIGNALS.values(), strict=True)
    )


def test_the_readme_has_both_tables() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

    assert signal_table.markdown_table() in readme
    assert signal_table.markdown_status() in readme


def test_the_status_table_for_the_readme_has_a_line_for_every_pattern() -> None:
    lines = signal_table.markdown_status().splitlines()

    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| starting", "fast blinking"],
        ["| enrol", "4 slow flashes, pause"],
        ["| ready", "steady"],
        ["| offline", "slow blinking"],
        ["| stale", "1 slow flash, pause"],
        ["| wrong clock", "2 slow flashes, pause"],
        ["| wrong mode", "3 slow flashes, pause"],
        ["| warning", "steady, with a short wink"],
        ["| emergency", "3 quick flashes, pause"],
        ["| error", "2 quick flashes, pause"],
    ]
