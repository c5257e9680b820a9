"""Enrolling a gate on its own page: a whole gate, a server, and an admin in headless Chromium."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from aiohttp.test_utils import unused_port
from browser import FIND_POOR_CONTRAST, in_browser
from enrolling import CODE, device, handshake, ticket_server, unenrolled_gate
from playwright.async_api import expect

from gated.identity import IdentityFolder
from gated.model import Verdict
from gated.simulator.dialects import Dialect
from gated.web.credentials import Credentials
from gated.web.guard import Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser
    from playwright.async_api import Page as Tab

ADMIN = "an-admin-token-for-the-page"

pytestmark = in_browser


@pytest_asyncio.fixture(loop_scope="module", params=[390, 1280], ids=lambda width: f"{width} px")
async def tab(chromium: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Tab]:
    """A phone's and a desktop's tab, in which no script may fail unseen."""
    screen = {"width": request.param, "height": 844}
    context = await chromium.new_context(viewport=screen)  # type: ignore[arg-type]  # a TypedDict
    tab = await context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    await context.close()
    assert errors == []


async def log_in(tab: Tab) -> None:
    await tab.get_by_role("button", name="Log in").first.click()
    await tab.get_by_label("Staff PIN or admin token").fill(ADMIN)
    await tab.get_by_role("dialog").get_by_role("button", name="Log in").click()
    await expect(tab.locator("#role")).to_have_text("Admin")


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_an_admin_enrols_the_gate_on_its_page_and_chooses_its_lists(
    tab: Tab, dialect: Dialect, tmp_path: Path
) -> None:
    login_file = tmp_path / "page-login"
    await asyncio.to_thread(Credentials(login_file).put, Role.ADMIN, ADMIN)
    web = {
        "enabled": True,
        "host": "127.0.0.1",
        "port": unused_port(),
        "login_file": str(login_file),
    }
    async with (
        ticket_server(dialect, lists=2) as server,
        unenrolled_gate(tmp_path, web=web) as gate,
    ):
        await gate.waiting()
        await tab.goto(f"http://127.0.0.1:{web['port']}/")
        card = tab.locator("#enrolment")
        await expect(card).to_contain_text("This gate is not enrolled")
        await expect(card).to_contain_text("log in as admin")
        await expect(card.get_by_role("button")).to_have_count(0)
        await expect(tab.get_by_role("button", name="Switch to check-out")).to_have_count(0)

        await log_in(tab)
        await card.get_by_label("Address of the server").fill("http://tickets.example.org")
        await card.get_by_label("Token of the device").fill(CODE)
        await card.get_by_role("button", name="Enrol this gate").click()
        await expect(card.get_by_role("alert").first).to_contain_text("https")
        await card.get_by_label("Address of the server").fill(server.url)
        assert await tab.evaluate(FIND_POOR_CONTRAST) == []
        await card.get_by_role("button", name="Enrol this gate").click()

        await expect(card).to_contain_text("Which lists is this gate for?")
        await card.get_by_role("button", name="Work for these").click()
        await expect(card).to_contain_text("Choose one list at least.")
        await expect(tab.locator("#health")).to_contain_text("choose the check-in list")
        await card.get_by_role("checkbox").nth(1).check()
        await expect(card).not_to_contain_text("Choose one list at least.")
        assert await tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await tab.evaluate(FIND_POOR_CONTRAST) == []
        await card.get_by_role("button", name="Work for these").click()
        await expect(card).to_be_hidden()
        await gate.works()
        # The very page goes on with the gate at work, and its reader is still the admin.
        await expect(tab.locator("#link")).to_have_text("Live")
        await expect(tab.locator("#role")).to_have_text("Admin")
        await expect(tab.locator("#failed")).to_have_text("")
        await expect(tab.locator("#list-words")).to_contain_text(re.compile(r"^[1-9]\d* tickets"))
        identity = IdentityFolder(tmp_path / "identity").load()

    assert identity is not None
    assert (identity.url, identity.event, identity.lists) == (server.url, "conf", (2,))
    assert device(server).api_token


@pytest.mark.parametrize("tab", [390], indirect=True)
async def test_the_codes_own_text_will_do_and_a_server_that_is_not_expected_needs_a_tick(
    tab: Tab, tmp_path: Path
) -> None:
    login_file = tmp_path / "page-login"
    await asyncio.to_thread(Credentials(login_file).put, Role.ADMIN, ADMIN)
    web = {
        "enabled": True,
        "host": "127.0.0.1",
        "port": unused_port(),
        "login_file": str(login_file),
    }
    expected = {"url": "https://tickets.example.org"}
    async with (
        ticket_server() as server,
        unenrolled_gate(tmp_path, web=web, server=expected) as gate,
    ):
        await gate.waiting()
        await tab.goto(f"http://127.0.0.1:{web['port']}/")
        await log_in(tab)
        card = tab.locator("#enrolment")
        token = card.get_by_label("Token of the device")
        button = card.get_by_role("button", name="Enrol this gate")
        await token.fill(handshake(server.url, handshake_version=2))
        await button.click()
        await expect(card.get_by_role("alert").first).to_contain_text("update gated")
        await token.fill(handshake(server.url))
        await button.click()
        await expect(card.get_by_role("alert").first).to_contain_text("tickets.example.org")
        await card.get_by_role("checkbox").check()
        await button.click()
        await gate.works()
        await expect(card).to_be_hidden()
        guest = next(one for one in server.world.positions.values() if one.addon_to is None)
        shown = await gate.scan(guest.secret)

    assert shown.decision.verdict is Verdict.ADMIT
    assert CODE.encode() not in _database(tmp_path)


def _database(folder: Path) -> bytes:
    return b"".join(one.read_bytes() for one in folder.glob("gated.db*"))
