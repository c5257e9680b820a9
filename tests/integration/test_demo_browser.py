"""The demo in front of somebody who clicks: the real one, in headless Chromium."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from browser import PATIENCE_MS, in_browser
from playwright.async_api import expect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Locator
    from playwright.async_api import Page as Tab


pytestmark = in_browser


class Demo:
    """A demo at work, and what its terminal shows."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.lines: list[str] = []
        self._process = process
        self._reading = asyncio.create_task(self._read())

    async def says(self, pattern: str, *, after: int = 0) -> re.Match[str]:
        """Wait for a line of the terminal, not among the first so many."""
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while True:
                for line in self.lines[after:]:
                    if found := re.search(pattern, line):
                        return found
                await asyncio.sleep(0.05)

    async def stop(self) -> int:
        self._process.send_signal(signal.SIGINT)
        status = await asyncio.wait_for(self._process.wait(), 20)
        await self._reading
        return status

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.lines.append(line.decode().rstrip())


@asynccontextmanager
async def demo_in(chromium: Browser, *, seed: int) -> AsyncIterator[tuple[Demo, Tab]]:
    """A demo, its page in a tab, and nothing that goes wrong in either unseen."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gated", "demo", "--port", "0", "--seed", str(seed)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        demo = Demo(process)
        url = (await demo.says(r"page: (http://\S+)"))[1]
        context = await chromium.new_context(viewport={"width": 1280, "height": 900})
        tab = await context.new_page()
        tab.set_default_timeout(PATIENCE_MS)
        complaints: list[str] = []
        tab.on("console", lambda line: complaints.append(f"{line.type}: {line.text}"))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        await tab.goto(url)
        await expect(tab.locator("#link")).to_have_text("Live")
        yield demo, tab
        await context.close()
        assert await demo.stop() == 0, demo.lines
        assert any(re.search(r"honest guests who saw red +0", line) for line in demo.lines)
        assert complaints == []
        assert process.stderr is not None
        assert await process.stderr.read() == b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def number(place: Locator) -> int:
    words = await place.text_content() or ""
    found = re.match(r"\d+", words)
    assert found, words
    return int(found[0])


async def test_with_the_cable_out_guests_pass_and_scans_wait_until_it_is_in_again(
    chromium: Browser,
) -> None:
    async with demo_in(chromium, seed=3) as (demo, tab):
        rows = tab.locator("#scan-rows tr")
        green = tab.locator('[data-lamp="green"]')
        await expect(rows).not_to_have_count(0)
        await expect(green).to_have_attribute("data-on", "yes")
        await expect(green).to_have_attribute("data-on", "no")
        # Pictures are fetched only while somebody looks.
        await tab.locator("#picture-room").scroll_into_view_if_needed()
        await expect(tab.locator("#picture")).to_be_visible()
        await expect(rows.first.locator('[data-state="confirmed"]')).to_be_visible()

        cable = tab.get_by_role("switch", name="Network cable")
        await cable.click()
        await expect(cable).not_to_be_checked()
        await expect(tab.locator("#cable-words")).to_have_text("Pulled")
        await demo.says("the network cable is out")
        server = tab.get_by_role("region", name="Ticket server")
        await expect(server.locator("#server-level")).to_have_attribute("data-level", "warning")
        await expect(server).to_contain_text("the gate goes on by itself")
        waiting = tab.locator("#outbox-waiting")
        await expect(waiting).to_have_text(re.compile(r"^[2-9], oldest"))
        await expect(rows.locator('[data-state="waiting"]').first).to_be_visible()
        assert await demo.says(r"told \d+ of \d+ \(cable out\)")

        settled = await number(tab.locator("#outbox-settled"))
        owed = await number(waiting)
        await cable.click()
        await expect(cable).to_be_checked()
        await expect(server.locator("#server-level")).to_have_attribute("data-level", "ok")
        await expect(waiting).to_have_text(re.compile(r"^[01](?!\d)"))
        assert await number(tab.locator("#outbox-settled")) >= settled + owed - 1
        assert await number(tab.locator("#outbox-shelved")) == 0


async def test_a_forged_ticket_is_sent_for_and_the_mode_is_switched(chromium: Browser) -> None:
    async with demo_in(chromium, seed=3) as (demo, tab):
        guest = tab.get_by_label("Next guest")
        await guest.select_option("A guest who shows a forged ticket")
        before = len(demo.lines)
        await tab.get_by_role("button", name="Send to the gate").click()
        await demo.says(r"refused +Unknown ticket .* shows a forged ticket", after=before)
        verdicts = tab.locator('#scan-rows tr[data-verdict="refuse"]')
        await expect(verdicts.first).to_contain_text("Unknown ticket")
        await expect(tab.locator("#refusals")).to_contain_text("Unknown ticket: ")

        await demo.says("^..:..:.. check-out")
        await tab.get_by_role("button", name="Switch to check-in").click()
        await expect(tab.locator("#mode-words")).to_have_text("Check-in")
        before = len(demo.lines)
        await demo.says("^..:..:.. check-in", after=before)
        await expect(guest).to_contain_text("A guest who has not paid")
        await expect(tab.locator("#scan-rows tr").first).to_contain_text("Check-in")
