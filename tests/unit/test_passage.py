"""Relay and sensor on mock pins: who passed, who did not, and what a bad sensor does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Self

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from stepped import HandLoop, advance, run_by_hand
from store_samples import ENTRY, EXIT, database, guest, pull, scan, secret

from gated import config
from gated.clock import Clock
from gated.errors import NothingToAnnul
from gated.health import Health, Level
from gated.model import Act, CheckinList, Reason
from gated.panel import Input
from gated.panel.gpio import GpioPanel
from gated.passage import Passage
from gated.sensor import CALM_S, CHATTER, SILENT
from gated.store import granted, ledger, outbox

RELAY, SENSOR = 5, 6
ONCE = CheckinList(id=1, name="Once", allow_entry_after_exit=False)


class Pin(MockPWMPin):  # type: ignore[misc]
    """A pin that keeps its level when it is given back, as real ones may."""

    def _set_frequency(self, value: float | None) -> None:
        self._frequency = value


class Rig:
    """A passage over a real store and mock pins; `keep` runs what writes, as the daemon does."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        wired = {"relay": RELAY, "sensor": SENSOR, "timeout_s": 8.0, **settings}
        self.panel_settings = config.Panel(passage=config.Passage(**wired))
        self.factory = MockFactory(pin_class=Pin)
        self.health = Health()

    async def __aenter__(self) -> Self:
        self.store = await database(self.folder).__aenter__()
        self.panel = GpioPanel(
            self.panel_settings,
            pin_factory=self.factory,
            on_input=self._heard,
            on_change=lambda: None,
            on_failure=lambda error: pytest.fail(str(error)),
        )
        await self.panel.__aenter__()
        self.passage = Passage(
            self.panel_settings.passage, self.store, self.panel, Clock(), self.health
        )
        await self.passage.start()
        self.keeping = asyncio.create_task(self.passage.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.written()
        self.keeping.cancel()
        self.passage.close()
        await self.panel.__aexit__()
        await self.store.__aexit__(None, None, None)

    def _heard(self, given: Input) -> None:
        if given in {Input.SENSOR_CLOSED, Input.SENSOR_OPEN}:
            self.passage.sensed(closed=given is Input.SENSOR_CLOSED)

    async def written(self) -> None:
        """Wait until all is on the disk."""
        while not self.passage._writes.empty():
            await _moment()
        await self.store.write(lambda _: None)

    async def let_through(self, position: int, kind: Any = ENTRY) -> str:
        """Scan a ticket as the gate does; gives the sighting."""
        answer = await scan(self.store, kind, position, awaits=self.passage.awaits)
        assert answer.decision.verdict.admits, answer.decision
        first = answer.scans[0]
        self.passage.grant(
            first.sighting,
            (secret(position), kind),
            lit_s=0.8,
            awaited=first.passage == "awaited",
        )
        return first.sighting

    async def sensor(self, *, closed: bool) -> None:
        pin = self.factory.pin(SENSOR)
        if closed:
            pin.drive_low()
        else:
            pin.drive_high()
        await advance(0.03)

    async def walk(self) -> None:
        await self.sensor(closed=True)
        await advance(0.3)
        await self.sensor(closed=False)

    def is_open(self) -> bool:
        return bool(self.factory.pin(RELAY).state)

    async def ledger(self) -> list[tuple[int | None, str, str]]:
        """Position, state and passage of every row."""
        await self.written()
        scans = await self.store.read(lambda db: list(ledger.every(db)))
        return [(one.position_id, str(one.state), one.passage) for one in scans]

    async def owed(self) -> list[int | None]:
        await self.written()
        debts = await self.store.read(lambda db: outbox.next_debts(db, 99, ()))
        return [debt.scan.position_id for debt in debts]

    def trouble(self) -> str:
        found = self.health.of("passage")
        return found.words if found and found.level is Level.WARNING else ""


async def _moment() -> None:
    """Let threads work, without letting time pass."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, HandLoop):
        await loop.run_in_executor(None, lambda: None)
    else:
        await asyncio.sleep(0.001)


def by_hand(folder: Path, story: Callable[[Rig], Coroutine[Any, Any, None]], **how: Any) -> None:
    """Play a story in a loop whose time is put forward by hand, with guests 1 to 9 on a list."""

    async def play() -> None:
        lists = (how.pop("on", CheckinList(id=1, name="All")),)
        async with Rig(folder, **how) as rig:
            await pull(rig.store, [guest(number) for number in range(1, 10)], lists=lists)
            await story(rig)

    run_by_hand(play())


def test_who_is_let_through_is_told_to_the_server_when_they_have_passed(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.let_through(1)
        assert rig.is_open()
        assert await rig.ledger() == [(1, "waiting", "awaited")]
        assert await rig.owed() == []
        await rig.walk()
        assert await rig.ledger() == [(1, "waiting", "passed")]
        assert await rig.owed() == [1]

    by_hand(tmp_path, story)


def test_who_does_not_pass_is_annulled_without_being_told_and_may_enter_once_more(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        first = await rig.let_through(1)
        await advance(7.9)
        assert await rig.ledger() == [(1, "waiting", "awaited")]
        await advance(0.2)
        assert await rig.ledger() == [(1, "annulled", "not_passed")]
        assert await rig.owed() == []
        assert await rig.store.read(lambda db: ledger.inside(db, [1])) == set()
        assert not rig.passage.again((secret(1), ENTRY), lit_s=1)
        assert rig.passage.has_lapsed((secret(1), ENTRY))
        second = await rig.let_through(1)
        assert second != first
        await rig.walk()
        assert await rig.ledger() == [
            (1, "annulled", "not_passed"),
            (1, "waiting", "passed"),
        ]

    by_hand(tmp_path, story, on=ONCE)


def test_guests_pass_in_the_order_in_which_they_were_let_through(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        for position in (1, 2, 3):
            await rig.let_through(position)
            await advance(1)
        await rig.walk()
        await rig.walk()
        await advance(9)
        assert await rig.ledger() == [
            (1, "waiting", "passed"),
            (2, "waiting", "passed"),
            (3, "annulled", "not_passed"),
        ]

    by_hand(tmp_path, story)


def test_who_shows_the_ticket_again_on_the_way_has_as_long_again_and_one_row(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        await rig.let_through(1)
        await advance(6)
        await rig.let_through(2)
        assert rig.passage.again((secret(1), ENTRY), lit_s=1)
        await advance(6)
        await rig.walk()
        await rig.walk()
        assert [row[2] for row in await rig.ledger()] == ["passed", "passed"]

    by_hand(tmp_path, story)


@pytest.mark.parametrize(
    ("keeps", "ends"),
    [("keep", (1, "waiting", "not_passed")), ("annul", (1, "annulled", "not_passed"))],
)
def test_an_exit_not_passed_stays_or_goes_as_the_config_says(
    tmp_path: Path, keeps: str, ends: tuple[int, str, str]
) -> None:
    async def story(rig: Rig) -> None:
        await rig.let_through(1)
        await rig.walk()
        await rig.let_through(1, EXIT)
        await advance(9)
        assert (await rig.ledger())[1] == ends
        inside = await rig.store.read(lambda db: ledger.inside(db, [1]))
        assert inside == (set() if keeps == "keep" else {1})

    by_hand(tmp_path, story, exit_not_passed=keeps)


@pytest.mark.parametrize(
    ("kind", "opens"),
    [
        ("pulse", [(0.0, True), (0.4, True), (0.6, False), (7.0, False), (8.5, False)]),
        ("hold", [(0.0, True), (0.6, True), (7.9, True), (8.1, False)]),
        ("follow", [(0.0, True), (0.7, True), (0.9, False)]),
    ],
)
def test_the_relay_pulses_holds_or_follows_the_lamp(
    tmp_path: Path, kind: str, opens: list[tuple[float, bool]]
) -> None:
    async def story(rig: Rig) -> None:
        await rig.let_through(1)
        now = 0.0
        for at, is_open in opens:
            await advance(at - now)
            now = at
            assert rig.is_open() is is_open, at

    by_hand(tmp_path, story, relay_kind=kind)


def test_a_relay_that_holds_lets_go_when_the_last_guest_has_passed(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.let_through(1)
        await rig.let_through(2)
        await rig.walk()
        assert rig.is_open()
        await rig.walk()
        assert not rig.is_open()

    by_hand(tmp_path, story, relay_kind="hold")


def test_without_a_sensor_nobody_is_awaited(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.let_through(1)
        assert rig.is_open()
        assert await rig.ledger() == [(1, "waiting", "")]
        assert await rig.owed() == [1]

    by_hand(tmp_path, story, sensor=None)


def test_a_sensor_that_stays_closed_is_said_and_holds_nobody_up_until_it_opens(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        await rig.let_through(1)
        await rig.sensor(closed=True)
        await advance(5)
        await rig.let_through(2)
        await advance(5.5)
        assert "has been closed for 10 s" in rig.trouble()
        assert not rig.passage.awaits
        await rig.let_through(3)
        assert await rig.ledger() == [
            (1, "waiting", "passed"),
            (2, "waiting", "unknown"),
            (3, "waiting", ""),
        ]
        assert await rig.owed() == [1, 2, 3]
        await rig.sensor(closed=False)
        assert rig.trouble() == ""
        await rig.let_through(4)
        await rig.walk()
        assert (await rig.ledger())[3] == (4, "waiting", "passed")

    by_hand(tmp_path, story)


def test_a_sensor_that_never_says_a_thing_is_found_out_and_its_guests_count_after_all(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        for position in range(1, SILENT + 1):
            await rig.let_through(position)
            await advance(9)
        assert "is the sensor dead?" in rig.trouble()
        await rig.let_through(9)
        await rig.written()
        guests = [*range(1, SILENT + 1), 9]
        assert await rig.owed() == guests
        assert await rig.store.read(lambda db: ledger.inside(db, [1])) == set(guests)
        # It was unplugged, and is plugged in again: the first who passes proves it.
        await rig.walk()
        assert rig.trouble() == ""
        assert rig.passage.awaits

    by_hand(tmp_path, story)


def test_one_who_passes_in_between_shows_that_the_sensor_lives(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        for position in range(1, SILENT):
            await rig.let_through(position)
            await advance(9)
        await rig.let_through(8)
        await rig.walk()
        await rig.let_through(9)
        await advance(9)
        assert rig.trouble() == ""
        states = [state for _, state, _ in await rig.ledger()]
        assert states == [*["annulled"] * (SILENT - 1), "waiting", "annulled"]

    by_hand(tmp_path, story)


def test_what_was_told_already_does_not_count_after_all_when_the_sensor_was_dead(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        sighting = await rig.let_through(1)
        await advance(9)
        await rig.written()
        await rig.store.write(lambda db: db.execute("UPDATE scans SET attempts = 1").fetchall())
        await rig.store.write(partial(granted.count_after_all, sightings=[sighting]))
        assert await rig.ledger() == [(1, "annulled", "not_passed")]

    by_hand(tmp_path, story)


def test_one_who_has_entered_again_meanwhile_is_not_counted_twice_when_the_sensor_was_dead(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        for _ in range(SILENT):
            await rig.let_through(1)
            await advance(9)
        assert [state for _, state, _ in await rig.ledger()] == ["annulled", "annulled", "waiting"]

    by_hand(tmp_path, story)


def test_a_sensor_that_chatters_slowly_is_said_and_believed_again_when_it_is_calm(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        await rig.let_through(1)
        for _ in range(CHATTER + 3):
            await rig.sensor(closed=True)
            await rig.sensor(closed=False)
            await advance(0.05)
        assert "chatters" in rig.trouble()
        await rig.let_through(2)
        assert await rig.owed() == [1, 2]
        await advance(CALM_S + 0.1)
        assert rig.trouble() == ""
        assert rig.passage.awaits

    by_hand(tmp_path, story)


def test_a_sensor_that_chatters_and_then_sticks_is_not_believed_before_it_opens(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        for _ in range(CHATTER):
            await rig.sensor(closed=True)
            await rig.sensor(closed=False)
        await rig.sensor(closed=True)
        await advance(CALM_S + 0.1)
        assert "chatters" in rig.trouble()
        await rig.let_through(1)
        assert await rig.owed() == [1]
        await rig.sensor(closed=False)
        assert rig.trouble() == ""
        assert rig.passage.awaits

    by_hand(tmp_path, story)


def test_who_was_recorded_as_awaited_just_before_the_sensor_was_lost_counts(
    tmp_path: Path,
) -> None:
    async def story(rig: Rig) -> None:
        answer = await scan(rig.store, ENTRY, 1, awaits=True)
        rig.passage.hold(open_=True)
        rig.passage.grant(answer.scans[0].sighting, (secret(1), ENTRY), lit_s=0.8, awaited=True)
        await advance(20)
        assert await rig.ledger() == [(1, "waiting", "unknown")]
        assert await rig.owed() == [1]

    by_hand(tmp_path, story)


def test_chatter_faster_than_the_debounce_is_one_guest(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        for position in (1, 2):
            await rig.let_through(position)
        pin = rig.factory.pin(SENSOR)
        for _ in range(20):
            pin.drive_low()
            await advance(0.005)
            pin.drive_high()
            await advance(0.005)
        await rig.walk()
        assert [row[2] for row in await rig.ledger()] == ["passed", "awaited"]

    by_hand(tmp_path, story)


def test_somebody_whom_nobody_let_through_is_an_act(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.walk()
        await rig.written()
        acts = await rig.store.read(ledger.acts)
        assert [(act.what, act.origin, act.detail) for act in acts] == [
            ("passage", "sensor", "without a ticket")
        ]

    by_hand(tmp_path, story)


def test_after_a_restart_who_was_on_the_way_counts(tmp_path: Path) -> None:
    async def before(rig: Rig) -> None:
        await rig.let_through(1)

    async def after(rig: Rig) -> None:
        assert await rig.ledger() == [(1, "waiting", "unknown")]
        assert await rig.owed() == [1]

    by_hand(tmp_path, before)
    by_hand(tmp_path, after)


def test_held_open_everybody_passes_and_who_is_on_the_way_counts(tmp_path: Path) -> None:
    async def story(rig: Rig) -> None:
        await rig.let_through(1)
        rig.passage.hold(open_=True)
        await advance(20)
        assert rig.is_open()
        await rig.let_through(2)
        await rig.walk()
        assert await rig.ledger() == [(1, "waiting", "unknown"), (2, "waiting", "")]
        rig.passage.hold(open_=False)
        assert not rig.is_open()
        assert rig.passage.awaits
        assert await rig.store.read(ledger.acts) == []

    by_hand(tmp_path, story)


@pytest.mark.parametrize("active_high", [True, False])
@pytest.mark.parametrize("fail", ["secure", "open"])
async def test_without_current_the_relay_does_what_the_gate_is_to_do_when_it_fails(
    tmp_path: Path, fail: str, active_high: bool
) -> None:
    """Current through the relay: opens it (secure), or holds it closed (open)."""
    rig = Rig(tmp_path, fail=fail, relay_active_high=active_high)

    def has_current() -> bool:
        return bool(rig.factory.pin(RELAY).state) is active_high

    async with rig:
        assert has_current() is (fail == "open")
        assert not rig.panel.lamps().relay
        rig.panel.set_relay(True)
        assert has_current() is (fail == "secure")
        assert [rig.panel.lamps().relay] == [True]
        rig.panel.set_relay(False)
        assert has_current() is (fail == "open")
    assert not has_current()


async def test_with_a_real_clock_one_passes_and_one_does_not(tmp_path: Path) -> None:
    async with Rig(tmp_path, timeout_s=1.0, relay_kind="hold") as rig:
        await pull(rig.store, [guest(number) for number in range(1, 10)])
        await rig.let_through(1)
        rig.factory.pin(SENSOR).drive_low()
        await _until(lambda: not rig.is_open())
        rig.factory.pin(SENSOR).drive_high()
        await rig.let_through(2)
        assert rig.is_open()
        await _until(lambda: not rig.is_open())
        assert await rig.ledger() == [(1, "waiting", "passed"), (2, "annulled", "not_passed")]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_scan_that_let_nobody_through_cannot_be_annulled(tmp_path: Path) -> None:
    async with Rig(tmp_path) as rig:
        await pull(rig.store, [guest(1)])
        answer = await scan(rig.store, ENTRY, 7)
        assert answer.decision.reason is Reason.INVALID
        act = Act("annul", "page", rig.passage._clock.wall())
        for nonce in (answer.scans[0].nonce, "nobody"):
            with pytest.raises(NothingToAnnul):
                await rig.store.write(partial(granted.annul, nonce=nonce, act=act))
