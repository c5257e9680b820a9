"""Every action that a running page has, tried in every wrong way: refused, logged, and not done."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from enrolling import unenrolled_gate
from rig import gate_before_window

from gated.demo.show import Show, demo_config
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import ledger
from gated.web.credentials import Credentials
from gated.web.guard import Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from gated.daemon import Parts
    from gated.model import Act
    from gated.waiting import Waiting
    from gated.web.page import Page

    Gate = Callable[[Path], AbstractAsyncContextManager[Parts | Waiting]]

PIN, TOKEN = "271828", "correct-horse-battery"
BODY = b'{"mode": "entry", "nonce": "", "why": "x", "on": true, "signal": "admit"}'

ATTEMPTS: dict[str, dict[str, Any]] = {
    "without login": {"status": 401},
    "with a forged cookie": {"status": 401, "cookie": "x" * 43},
    "with an empty cookie": {"status": 401, "cookie": ""},
    "cross-site": {"status": 403, "login": Role.ADMIN, "Origin": "https://evil.example.org"},
    "from a sandboxed frame": {"status": 403, "login": Role.ADMIN, "Origin": "null"},
    "without saying from where": {"status": 403, "login": Role.ADMIN, "Origin": ""},
    "cross-site, as the browser says": {
        "status": 403,
        "login": Role.ADMIN,
        "Sec-Fetch-Site": "cross-site",
    },
    "from another port": {"status": 403, "login": Role.ADMIN, "Origin": "http://127.0.0.1:1"},
    "as a form": {"status": 403, "login": Role.ADMIN, "Content-Type": "text/plain"},
    "through a proxy": {"status": 401, "login": Role.ADMIN, "X-Forwarded-For": "198.51.100.7"},
    "by GET": {"status": 405, "login": Role.ADMIN, "method": "GET"},
    "by PUT": {"status": 405, "login": Role.ADMIN, "method": "PUT"},
    "by HEAD": {"status": 405, "login": Role.ADMIN, "method": "HEAD"},
}


def web_keys(folder: Path) -> dict[str, Any]:
    credentials = Credentials(folder / "page-login")
    credentials.put(Role.STAFF, PIN)
    credentials.put(Role.ADMIN, TOKEN)
    return {"enabled": True, "port": 0, "login_file": str(folder / "page-login")}


@asynccontextmanager
async def at_work(folder: Path) -> AsyncIterator[Parts]:
    async with (
        TicketServer(World.made_up(5, seed=1)) as server,
        gate_before_window(server, folder, web=web_keys(folder)) as bench,
    ):
        yield bench.parts


@asynccontextmanager
async def not_enrolled(folder: Path) -> AsyncIterator[Waiting]:
    async with unenrolled_gate(folder, web=web_keys(folder)) as gate:
        yield await gate.waiting()


@asynccontextmanager
async def in_the_demo(folder: Path) -> AsyncIterator[Parts]:
    world = World.made_up(300, seed=1)
    async with TicketServer(world) as server:
        show = Show(server, world, guests=None, seed=1)
        settings = demo_config(server, folder, web=True, port=0)
        web_keys(folder)
        running = asyncio.create_task(show.run(settings))
        while show.parts is None:
            assert not running.done()
            await asyncio.sleep(0.02)
        yield show.parts
        show.parts.stop.set()
        await running


GATES = pytest.mark.parametrize("gate", [at_work, not_enrolled, in_the_demo])


def page_of(parts: Parts | Waiting) -> Page:
    assert parts.page is not None
    return parts.page


async def pressed(parts: Parts | Waiting) -> list[Act]:
    """What somebody at a page did."""
    return [act for act in await parts.store.read(ledger.acts) if act.origin.startswith("page")]


async def attempt(page: Page, name: str, wrong: dict[str, Any]) -> int:
    """The status that such a request gets."""
    headers = {key: value for key, value in wrong.items() if key[0].isupper()}
    headers = {
        "Content-Type": "application/json",
        "Origin": page.url.rstrip("/"),
        **headers,
    }
    cookie = wrong.get("cookie")
    if role := wrong.get("login"):
        cookie = page.sessions.begin(role, "127.0.0.1")
    jar = {} if cookie is None else {f"gated-{page.port}": cookie}
    async with (
        aiohttp.ClientSession(page.url, headers=headers, cookies=jar) as browser,
        browser.request(
            wrong.get("method", "POST"), f"/api/actions/{name}", data=BODY, cookies=jar
        ) as answer,
    ):
        return answer.status


@GATES
async def test_every_action_tried_in_every_wrong_way_is_refused_and_logged(
    gate: Gate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with gate(tmp_path) as parts:
        page = page_of(parts)
        assert page.actions
        # What is wrong below is the only thing that is wrong.
        assert await attempt(page, "no-such-action", {"login": Role.ADMIN}) == 404
        for action in page.actions:
            wrong_ways = dict(ATTEMPTS)
            if action.role is Role.ADMIN:
                wrong_ways["by staff"] = {"status": 403, "login": Role.STAFF}
            for how, wrong in wrong_ways.items():
                caplog.clear()
                assert await attempt(page, action.name, wrong) == wrong["status"], (
                    action.name,
                    how,
                )
                method = wrong.get("method", "POST")
                line = f"page refused {method} /api/actions/{action.name} from 127.0.0.1: "
                assert any(
                    record.levelname == "WARNING" and record.getMessage().startswith(line)
                    for record in caplog.records
                ), (action.name, how)
        assert await pressed(parts) == []


async def test_whatever_is_not_read_by_get_is_the_login_or_one_of_those_actions(
    tmp_path: Path,
) -> None:
    async with at_work(tmp_path) as parts:
        routes = page_of(parts)._application().router.routes()
        written = {
            route.resource.canonical
            for route in routes
            if route.resource and route.method not in {"GET", "HEAD"}
        }
    assert written == {"/api/login", "/api/logout", "/api/actions/{name}"}
