"""The page of a real gate in headless Chromium, as a stranger, as staff and as the organiser.

GATED_SCREENSHOTS names a folder to keep what was seen, at 390 and 1280 px.
"""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browser import in_browser
from enrolling import unenrolled_gate
from playwright.async_api import expect
from rig import LIST, Bench, gate_before_window

from gated.model import State
from gated.simulator.faults import Fault, Faults
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import ledger, outbox, shelf
from gated.web.credentials import Credentials
from gated.web.guard import Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, BrowserContext
    from playwright.async_api import Page as Tab

    from gated.model import Scan
    from gated.simulator.records import PositionRecord
    from gated.waiting import Waiting

PIN, TOKEN = "271828", "correct-horse-battery"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
KEPT = os.environ.get("GATED_SCREENSHOTS", "")

pytestmark = in_browser


def logins(folder: Path) -> dict[str, Any]:
    """A page that staff and the organiser can log in to."""
    credentials = Credentials(folder / "page-login")
    credentials.put(Role.STAFF, PIN)
    credentials.put(Role.ADMIN, TOKEN)
    return {"enabled": True, "port": 0, "login_file": str(folder / "page-login")}


def guests_of(world: World) -> list[PositionRecord]:
    return [one for one in world.positions.values() if one.addon_to is None]


@asynccontextmanager
async def gate_with_guests(
    folder: Path,
    world: World | None = None,
    *,
    faults: Faults | None = None,
    **server_keys: Any,
) -> AsyncIterator[Bench]:
    """A gate at work with some people inside, and both logins set."""
    web = logins(folder)
    world = world or World.made_up(30, seed=1)
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
    people = guests_of(world)
    for position in people[:20]:
        world.enter(position.id, LIST)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TicketServer(world, faults=faults))
        bench = await stack.enter_async_context(
            gate_before_window(server, folder, web=web, server=server_keys)
        )
        for position in (people[0], people[1], people[1]):
            await bench.scan(position.secret)
        yield bench


@asynccontextmanager
async def tab_of(chromium: Browser, gate: Bench | Waiting, screen: Any) -> AsyncIterator[Tab]:
    context: BrowserContext = await chromium.new_context(viewport=screen, reduced_motion="reduce")
    tab = await context.new_page()
    page = gate.parts.page if isinstance(gate, Bench) else gate.page
    assert page is not None
    await tab.goto(page.url)
    await expect(tab.locator("#link")).to_have_text("Live")
    yield tab
    await context.close()


async def log_in(tab: Tab, secret: str) -> None:
    await tab.get_by_role("button", name="Log in").click()
    await tab.get_by_label("Staff PIN or admin token").fill(secret)
    await tab.get_by_role("dialog").get_by_role("button", name="Log in").click()


async def look(tab: Tab, name: str) -> None:
    """No violation of what axe-core knows, nothing off the screen; and pictures to look at."""
    await tab.evaluate(AXE_SCRIPT)
    assert await violations(tab, "axe.run()") == []
    assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await keep(tab, name)
    await tab.emulate_media(color_scheme="dark")
    # Nothing but colours differs.
    assert await violations(tab, "axe.run({runOnly: ['color-contrast']})") == []
    await keep(tab, f"{name}-dark")
    await tab.emulate_media(color_scheme="light")


async def violations(tab: Tab, run: str) -> list[str]:
    found = (await tab.evaluate(run))["violations"]
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


async def keep(tab: Tab, name: str) -> None:
    if KEPT:
        width = tab.viewport_size["width"] if tab.viewport_size else 0
        await tab.screenshot(path=Path(KEPT) / f"{name}-{width}.png", full_page=True)


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["390 px", "1280 px"])
async def test_a_stranger_sees_how_the_gate_is_and_no_guest(
    tmp_path: Path, chromium: Browser, screen: Any
) -> None:
    async with gate_with_guests(tmp_path) as bench, tab_of(chromium, bench, screen) as tab:
        await expect(tab.locator("#scan-rows tr")).to_have_count(3)
        await look(tab, "stranger")
        orders = [
            scan.order_code
            for scan in await bench.parts.store.read(lambda db: list(ledger.every(db)))
        ]
        content = await tab.content()
        assert not any(code and code in content for code in orders)
        for name in ("Switch", "Check everybody out", "Log out"):
            await expect(tab.get_by_role("button", name=name)).to_have_count(0)

        await log_in(tab, "000000")
        await expect(
            tab.get_by_role("alert").filter(has_text="neither the staff PIN")
        ).to_be_visible()
        await look(tab, "wrong-pin")
        await tab.keyboard.press("Escape")
        await expect(tab.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["390 px", "1280 px"])
async def test_staff_log_in_switch_the_mode_and_log_out(
    tmp_path: Path, chromium: Browser, screen: Any
) -> None:
    async with gate_with_guests(tmp_path) as bench, tab_of(chromium, bench, screen) as tab:
        await log_in(tab, PIN)
        await expect(tab.locator("#role")).to_have_text("Staff")
        await tab.get_by_role("button", name="Switch to check-in").click()
        await expect(tab.locator("#mode-words")).to_have_text("Check-in")
        await expect(tab.get_by_role("region", name="Closing time")).to_have_count(0)
        await look(tab, "staff")
        await tab.get_by_role("button", name="Log out").click()
        await expect(tab.get_by_role("button", name="Log in")).to_be_visible()
        await expect(tab.get_by_role("button", name="Switch")).to_have_count(0)
        acts = await bench.parts.store.read(ledger.acts)
        assert [act.detail for act in acts if act.origin == "page, staff from 127.0.0.1"] == [
            "log in",
            'mode {"mode": "entry"}',
            "entry",
        ]


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["390 px", "1280 px"])
async def test_the_organiser_checks_everybody_out_in_two_steps(
    tmp_path: Path, chromium: Browser, screen: Any
) -> None:
    gate = gate_with_guests(tmp_path, bulk_most=10)
    async with gate as bench, tab_of(chromium, bench, screen) as tab:
        await bench.settled()
        await log_in(tab, TOKEN)
        await expect(tab.locator("#role")).to_have_text("Admin")
        await tab.get_by_role("button", name="Check everybody out").click()
        dialog = tab.get_by_role("dialog")
        await expect(dialog.get_by_role("row")).to_have_count(2)
        await expect(dialog.get_by_role("row").nth(1)).to_contain_text("18")
        await expect(dialog.get_by_role("checkbox")).to_be_disabled()
        await expect(dialog).to_contain_text("Not possible now: 18 are inside on list 1")
        await look(tab, "closing-question")
        assert (await bench.parts.sync.closing.progress()) is None

        await dialog.get_by_role("button", name="Check out 18").click()
        region = tab.get_by_role("region", name="Closing time")
        await expect(region).to_contain_text("Done: of 18 inside: 18 checked out")
        await expect(tab.locator("#closing-outcomes")).to_contain_text("Checked out: 18")
        await expect(tab.locator("#count-inside")).to_have_text("0")
        await look(tab, "closing-done")


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["390 px", "1280 px"])
async def test_the_counts_the_day_and_what_the_server_has_otherwise_are_shown_and_mended(
    tmp_path: Path, chromium: Browser, screen: Any
) -> None:
    world = World.made_up(30, seed=1)
    async with gate_with_guests(tmp_path, world) as bench, tab_of(chromium, bench, screen) as tab:
        await bench.settled()
        # The server has an entry just after the exit of the first guest.
        first = min(world.positions)
        last = world.checkins_of(first, LIST)[-1]
        world.enter(first, LIST, at=last.datetime + timedelta(microseconds=5))
        await bench.parts.sync.pull.once()
        await log_in(tab, TOKEN)
        guests = tab.get_by_role("region", name="Guests")
        await expect(guests).to_contain_text("0 in, 2 out")
        await expect(tab.locator("#whole-inside")).to_contain_text("ago")
        await expect(tab.get_by_role("img", name="The last 24 hours here")).to_be_visible()
        await expect(tab.locator("#differences li")).to_have_count(1)
        await expect(tab.locator("#differences")).to_contain_text("left here, inside by the server")
        await look(tab, "counts")
        await tab.get_by_role("button", name="at the server").click()
        while first in world.inside(LIST):
            await asyncio.sleep(0.02)
        await bench.settled()
        await bench.parts.sync.pull.once()
        await expect(tab.locator("#differences li")).to_have_count(0)


async def shelve(
    bench: Bench,
    faults: Faults,
    bad: list[PositionRecord],
    others: list[PositionRecord],
) -> list[Scan]:
    """The server fails on some, and takes whoever comes meanwhile, until it is hopeless."""
    for position in bad:
        faults.add(Fault.HTML_500, path=f"/positions/{position.id}/redeem/")
        await bench.scan(position.secret)
    for position in others:
        bench.hands.advance(60)
        await bench.scan(position.secret)
        count = await bench.parts.store.read(outbox.count)
        while count.waiting + count.shelved > len(bad):
            await asyncio.sleep(0.02)
            count = await bench.parts.store.read(outbox.count)
        if count.shelved == len(bad):
            return await bench.parts.store.read(lambda db: list(shelf.shelved(db)))
    raise AssertionError("the server's failures were never taken for hopeless")


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["390 px", "1280 px"])
async def test_what_lies_on_the_shelf_is_told_again_or_settled_with_a_reason(
    tmp_path: Path, chromium: Browser, screen: Any
) -> None:
    world, faults = World.made_up(30, seed=1), Faults()
    leaving = guests_of(world)
    gate = gate_with_guests(tmp_path, world, faults=faults, exit_via="redeem")
    async with gate as bench, tab_of(chromium, bench, screen) as tab:
        first, second = await shelve(bench, faults, leaving[2:4], leaving[4:18])
        await expect(tab.locator("#outbox-shelved")).to_have_text("2")
        await expect(tab.locator("#server-troubled")).to_be_hidden()
        await log_in(tab, PIN)
        await expect(tab.locator("#role")).to_have_text("Staff")
        rows = tab.locator("#troubled li")
        await expect(rows).to_have_count(2)
        await expect(tab.get_by_role("button", name="Try again")).to_have_count(0)
        await tab.get_by_role("button", name="Log out").click()
        await log_in(tab, TOKEN)
        await expect(tab.get_by_role("button", name="Try again")).to_have_count(2)
        await look(tab, "shelf")

        await tab.get_by_role("button", name=re.compile(f"Settle … .*{second.order_code}")).click()
        dialog = tab.get_by_role("dialog", name="Settle this scan by hand?")
        await expect(dialog).to_contain_text(str(second.order_code))
        await dialog.get_by_label("Why it is settled").fill("   ")
        await dialog.get_by_role("button", name="Settle").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("Say why the scan is settled")
        await look(tab, "settle")
        await dialog.get_by_label("Why it is settled").fill("told by phone")
        await tab.keyboard.press("Enter")
        await expect(tab.get_by_role("dialog")).to_have_count(0)
        await expect(rows).to_have_count(1)

        # On to the next one, by keyboard alone.
        faults.clear()
        await tab.get_by_role("button", name="Try again").focus()
        await tab.keyboard.press("Enter")
        await expect(tab.locator("#server-troubled")).to_be_hidden()
        await expect(tab.get_by_role("heading", name="Ticket server")).to_be_focused()
        by_nonce = {scan.nonce: scan for scan in await bench.settled()}
        again, dealt = by_nonce[first.nonce], by_nonce[second.nonce]
        acts = await bench.parts.store.read(lambda db: list(ledger.acts(db)))
        # The server failed before it wrote anything: only the one that was told again is out.
        inside = world.inside(LIST)

    assert (first.position_id in inside, second.position_id in inside) == (False, True)
    assert (again.state, dealt.state) == (State.CONFIRMED, State.LOCAL)
    assert dealt.server_message == "settled by hand: told by phone"
    origins = {act.what: act.origin for act in acts if act.what in {"retry", "settle"}}
    assert origins == dict.fromkeys(("settle", "retry"), "page, admin from 127.0.0.1")


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["390 px", "1280 px"])
async def test_in_an_emergency_everybody_reads_since_when_the_way_is_open(
    tmp_path: Path, chromium: Browser, screen: Any
) -> None:
    async with gate_with_guests(tmp_path) as bench, tab_of(chromium, bench, screen) as tab:
        await log_in(tab, PIN)
        await tab.get_by_role("button", name="Emergency: open the way").click()
        await expect(tab.get_by_role("alert").filter(has_text="free flow")).to_be_visible()
        await bench.scan("nobody knows this code")
        await expect(tab.locator("#scan-rows tr")).to_have_count(4)
        await look(tab, "emergency")
        await tab.get_by_role("button", name="Log out").click()
        await expect(tab.locator("#emergency")).to_contain_text("free flow")
        await keep(tab, "emergency-stranger")
        await log_in(tab, PIN)
        await tab.get_by_role("button", name="End the emergency").click()
        await expect(tab.locator("#emergency")).to_be_empty()
        acts = await bench.parts.store.read(lambda db: list(ledger.acts(db)))
    told = [(act.what, act.origin) for act in acts if act.what == "emergency"]
    assert told == [("emergency", "page, staff from 127.0.0.1")] * 2


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["390 px", "1280 px"])
async def test_a_gate_that_nobody_enrolled_says_so_and_what_to_do(
    tmp_path: Path, chromium: Browser, screen: Any
) -> None:
    web = logins(tmp_path)
    async with unenrolled_gate(tmp_path, web=web) as gate:
        waiting = await gate.waiting()
        async with tab_of(chromium, waiting, screen) as tab:
            await expect(tab.locator("#enrolment")).to_contain_text("not enrolled")
            await keep(tab, "waiting")
            await log_in(tab, TOKEN)
            await expect(tab.get_by_role("button", name="Enrol this gate")).to_be_visible()
            await look(tab, "waiting-admin")


async def test_a_session_that_ends_while_the_page_is_open_hides_the_guests_again(
    tmp_path: Path, chromium: Browser
) -> None:
    async with gate_with_guests(tmp_path) as bench, tab_of(chromium, bench, DESK) as tab:
        await log_in(tab, PIN)
        await expect(tab.locator("#scan-rows .c-ticket").first).not_to_be_empty()
        Credentials(tmp_path / "page-login").remove(Role.STAFF)
        await expect(tab.get_by_role("button", name="Log in")).to_be_visible()
        await expect(tab.locator("#scan-rows .c-ticket").first).to_be_empty()
