"""The local page in a real browser: headless Chromium against a real Page."""

from __future__ import annotations

import asyncio
import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
import pytest_asyncio
from aiohttp.test_utils import unused_port
from browser import FIND_POOR_CONTRAST, in_browser
from playwright.async_api import expect
from rig import picture

from gated.camera.aiming import Aiming
from gated.camera.files import Files
from gated.camera.reader import Reader
from gated.camera.repeat import Repeat
from gated.errors import PanelError
from gated.model import ScanType
from gated.web.actions import Action
from gated.web.credentials import Credentials
from gated.web.guard import Role
from gated.web.page import Page
from gated.web.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, BrowserContext
    from playwright.async_api import Page as Tab

HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
SCREENS = [
    {"width": 360, "height": 780},
    {"width": 390, "height": 844},
    {"width": 1280, "height": 900},
]

pytestmark = in_browser


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def scan(number: int, *, verdict: str = "admit", words: str = "Left") -> dict[str, Any]:
    return {
        "nonce": f"nonce-{number}",
        "at": ago(60 - number),
        "type": "exit",
        "verdict": verdict,
        "reason": "left",
        "words": words,
        "ticket": f"ABCDE-{number}",
        "state": "confirmed",
        "server": "",
        "ms": 23.4,
    }


class StandIn:
    """A gate that is nothing but its state, and does what its buttons say."""

    def __init__(self) -> None:
        self.mode = "exit"
        self.lamp = {
            "green": 0,
            "red": 0,
            "mode_entry": 0,
            "mode_exit": 1,
            "status": 1,
            "buzzer_hz": 0,
        }
        self.scans = [scan(2, verdict="refuse", words="Unknown ticket"), scan(1)]
        self.cable = True
        self.guests: list[str] = []
        self.played: list[str] = []
        self.locked = False
        self.free = False
        self.pictures = 0
        self.refusal = ""
        self.name = "Gate A"
        self.words = ""
        self.troubled: list[dict[str, Any]] = []
        self.pages: list[Page] = []
        self.sessions = Sessions(Credentials(Path("/nowhere")))
        self.reader = Reader(
            Files(Path("/nowhere"), watch=True, hold_ms=1, fps=1),
            Repeat(again_s=8),
            asyncio.Queue(),
            mode=lambda: ScanType.EXIT,
        )
        _, jpeg = cv2.imencode(".jpg", np.full((90, 160), 128, np.uint8))
        self.jpeg = jpeg.tobytes()

    async def state(self) -> dict[str, Any]:
        return {
            "gate": {
                "name": self.name,
                "mode": self.mode,
                "locked": self.locked,
                "emergency": {"on": self.free, "words": "free flow (by hand) since 18:00 UTC"},
                "coming": "check-in from Mon 08:00 by the schedule",
                "version": "1",
                "started": ago(900),
            },
            "time": ago(0),
            "lamps": self.lamp,
            "panel": {
                "status": "ready",
                "words": "The gate is ready.",
                "signals": [
                    {
                        "name": "already left",
                        "lights": "red: long short",
                        "sound": "low",
                        "meaning": self.words or "Stop.",
                    }
                ],
                "patterns": [
                    {"name": "ready", "lights": "steady", "sound": "none", "meaning": "Ready."}
                ],
            },
            "camera": {
                "source": "scene",
                "picture": True,
                "fps": 14.8,
                "frames": 812,
                "reads": 40,
                "restarts": 0,
            },
            "scans": self.scans,
            "counts": {
                "in": 12,
                "out": 1030,
                "inside": 210,
                "refused": {"invalid": {"count": 3, "words": "Unknown ticket"}},
            },
            "outbox": {
                "waiting": 2,
                "settled": 120,
                "shelved": 0,
                "oldest_s": 3.2,
                "troubled": self.troubled,
            },
            "server": {
                "level": "ok",
                "words": self.words or "Connected",
                "url": "https://tickets.example.org",
                "last_ok": ago(2),
            },
            "list": {
                "tickets": 300,
                "age_s": 12.0,
                "names": [self.words or "All"],
                "words": self.words,
            },
            "health": [
                {"part": "camera", "level": "ok", "words": "14.8 pictures a second"},
                {"part": "clock", "level": "warning", "words": self.words or "Not set"},
                {"part": "disk", "level": "error", "words": "Full"},
            ],
            "demo": {
                "cable": self.cable,
                "guests": [
                    {"id": "valid", "words": self.words or "A guest who is inside"},
                    {"id": "stranger", "words": "A ticket nobody knows"},
                ],
            },
        }

    async def picture(self) -> bytes | None:
        self.pictures += 1
        return self.jpeg

    async def record(self, origin: str, what: str) -> None:
        """The ledger is not what is looked at here."""

    async def set_mode(self, arguments: dict[str, Any], _: str) -> None:
        if self.refusal:
            raise PanelError(self.refusal)
        self.mode = arguments["mode"]
        self.changed()

    async def annul(self, arguments: dict[str, Any], _: str) -> None:
        self.scans = [
            {**one, "state": "annulled"} if one["nonce"] == arguments["nonce"] else one
            for one in self.scans
        ]
        self.changed()

    async def set_free(self, arguments: dict[str, Any], _: str) -> None:
        self.free = arguments["on"]
        self.changed()

    async def set_lock(self, arguments: dict[str, Any], _: str) -> None:
        self.locked = arguments["locked"]
        self.changed()

    async def play(self, arguments: dict[str, Any], _: str) -> None:
        self.played.append(arguments["signal"])

    async def set_cable(self, arguments: dict[str, Any], _: str) -> None:
        self.cable = arguments["plugged"]
        self.changed()

    async def send_guest(self, arguments: dict[str, Any], _: str) -> None:
        self.guests.append(arguments["id"])
        self.show(scan(len(self.scans) + 1, verdict="attention", words="Left, look twice"))

    def show(self, newest: dict[str, Any]) -> None:
        self.scans = [newest, *self.scans][:20]
        self.changed()

    def light(self, **lamps: int) -> None:
        self.lamp = {**self.lamp, **lamps}
        for page in self.pages:
            page.lamps_changed()

    def changed(self) -> None:
        for page in self.pages:
            page.changed()

    def page(self, *, host: str = "127.0.0.1", port: int = 0) -> Page:
        page = Page(
            host=host,
            port=port,
            state=self.state,
            lamps=lambda: self.lamp,
            picture=self.picture,
            aiming=Aiming(self.reader),
            actions=[
                Action("mode", Role.STAFF, self.set_mode),
                Action("annul", Role.STAFF, self.annul),
                Action("emergency", Role.STAFF, self.set_free),
                Action("lock", Role.STAFF, self.set_lock),
                Action("panel_test", Role.STAFF, self.play),
                Action("cable", Role.STAFF, self.set_cable),
                Action("guest", Role.STAFF, self.send_guest),
            ],
            sessions=self.sessions,
            record=self.record,
        )
        self.pages = [page]
        return page

    async def log_in(self, context: BrowserContext, page: Page, role: Role = Role.STAFF) -> None:
        """As if somebody had typed the secret into this browser."""
        cookie = self.sessions.begin(role, "127.0.0.1")
        name = f"gated-{page.port}"
        await context.add_cookies(
            [{"name": name, "value": cookie, "url": page.url, "sameSite": "Strict"}]
        )


@pytest.fixture
def gate() -> StandIn:
    return StandIn()


@pytest_asyncio.fixture(loop_scope="module")
async def page(gate: StandIn) -> AsyncIterator[Page]:
    async with gate.page() as page:
        yield page


@pytest_asyncio.fixture(loop_scope="module")
async def tab(chromium: Browser, gate: StandIn, page: Page) -> AsyncIterator[Tab]:
    """Staff's desktop tab with the page in it, in which nothing may go wrong unseen."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    await gate.log_in(context, page)
    tab = await context.new_page()
    complaints: list[str] = []
    hosts: set[str] = set()
    tab.on("console", lambda line: complaints.append(f"{line.type}: {line.text}"))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    await tab.goto(page.url)
    await expect(tab.locator("#link")).to_have_text("Live")
    yield tab
    await context.close()
    assert hosts == {f"127.0.0.1:{page.port}"}
    # A refused action is an error to the browser; to the page it is an answer.
    assert [line for line in complaints if "409 (Conflict)" not in line] == []


MEASURE_SHIFT = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS, ids=lambda screen: f"{screen['width']} px")
async def test_the_page_fits_is_readable_and_nothing_jumps(
    chromium: Browser, gate: StandIn, page: Page, screen: Any, scheme: Any
) -> None:
    gate.scans = [scan(n, verdict=v) for n, v in ((3, "attention"), (2, "refuse"), (1, "admit"))]
    context = await chromium.new_context(
        viewport=screen, color_scheme=scheme, reduced_motion="reduce"
    )
    await gate.log_in(context, page)
    tab = await context.new_page()
    await tab.add_init_script(MEASURE_SHIFT)
    await tab.goto(page.url)
    await expect(tab.get_by_role("heading", name="Gate A", level=1)).to_be_visible()
    for number, verdict in ((4, "admit"), (5, "attention"), (6, "refuse")):
        newest = scan(number, verdict=verdict, words=f"Words {number}")
        gate.show({**newest, "at": ago(0)})
        gate.light(green=1, buzzer_hz=2400)
        await expect(tab.locator("#verdict-words")).to_have_text(f"Words {number}")

        assert await tab.evaluate(FIND_POOR_CONTRAST) == []

    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await tab.evaluate("window.shift") < 0.05
    await context.close()


async def test_staff_see_the_gate_its_scans_and_how_it_is(tab: Tab) -> None:
    await expect(tab).to_have_title("Error: Gate A, Check-out")
    await expect(tab.get_by_role("region", name="Mode")).to_contain_text("Check-out")
    await expect(tab.get_by_role("region", name="Last scan")).to_contain_text("Stop")
    await expect(tab.get_by_role("region", name="Last scan")).to_contain_text("Unknown ticket")
    rows = tab.get_by_role("table", name="The last scans").get_by_role("row")
    await expect(rows).to_have_count(3)
    await expect(rows.nth(0).get_by_role("columnheader")).to_have_text(
        ["Time", "Mode", "Answer", "Ticket", "Server", "Took"]
    )
    await expect(rows.nth(1)).to_contain_text("Stop: Unknown ticket")
    await expect(rows.nth(2)).to_contain_text("Go: Left")
    await expect(rows.nth(2)).to_contain_text("ABCDE-1")
    await expect(rows.nth(2)).to_contain_text("Confirmed")
    await expect(tab.get_by_role("region", name="Guests")).to_contain_text("1,030")
    await expect(tab.get_by_role("region", name="Guests")).to_contain_text("Unknown ticket: 3")
    server = tab.get_by_role("region", name="Ticket server")
    await expect(server).to_contain_text("https://tickets.example.org")
    await expect(server).to_contain_text(re.compile(r"2, oldest \d+ s ago"))
    health = tab.get_by_role("region", name="Health").get_by_role("listitem")
    await expect(health).to_have_text(
        ["cameraWell: 14.8 pictures a second", "clockWarning: Not set", "diskError: Full"]
    )


async def test_lamps_change_at_once_in_words(gate: StandIn, tab: Tab) -> None:
    lamps = tab.locator("#lamps").get_by_role("listitem")
    await expect(lamps).to_have_text(
        ["GreenOff", "RedOff", "Check-inOff", "Check-outOn", "StatusOn", "BuzzerOff"]
    )
    gate.light(green=1, buzzer_hz=2400)
    await expect(lamps).to_have_text(
        ["GreenOn", "RedOff", "Check-inOff", "Check-outOn", "StatusOn", "Buzzer2400 Hz"]
    )
    gate.light(green=0, buzzer_hz=0)
    await expect(lamps.nth(0)).to_have_text("GreenOff")
    await expect(lamps.nth(5)).to_have_text("BuzzerOff")


async def test_the_page_says_what_the_lamps_mean_and_plays_them_to_staff(
    gate: StandIn, tab: Tab
) -> None:
    await expect(tab.locator("#status-words")).to_have_text(
        "Status lamp: ready. The gate is ready."
    )
    await tab.get_by_text("What the lamps say").click()
    row = tab.get_by_role("list", name="Signals").get_by_role("listitem")
    await expect(row).to_contain_text("already left: red: long short; sound low. Stop.")
    await row.get_by_role("button", name="Play the signal already left").click()
    for _ in range(200):
        if gate.played:
            break
        await asyncio.sleep(0.02)
    assert gate.played == ["already_left"]


async def test_the_mode_button_switches_there_and_back(gate: StandIn, tab: Tab) -> None:
    await tab.get_by_role("button", name="Switch to check-in").click()
    await expect(tab.locator("#mode-words")).to_have_text("Check-in")
    assert gate.mode == "entry"
    await tab.get_by_role("button", name="Switch to check-out").click()
    await expect(tab.locator("#mode-words")).to_have_text("Check-out")
    assert gate.mode == "exit"


async def test_staff_locks_the_button_and_sees_what_comes_next(gate: StandIn, tab: Tab) -> None:
    coming = "check-in from Mon 08:00 by the schedule"
    await expect(tab.locator("#mode-coming")).to_have_text(coming)
    await tab.get_by_role("button", name="Lock the button").click()
    await expect(tab.locator("#mode-coming")).to_have_text(f"The button is locked. {coming}")
    await tab.get_by_role("button", name="Unlock the button").click()
    await expect(tab.locator("#mode-coming")).to_have_text(coming)


async def test_staff_says_that_the_last_guest_did_not_pass(gate: StandIn, tab: Tab) -> None:
    button = tab.get_by_role("button", name="They did not pass")
    await expect(button).to_be_disabled()  # whoever was last was refused
    gate.show(scan(7, words="Left"))
    await expect(button).to_be_enabled()
    await button.click()
    await expect(tab.get_by_role("row").nth(1)).to_contain_text("Annulled")
    await expect(button).to_be_disabled()


async def test_staff_opens_the_way_in_an_emergency_and_everybody_reads_so(
    gate: StandIn, tab: Tab
) -> None:
    alert = tab.locator("#emergency")
    await expect(alert).to_have_text("")
    await tab.get_by_role("button", name="Emergency: open the way").click()
    await expect(alert).to_contain_text("free flow (by hand) since 18:00 UTC")
    assert await tab.evaluate(FIND_POOR_CONTRAST) == []
    await tab.get_by_role("button", name="End the emergency").click()
    await expect(alert).to_have_text("")


async def test_a_refused_action_is_told_in_the_gates_own_sentence(gate: StandIn, tab: Tab) -> None:
    gate.refusal = "The schedule holds this gate at check-out."
    await tab.get_by_role("button", name="Switch to check-in").click()
    await expect(tab.get_by_role("alert").filter(has_text="schedule")).to_have_text(gate.refusal)
    await expect(tab.locator("#mode-words")).to_have_text("Check-out")


async def test_hostile_words_are_shown_as_words(gate: StandIn, tab: Tab) -> None:
    gate.words = gate.name = HOSTILE
    newest = scan(3, words=HOSTILE)
    gate.show({**newest, "ticket": HOSTILE, "server": HOSTILE, "state": HOSTILE})
    await expect(tab.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    await expect(tab.locator("#verdict-words")).to_have_text(HOSTILE)
    await expect(tab.get_by_role("row").nth(1)).to_contain_text(HOSTILE)
    await expect(tab.locator("#announce")).to_contain_text(HOSTILE)

    assert await tab.locator("img:not(#picture), body script").count() == 0
    assert await tab.title() != "taken"
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_a_new_scan_is_announced_once_and_politely(gate: StandIn, tab: Tab) -> None:
    log = tab.get_by_role("log", name="New scans")
    await expect(log).to_have_attribute("aria-live", "polite")
    await expect(log).to_have_text("")
    gate.show(scan(3, verdict="attention", words="Left, look twice"))
    await expect(log.locator("p")).to_have_count(1)
    await expect(log).to_contain_text("Go, with attention: Left, look twice. Check-out at ")
    gate.changed()
    gate.show(scan(4, verdict="refuse", words="Left already"))
    await expect(log.locator("p")).to_have_count(2)
    await expect(log.locator("p").last).to_contain_text("Stop: Left already.")
    await expect(tab.get_by_role("row")).to_have_count(5)


async def test_the_demo_pulls_the_cable_and_sends_guests(gate: StandIn, tab: Tab) -> None:
    cable = tab.get_by_role("switch", name="Network cable")
    await expect(cable).to_be_checked()
    await cable.click()
    await expect(cable).not_to_be_checked()
    await expect(tab.locator("#cable-words")).to_have_text("Pulled")
    assert gate.cable is False

    await tab.get_by_label("Next guest").select_option("A ticket nobody knows")
    await tab.get_by_role("button", name="Send to the gate").click()
    await expect(tab.locator("#verdict-words")).to_have_text("Left, look twice")
    await expect(tab.get_by_label("Next guest")).to_have_value("stranger")
    assert gate.guests == ["stranger"]


async def test_every_control_is_reached_and_used_by_keyboard(gate: StandIn, tab: Tab) -> None:
    gate.scans = [scan(number) for number in range(20, 0, -1)]
    gate.changed()
    await expect(tab.get_by_role("row")).to_have_count(9)
    focused = []
    for _ in range(11):
        await tab.keyboard.press("Tab")
        focused.append(await tab.evaluate("document.activeElement.id"))
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await tab.evaluate(outline) == "solid"
    assert focused == [
        "logout",
        "annul-button",
        "mode-button",
        "emergency-button",
        "lock-button",
        "signals-open",
        "scans-more",
        "cable",
        "guest",
        "guest-button",
        "aim-button",
    ]

    await tab.locator("#guest-button").press("Enter")
    await expect(tab.locator("#verdict-words")).to_have_text("Left, look twice")
    await tab.locator("#scans-more").press("Space")
    await expect(tab.get_by_role("row")).to_have_count(21)
    await tab.locator("#cable").press("Space")
    await expect(tab.locator("#cable")).not_to_be_checked()
    await tab.locator("#mode-button").press("Enter")
    await expect(tab.locator("#mode-words")).to_have_text("Check-in")


async def test_a_tab_in_the_background_asks_nothing_of_the_gate(gate: StandIn, tab: Tab) -> None:
    picture = tab.get_by_role("img", name="What the camera of the gate sees now")
    await tab.locator("#camera-words").scroll_into_view_if_needed()
    await expect(picture).to_be_visible()
    await tab.wait_for_function("document.querySelector('#picture').naturalWidth === 160")
    earlier = gate.pictures
    await tab.wait_for_timeout(1000)
    assert gate.pictures > earlier

    await tab.evaluate("""() => {
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    await tab.wait_for_timeout(300)
    earlier = gate.pictures
    await tab.wait_for_timeout(1000)
    assert gate.pictures == earlier

    gate.mode = "entry"
    gate.changed()
    await tab.wait_for_timeout(500)
    assert await tab.locator("#mode-words").text_content() == "Check-out"
    await tab.evaluate("""() => {
      delete document.hidden;
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    await expect(tab.locator("#mode-words")).to_have_text("Check-in")


async def test_a_lost_gate_is_told_and_found_again(chromium: Browser, gate: StandIn) -> None:
    port = unused_port()
    context = await chromium.new_context()
    tab = await context.new_page()
    lost = tab.get_by_role("alert").filter(has_text="Connection to the gate lost")
    async with gate.page(port=port) as page:
        await gate.log_in(context, page)
        await tab.goto(page.url)
        await expect(tab.locator("#link")).to_have_text("Live")
        await expect(lost).to_have_count(0)
    await expect(lost).to_be_visible()
    await expect(tab.locator("#link")).to_have_text("No contact")
    await tab.get_by_role("button", name="Switch to check-in").click()
    await expect(tab.get_by_role("alert").filter(has_text="did not answer")).to_be_visible()

    # What a proxy or a half-started gate would say; a browser alone never asks again after that.
    said = asyncio.Event()

    async def say_unavailable(_: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        answer.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
        answer.close()
        said.set()

    async with await asyncio.start_server(say_unavailable, "127.0.0.1", port):
        await said.wait()

    gate.mode = "entry"
    async with gate.page(port=port):
        await expect(tab.locator("#link")).to_have_text("Live")
        await expect(lost).to_have_count(0)
        await expect(tab.locator("#mode-words")).to_have_text("Check-in")
        await expect(tab.locator("#announce")).to_contain_text("restored")
    await tab.close()


async def test_a_phone_elsewhere_sees_no_guest_and_no_button(
    chromium: Browser, gate: StandIn
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has only loopback addresses; connect it to a network")
        address = probe.getsockname()[0]
    tab = await chromium.new_page(viewport={"width": 390, "height": 844})
    complaints: list[str] = []
    tab.on("console", lambda line: complaints.append(line.text))
    async with gate.page(host="0.0.0.0") as page:
        await tab.goto(f"http://{address}:{page.port}/")
        await expect(tab.get_by_role("row")).to_have_count(3)
        await expect(tab.get_by_role("region", name="Mode")).to_contain_text("button at the gate")
        await expect(tab.get_by_role("button", name="Switch")).to_have_count(0)
        await expect(tab.get_by_role("region", name="Try it out")).to_have_count(0)
        await expect(tab.locator("#picture-none")).to_have_text("Log in to see it")
        assert "ABCDE" not in await tab.content()
        await tab.close()
    assert gate.pictures == 0
    assert complaints == []


async def test_what_the_server_would_not_take_is_named_with_its_words(
    gate: StandIn, tab: Tab
) -> None:
    await expect(tab.locator("#server-troubled")).to_be_hidden()
    refused = {**scan(7), "state": "refused", "server": "canceled <b>order</b>"}
    gate.troubled = [refused]
    gate.changed()
    await tab.locator("#server-troubled summary").click()
    await expect(tab.locator("#troubled li")).to_have_count(1)
    await expect(tab.locator("#troubled li")).to_contain_text(
        "Check-out ABCDE-7 Refused: canceled <b>order</b>"
    )


@pytest.mark.parametrize("width", [390, 1280])
async def test_the_person_on_the_ladder_sees_what_to_change(
    gate: StandIn, tab: Tab, width: int
) -> None:
    await tab.set_viewport_size({"width": width, "height": 900})
    gate.reader.picture = picture("k7m2p9x4c6v8b3n5q7w2e4r6t8y3u5i7")
    await tab.get_by_role("button", name="Aim").click()

    await expect(tab.locator("#aim-sentence")).to_have_text(
        "Good: tickets that are held like this are read."
    )
    await expect(tab.locator("#aim-size-words")).to_have_text("100 (4.0 px)")
    shown = tab.locator("#picture")
    await expect(shown).to_have_js_property("naturalWidth", gate.reader.picture.shape[1])
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await tab.evaluate(overflow) <= 0
    assert await tab.evaluate(FIND_POOR_CONTRAST) == []

    gate.reader.picture = np.full((480, 640), 4, np.uint8)
    await expect(tab.locator("#aim-sentence")).to_contain_text("Too dark")
    await expect(tab.locator("#aim-size-words")).not_to_contain_text("px")

    await tab.get_by_role("button", name="Stop aiming").click()
    await expect(tab.locator("#aim")).to_be_hidden()
    await expect(shown).to_have_js_property("naturalWidth", 160)
