"""Who may switch the mode, what remains of it, and what looks like the wrong one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

import pytest

from gated import config
from gated.desk import Desk
from gated.emergency import Emergency
from gated.health import Health
from gated.model import Act, Reason, Scan, ScanType, Verdict
from gated.panel import Input, open_panel
from gated.panel.pins import mock_pins
from gated.passage import Passage
from gated.schedule import Entry
from gated.steering import Steering
from gated.store import Store, ledger
from gated.timetable import Timetable, entries_of
from gated.wrong_mode import IN_A_ROW, WrongMode

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


class Hand:
    """A clock that stands still until it is moved; `known` says whether it may be trusted."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now
        self.known = True
        self.clock = self

    def wall(self) -> datetime:
        return self.now

    @property
    def is_known(self) -> bool:
        return self.known


class Rig:
    """Desk, timetable and steering over a real store and mock pins; can be restarted."""

    def __init__(self, folder: Path, hand: Hand, *entries: Entry) -> None:
        self.folder = folder
        self.hand = hand
        self.entries = entries
        self.health = Health()
        self.pins = mock_pins()
        self.pressed_out: list[datetime] = []

    async def __aenter__(self) -> Self:
        self.store = Store(self.folder / "gated.db", self.folder / "gated.key")
        await self.store.__aenter__()
        self.panel = open_panel(
            config.Panel(),
            pin_factory=self.pins,
            on_input=lambda _: None,
            on_change=lambda: None,
            on_failure=lambda error: pytest.fail(str(error)),
        )
        await self.panel.__aenter__()
        clock: Any = self.hand
        self.desk = Desk(self.store, self.panel, clock, self.health, on_change=lambda: None)
        await self.desk.start("last")

        async def to(mode: ScanType, *_: object) -> None:
            await self.desk.set_mode(mode, origin="schedule")

        async def out(at: datetime, _: timedelta) -> None:
            self.pressed_out.append(at)

        actions: dict[str, Any] = {
            "entry": partial(to, ScanType.ENTRY),
            "exit": partial(to, ScanType.EXIT),
            "checkout_all": out,
        }
        self.timetable = Timetable(self.store, clock, self.entries, BERLIN, actions)
        wrong = WrongMode(self.health)
        self.desk.on_mode = wrong.forget
        passage = Passage(config.Passage(), self.store, self.panel, clock, self.health)
        emergency = Emergency(self.store, clock, passage, self.health, has_input=False, zone=BERLIN)
        self.steering = Steering(
            self.desk, self.timetable, wrong, passage, emergency, ScanType.ENTRY
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.panel.__aexit__(None, None, None)
        await self.store.__aexit__(None, None, None)

    async def restart(self) -> None:
        await self.__aexit__()
        await self.__aenter__()

    async def acts(self) -> list[Act]:
        return await self.store.read(ledger.acts)

    @property
    def mode(self) -> str:
        return str(self.desk.mode)

    def lamps(self) -> tuple[bool, bool]:
        return bool(self.pins.pin(22).state), bool(self.pins.pin(23).state)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with Rig(tmp_path, Hand()) as made:
        yield made


async def test_a_press_switches_and_is_an_act_with_origin_and_time(rig: Rig) -> None:
    await rig.steering.obey(Input.SHORT_PRESS)

    assert rig.mode == ScanType.ENTRY
    assert rig.lamps() == (True, False)
    assert (await rig.acts())[-1] == Act(what="mode", origin="button", at=NOON, detail="entry")


async def test_a_locked_mode_is_not_switched_by_the_button_but_by_everybody_else(rig: Rig) -> None:
    await rig.steering.obey(Input.LONG_PRESS)
    await rig.steering.obey(Input.SHORT_PRESS)
    assert rig.mode == ScanType.EXIT
    # What is heard says so: the tone of the lock.
    assert rig.panel.lamps().buzzer_hz == 440

    await rig.restart()
    await rig.steering.obey(Input.SHORT_PRESS)
    assert rig.mode == ScanType.EXIT

    await rig.desk.set_mode(ScanType.ENTRY, origin="page")
    assert rig.mode == ScanType.ENTRY
    await rig.steering.obey(Input.LONG_PRESS)
    await rig.steering.obey(Input.SHORT_PRESS)
    assert rig.mode == ScanType.EXIT
    assert [(act.what, act.origin, act.detail) for act in (await rig.acts())[1:]] == [
        ("mode_lock", "button", "locked"),
        ("mode", "page", "entry"),
        ("mode_lock", "button", "unlocked"),
        ("mode", "button", "exit"),
    ]


async def test_a_key_sets_the_mode_it_stands_for_and_no_act_where_nothing_changed(
    rig: Rig,
) -> None:
    for given in (Input.KEY_OPEN, Input.KEY_CLOSED, Input.KEY_CLOSED, Input.KEY_OPEN):
        await rig.steering.obey(given)

    assert [(act.origin, act.detail) for act in (await rig.acts())[1:]] == [
        ("key", "entry"),
        ("key", "exit"),
    ]


TWENTY = Entry(time(20), "exit")
EIGHT = Entry(time(8), "entry")


async def test_the_schedule_switches_at_its_time_once_and_leaves_what_staff_does_after(
    tmp_path: Path,
) -> None:
    hand = Hand(datetime(2026, 7, 1, 10, tzinfo=UTC))
    async with Rig(tmp_path, hand, EIGHT, TWENTY) as rig:
        await rig.desk.set_mode(ScanType.ENTRY, origin="page")
        await rig.timetable.look()
        hand.now = datetime(2026, 7, 1, 17, 59, 59, tzinfo=UTC)
        await rig.timetable.look()
        assert rig.mode == ScanType.ENTRY
        assert rig.timetable.coming() == "check-out from Wed 20:00 by the schedule"
        hand.now = datetime(2026, 7, 1, 18, 0, tzinfo=UTC)
        await rig.timetable.look()
        assert rig.mode == ScanType.EXIT
        await rig.steering.obey(Input.SHORT_PRESS)
        await rig.timetable.look()
        await rig.restart()
        await rig.timetable.look()
        assert rig.mode == ScanType.ENTRY
        origins = [act.origin for act in await rig.acts() if act.what == "mode"]
        assert origins == ["config", "page", "schedule", "button"]


async def test_a_gate_that_was_off_at_the_time_takes_up_only_the_last_mode_it_missed(
    tmp_path: Path,
) -> None:
    hand = Hand(datetime(2026, 7, 1, 10, tzinfo=UTC))
    async with Rig(tmp_path, hand, EIGHT, TWENTY) as rig:
        await rig.timetable.look()
        hand.now += timedelta(days=3)
        await rig.restart()
        await rig.timetable.look()
        assert rig.mode == ScanType.ENTRY
        assert len([act for act in await rig.acts() if act.origin == "schedule"]) == 1


async def test_a_new_gate_does_nothing_of_what_was_before_it(tmp_path: Path) -> None:
    async with Rig(tmp_path, Hand(), EIGHT) as rig:
        await rig.timetable.look()
        assert rig.mode == ScanType.EXIT


async def test_without_the_time_nothing_is_done_and_with_it_what_was_missed(
    tmp_path: Path,
) -> None:
    hand = Hand(datetime(2026, 7, 1, 10, tzinfo=UTC))
    async with Rig(tmp_path, hand, EIGHT, TWENTY) as rig:
        await rig.desk.set_mode(ScanType.ENTRY, origin="page")
        await rig.timetable.look()
        hand.now, hand.known = datetime(2026, 7, 1, 21, tzinfo=UTC), False
        await rig.timetable.look()
        assert rig.mode == ScanType.ENTRY
        assert rig.timetable.coming() == ""
        hand.known = True
        await rig.timetable.look()
        assert rig.mode == ScanType.EXIT


async def test_a_clock_that_was_years_ahead_does_not_silence_the_schedule(tmp_path: Path) -> None:
    hand = Hand(datetime(2030, 1, 1, tzinfo=UTC))
    async with Rig(tmp_path, hand, EIGHT) as rig:
        await rig.timetable.look()
        hand.now = datetime(2026, 7, 1, 5, tzinfo=UTC)
        await rig.timetable.look()
        hand.now = datetime(2026, 7, 1, 6, tzinfo=UTC)
        await rig.timetable.look()
        assert rig.mode == ScanType.ENTRY


async def test_a_line_of_the_schedule_that_stands_there_twice_is_followed(tmp_path: Path) -> None:
    hand = Hand(datetime(2026, 7, 1, 5, tzinfo=UTC))
    async with Rig(tmp_path, hand, EIGHT, EIGHT) as rig:
        await rig.timetable.look()
        hand.now += timedelta(hours=1)
        await rig.timetable.look()
        assert rig.mode == ScanType.ENTRY


async def test_checking_everybody_out_is_handed_on_with_its_moment(tmp_path: Path) -> None:
    hand = Hand(datetime(2026, 7, 1, 10, tzinfo=UTC))
    async with Rig(tmp_path, hand, Entry(time(23), "checkout_all")) as rig:
        await rig.timetable.look()
        hand.now = datetime(2026, 7, 1, 21, 5, tzinfo=UTC)
        await rig.timetable.look()
        await rig.timetable.look()
        assert rig.pressed_out == [datetime(2026, 7, 1, 21, tzinfo=UTC)]


def test_a_schedule_in_the_config() -> None:
    settings = config.parse(
        {"schedule": [{"at": "20:00", "days": ["fri", "sat"], "action": "exit", "guard_min": 5}]}
    )

    assert entries_of(settings.schedule) == (
        Entry(time(20), "exit", frozenset({4, 5}), timedelta(minutes=5)),
    )


def scan(reason: Reason, guest: int | None) -> Scan:
    return Scan(
        nonce="n",
        sighting="n",
        type=ScanType.EXIT,
        list_id=1,
        verdict=Verdict.REFUSE,
        reason=reason,
        at=NOON,
        dated=NOON,
        position_id=guest,
    )


@pytest.mark.parametrize("reason", [Reason.NOT_CHECKED_IN, Reason.ALREADY_REDEEMED])
def test_five_guests_in_a_row_refused_alike_are_a_wrong_mode(reason: Reason) -> None:
    health = Health()
    wrong = WrongMode(health)
    for guest in range(IN_A_ROW - 1):
        wrong.heard(scan(reason, guest))
    assert health.pattern == "ready"

    wrong.heard(scan(reason, 99))
    assert health.pattern == "wrong_mode"
    condition = health.of("mode")
    assert condition is not None
    assert condition.words.startswith("wrong mode? the last 5 guests were ")

    wrong.heard(scan(Reason.LEFT, 100))
    assert health.pattern == "ready"


def test_one_guest_who_tries_again_and_again_is_no_wrong_mode() -> None:
    health = Health()
    wrong = WrongMode(health)
    for _ in range(20):
        wrong.heard(scan(Reason.NOT_CHECKED_IN, 1))
    assert health.pattern == "ready"


@pytest.mark.parametrize("between", [Reason.LEFT, Reason.INVALID, Reason.ALREADY_REDEEMED])
def test_another_answer_in_between_begins_the_count_anew(between: Reason) -> None:
    health = Health()
    wrong = WrongMode(health)
    for guest in range(3 * IN_A_ROW):
        wrong.heard(scan(Reason.NOT_CHECKED_IN, guest))
        if guest % (IN_A_ROW - 1) == 0:
            wrong.heard(scan(between, 1000 + guest))
    assert health.pattern == "ready"


async def test_a_change_of_mode_ends_the_suspicion(rig: Rig) -> None:
    for guest in range(IN_A_ROW):
        rig.steering.wrong_mode.heard(scan(Reason.NOT_CHECKED_IN, guest))
    assert rig.health.pattern == "wrong_mode"

    await rig.steering.obey(Input.SHORT_PRESS)
    assert rig.health.pattern == "ready"


async def test_inputs_are_obeyed_in_order(rig: Rig) -> None:
    for _ in range(7):
        rig.steering.inputs.put_nowait(Input.SHORT_PRESS)
    following = asyncio.create_task(rig.steering.follow())
    # Written down first, then obeyed.
    while len(await rig.acts()) < 8 or rig.mode != ScanType.ENTRY:
        await asyncio.sleep(0.01)
    following.cancel()
