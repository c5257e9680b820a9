"""The checks of camera and pins: by themselves, and through a gate that holds both."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gpiozero import OutputDevice
from rig import Hands, Process, Window, gate_before_window, picture, settings

from gated import config
from gated.camera.passes import read_still
from gated.errors import GatedError
from gated.model import Frame
from gated.panel.pins import mock_pins
from gated.preflight import Here, Outcome, eyes, go_through, look_around, pins
from gated.preflight.table import checks
from gated.simulator.server import TicketServer
from gated.simulator.world import World

GOOD, RED, UNKNOWN = Outcome.GOOD, Outcome.RED, Outcome.UNKNOWN
CAMERA = {"source": "picamera2", "path": "", "watch": False}


class Person:
    """Somebody who answers what they are asked, and does what they are told."""

    def __init__(self, says: bool = True, does: Callable[[str], None] = lambda _: None) -> None:
        self.says = says
        self.does = does
        self.heard: list[str] = []

    async def asks(self, question: str) -> bool:
        self.heard.append(question)
        return self.says

    def told(self, words: str) -> None:
        self.heard.append(words)
        self.does(words)


class Wall(Window):
    """A camera that always sees the same wall, and what is held before it."""

    def frames(self) -> Any:
        blank = picture("x")
        blank[:] = 128
        for frame in super().frames():
            yield frame or Frame(blank, self._hands.monotonic(), self.name)


def a_box(folder: Path, /, **changes: Any) -> Here:
    document = settings("http://127.0.0.1:1", folder, **{"camera": CAMERA, **changes})
    return Here(config.parse(document), root=folder, patience_s=5.0)


async def test_a_camera_that_gives_pictures_is_good(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    here.source = Wall(Hands())

    assert (await eyes.camera(here)).outcome is GOOD


async def test_a_camera_that_does_not_open_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    window = here.source = Wall(Hands())
    window.broken = True

    found = await eyes.camera(here)
    assert (found.outcome, found.words) == (RED, "the window is broken")
    assert "cable" in found.remedy


async def test_a_camera_that_gives_no_pictures_is_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eyes, "_OPENS_S", 0.3)
    here = a_box(tmp_path)
    here.source = Window(Hands())  # alive, but nothing new ever

    assert (await eyes.camera(here)).words == "the camera gave 0 pictures in 0 s"


async def test_without_picamera2_the_camera_is_red_and_says_what_to_install(tmp_path: Path) -> None:
    found = await eyes.camera(a_box(tmp_path))

    assert found.outcome is RED
    assert "apt install python3-picamera2" in found.words


def test_the_reader_reads_what_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert eyes.decoder(a_box(tmp_path)).outcome is GOOD

    from gated.camera import passes

    monkeypatch.setattr(passes, "read_still", lambda _: ([], ""))
    assert eyes.decoder(a_box(tmp_path)).outcome is RED


async def test_a_code_that_is_shown_and_held_up_is_read(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    window = here.source = Wall(Hands())
    here.show = window.hold_up

    assert (await eyes.code(here)).outcome is GOOD


async def test_a_code_that_is_not_read_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    here.source = window = Wall(Hands())
    here.patience_s = 0.5
    here.show = lambda _: window.hold_up("another code")

    found = await eyes.code(here)
    assert (found.outcome, found.words) == (RED, "the code was not read within 0 s")


def test_a_scan_engine_that_is_not_plugged_in_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path, scanner=[{"device": str(tmp_path / "ttyACM0")}])
    assert eyes.scanners(here).outcome is RED
    (tmp_path / "ttyACM0").touch()
    assert eyes.scanners(here).outcome is GOOD


async def test_pins_that_can_be_taken_are_good_and_given_back(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    assert (await pins.pins(here)).outcome is UNKNOWN  # nobody sees what mock pins do
    here.pin_factory = mock_pins()

    for _ in range(2):
        found = await pins.pins(here)
        assert found.outcome is GOOD
        assert found.words.startswith("they can be taken: green 17, red 27")


async def test_a_pin_that_something_else_uses_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    factory: Any = mock_pins()
    here.pin_factory = factory
    with OutputDevice(27, pin_factory=factory):
        found = await pins.pins(here)

    assert found.outcome is RED
    assert found.words.startswith("Pin 27 cannot be the red")


async def test_without_lgpio_the_pins_are_red(tmp_path: Path) -> None:
    found = await pins.pins(a_box(tmp_path, panel={"pin_factory": "lgpio"}))

    assert found.outcome is RED


async def test_a_lamp_that_nobody_saw_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    factory: Any = mock_pins()
    here.pin_factory = factory
    blind = Person(says=False)
    found = await pins.output(here, part="green", person=blind)

    assert (found.outcome, found.words) == (RED, "the green lamp on pin 17 did not blink")
    assert blind.heard == ["Did the green lamp blink three times?"]
    # It did: three times on, three times off, and off before and after.
    assert [one.state for one in factory.pin(17).states].count(True) == 3
    assert (await pins.output(here, part="buzzer", person=Person())).outcome is GOOD


async def test_a_button_that_is_pressed_is_good_and_one_that_is_not_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    factory: Any = mock_pins()
    here.pin_factory = factory
    loop = asyncio.get_running_loop()

    def press(_: str) -> None:
        loop.call_later(0.2, factory.pin(25).drive_low)
        loop.call_later(0.4, factory.pin(25).drive_high)

    assert (await pins.contact(here, part="button", person=Person(does=press))).outcome is GOOD
    here.patience_s = 0.3
    found = await pins.contact(here, part="button", person=Person())
    assert found.words == "nothing came from the button on pin 25 within 0 s"
    assert found.outcome is RED


@pytest.mark.parametrize(
    ("part", "pin", "name"), [("sensor", 6, "sensor"), ("emergency", 12, "fire panel")]
)
async def test_a_sensor_and_a_fire_panel_are_heard_not_driven(
    tmp_path: Path, part: str, pin: int, name: str
) -> None:
    wired = {"passage": {"relay": 5, "sensor": 6}, "emergency": {"input": 12}}
    here = a_box(tmp_path, panel=wired)
    factory: Any = mock_pins()
    here.pin_factory, here.patience_s = factory, 5
    contact = factory.pin(pin)
    loop = asyncio.get_running_loop()

    def act(_: str) -> None:
        # The light barrier closes its contact for a guest; the fire loop opens in an alarm.
        steps = [contact.drive_high, contact.drive_low]
        for number, step in enumerate(steps if part == "sensor" else reversed(steps), start=1):
            loop.call_later(0.3 * number, step)

    here.person = Person(does=act)
    (check,) = [one for one in checks(here) if one.name == part]
    running = check.run(here)
    assert inspect.isawaitable(running)
    found = await running

    assert (found.outcome, found.words) == (GOOD, f"the {name} on pin {pin} was heard")
    here.patience_s = 0.3
    assert (await pins.contact(here, part=part, person=Person())).outcome is RED


async def test_through_the_running_gate_an_alarm_that_is_waited_for_is_one_all_the_same(
    tmp_path: Path,
) -> None:
    wired = {"pin_factory": "mock", "passage": {"relay": 5}, "emergency": {"input": 12}}
    async with (
        TicketServer(World.made_up(5)) as server,
        gate_before_window(server, tmp_path, panel=wired) as bench,
    ):
        loop, contact = asyncio.get_running_loop(), bench.pins.pin(12)
        contact.drive_low()
        document = settings(server.url, tmp_path, panel=wired)
        here = await look_around(config.parse(document), tmp_path / "x.toml", root=tmp_path)
        here.patience_s = 10

        def alarm(_: str) -> None:
            loop.call_later(0.3, contact.drive_high)

        found = await pins.contact(here, part="emergency", person=Person(does=alarm))
        async with asyncio.timeout(10):
            while not bench.pins.pin(5).state:
                await asyncio.sleep(0.02)
        assert bench.parts.steering.emergency.is_on

    assert found.outcome is GOOD


async def test_through_the_running_gate_a_code_is_read_and_no_scan_is_made(tmp_path: Path) -> None:
    async with (
        TicketServer(World.made_up(5)) as server,
        gate_before_window(server, tmp_path) as bench,
    ):
        document = settings(server.url, tmp_path, camera=CAMERA)
        here = await look_around(config.parse(document), tmp_path / "x.toml", root=tmp_path)
        here.show = bench.window.hold_up
        here.patience_s = 10
        found = await eyes.code(here)
        here.show, here.patience_s = (lambda _: None), 0.3
        late = await eyes.code(here)
        scans = await bench.settled()

    assert found.outcome is GOOD
    assert late.outcome is RED
    assert scans == []


async def test_through_the_running_gate_a_lamp_blinks_and_is_then_as_it_was(tmp_path: Path) -> None:
    async with (
        TicketServer(World.made_up(5)) as server,
        gate_before_window(server, tmp_path) as bench,
    ):
        here = await look_around(
            config.parse(settings(server.url, tmp_path)), tmp_path / "x.toml", root=tmp_path
        )
        lit = bench.parts.front.panel.lamps()
        found = [
            await pins.output(here, part=part, person=Person())
            for part in ("mode_exit", "status", "buzzer")
        ]
        after = bench.parts.front.panel.lamps()

    assert [one.outcome for one in found] == [GOOD] * 3
    assert lit.mode_exit
    assert after == lit


async def test_through_the_running_gate_a_press_is_heard_and_changes_no_mode(
    tmp_path: Path,
) -> None:
    async with (
        TicketServer(World.made_up(5)) as server,
        gate_before_window(server, tmp_path) as bench,
    ):
        here = await look_around(
            config.parse(settings(server.url, tmp_path)), tmp_path / "x.toml", root=tmp_path
        )
        here.patience_s = 10
        loop = asyncio.get_running_loop()
        pin = bench.pins.pin(25)

        def press(_: str) -> None:
            loop.call_later(0.3, pin.drive_low)
            loop.call_later(0.5, pin.drive_high)

        before = bench.parts.desk.mode
        found = await pins.contact(here, part="button", person=Person(does=press))
        assert bench.parts.desk.mode is before
        press("")
        async with asyncio.timeout(10):
            while bench.parts.desk.mode is before:
                await asyncio.sleep(0.02)

    assert found.outcome is GOOD


async def test_one_check_that_breaks_does_not_hide_what_the_others_find(
    tmp_path: Path,
) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError("in a check")

    here = a_box(tmp_path, camera={"source": "none"}, scanner=[{"device": "/dev/null"}])
    here.program = broken
    lines = [line async for line in go_through(here)]

    found = {line.check.name: line.finding for line in lines}
    assert found["service"].outcome is RED
    assert "ZeroDivisionError" in found["service"].words
    assert found["decoder"].outcome is GOOD
    assert found["scanners"].outcome is GOOD


async def test_what_may_not_be_looked_at_cannot_be_told(tmp_path: Path) -> None:
    def closed(folder: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(folder))

    here = a_box(tmp_path)
    here.usage = closed
    here.problems = ""
    lines = {line.check.name: line.finding async for line in go_through(here)}

    assert lines["disk space"].outcome is UNKNOWN
    assert lines["disk space"].remedy == "run it with sudo"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_somebody_who_may_not_ask_the_gate_is_told_to_use_sudo(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    settings_of = config.parse({"control": {"socket": str(folder / "control.sock")}})
    os.seteuid(65534)
    try:
        with pytest.raises(GatedError, match="run it with sudo"):
            asyncio.run(look_around(settings_of))
    finally:
        os.seteuid(0)


async def test_gated_check_beside_a_running_gate_says_it_all_as_json(tmp_path: Path) -> None:
    async with TicketServer(World.made_up(5)) as server:
        with Process(server.url, tmp_path) as gate:
            await asyncio.to_thread(gate.start)
            told = await asyncio.to_thread(gate.command, "check", "--json", timeout_s=60)
            plain = await asyncio.to_thread(gate.command, "check", timeout_s=60)

    report = json.loads(told.stdout)
    found = {one["check"]: one["outcome"] for one in report["checks"]}
    expected = ("config", "enrolment", "database", "list", "decision", "rights", "running gate")
    assert {name: found[name] for name in expected} == dict.fromkeys(expected, "good")
    assert told.returncode == plain.returncode == int(not report["ready"])
    assert "demo-token" not in told.stdout + plain.stdout
    lines = plain.stdout.splitlines()
    assert "good         config        " in plain.stdout
    assert lines[-1].startswith(f"{len(report['checks'])} checks: ")
    assert "\x1b" not in plain.stdout


async def test_a_person_answers_at_the_terminal_about_the_running_gates_parts(
    tmp_path: Path,
) -> None:
    others = ("red", "mode_entry", "mode_exit", "status")
    wired = {"kind": "gpio", **dict.fromkeys(others, False)}
    async with TicketServer(World.made_up(5)) as server:
        with Process(server.url, tmp_path, panel=wired) as gate:
            await asyncio.to_thread(gate.start)
            command = [sys.executable, "-m", "gated", "check", "--ask", "--patience", "0.3"]
            told = await asyncio.to_thread(
                subprocess.run,
                [*command, "--config", str(gate.config)],
                input="y\nn\n",
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

    assert told.returncode == 1
    assert "good         green         the green lamp on pin 17 does blink" in told.stdout
    assert "RED          buzzer        the buzzer on pin 18 did not sound" in told.stdout
    assert "RED          button        nothing came from the button on pin 25" in told.stdout
    assert "Did the green lamp blink three times?" in told.stderr
    assert "Press the button now." in told.stderr


async def test_what_show_puts_on_the_screen_is_a_code_that_a_camera_reads(tmp_path: Path) -> None:
    gate = Process("http://127.0.0.1:1", tmp_path)
    told = await asyncio.to_thread(gate.command, "check", "--show", "--patience", "0.2")
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    lines = [line for line in told.stderr.splitlines() if set(line) <= set(halves)]
    rows = [[halves[one][half] for one in line] for line in lines for half in (0, 1)]
    codes, _ = read_still(np.asarray(rows, np.uint8).repeat(4, axis=0).repeat(4, axis=1))

    assert [code.text.rpartition("-")[0] for code in codes] == ["gated-check"]


async def test_gated_check_of_a_broken_config_says_what_is_wrong_and_goes_on(
    tmp_path: Path,
) -> None:
    gate = Process("http://127.0.0.1:1", tmp_path, gate={"mode": "entrance"})
    told = await asyncio.to_thread(gate.command, "check", "--json")

    report = json.loads(told.stdout)
    found = {one["check"]: one for one in report["checks"]}
    assert told.returncode == 1
    assert found["config"]["outcome"] == "red"
    assert "[gate] mode: must be" in found["config"]["words"]
    assert found["decoder"]["outcome"] == "good"
    assert "database" not in found


@pytest.mark.parametrize(
    ("fps", "level", "outcome", "words"),
    [
        (29.8, "ok", GOOD, "30 pictures a second, started anew 2 times"),
        (0.0, "ok", RED, "the running gate gets no pictures"),
        (0.0, "error", RED, "the camera gave no picture for 2.0 s: check its cable"),
    ],
)
async def test_of_a_running_gates_camera_its_own_word_counts(
    tmp_path: Path, fps: float, level: str, outcome: Outcome, words: str
) -> None:
    here = a_box(tmp_path)
    sentence = "the camera gave no picture for 2.0 s: check its cable"
    here.state = {
        "camera": {"fps": fps, "restarts": 2},
        "health": [{"part": "camera", "level": level, "words": sentence}],
    }
    found = await eyes.camera(here)

    assert (found.outcome, found.words) == (outcome, words)


async def test_a_running_gate_whose_lamps_fail_is_red(tmp_path: Path) -> None:
    here = a_box(tmp_path)
    here.pin_factory = mock_pins()
    here.state = {"health": []}
    assert (await pins.pins(here)).words.startswith("the running gate has them: green 17")
    here.state = {"health": [{"part": "panel", "level": "error", "words": "Pin 27 is busy"}]}

    found = await pins.pins(here)
    assert (found.outcome, found.words) == (RED, "Pin 27 is busy")


async def test_a_gate_that_waits_to_be_enrolled_lends_its_camera_and_button_too(
    tmp_path: Path,
) -> None:
    nobody = {"url": "", "organizer": "", "event": "", "checkin_lists": [], "token_file": ""}
    with Process("", tmp_path, server=nobody, panel={"kind": "gpio"}) as gate:
        await asyncio.to_thread(gate.start, wait_for="waits to be enrolled")
        here = await look_around(config.load(gate.config), gate.config, root=tmp_path)
        here.show, here.patience_s = gate.feed, 10
        found = await eyes.code(here)
        here.patience_s = 0.3
        pressed = await pins.contact(here, part="button", person=Person())
        report = await asyncio.to_thread(gate.command, "check", "--json")

    lines = {one["check"]: one for one in json.loads(report.stdout)["checks"]}
    assert found.outcome is GOOD
    assert "no device's code" not in gate.log()
    assert pressed.words == "nothing came from the button on pin 25 within 0 s"
    assert lines["enrolment"]["words"] == "not enrolled"
    assert lines["rights"]["outcome"] == "cannot tell"
    assert not [one for one in lines.values() if "check itself failed" in one["words"]]
