"""The local page over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.test_utils import unused_port
from yarl import URL

from gated.camera.aiming import Aiming
from gated.errors import ConfigError, PanelError, StoreError
from gated.web.actions import Action
from gated.web.credentials import Credentials
from gated.web.guard import Role, is_local, is_same_origin, names_this_gate
from gated.web.page import Page
from gated.web.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

JPEG = b"\xff\xd8\xff\xe0 a picture \xff\xd9"


class StandIn:
    """A gate that is nothing but its state."""

    def __init__(self) -> None:
        self.pressed: list[tuple[str, dict[str, Any]]] = []
        self.recorded: list[tuple[str, str]] = []
        self.sessions = Sessions(Credentials(Path("/nowhere")))
        self.reader: Any = None
        self.jpeg: bytes | None = JPEG
        self.asked = 0
        self.broken = ""
        self.broke = asyncio.Event()
        self.awake = asyncio.Event()
        self.awake.set()
        self.lamp = {"green": 0, "red": 0}
        self.level = "ok"

    async def state(self) -> dict[str, Any]:
        self.asked += 1
        await self.awake.wait()
        if self.broken:
            self.broke.set()
            raise StoreError(self.broken)
        return {
            "gate": {"name": "Gate A", "mode": "exit"},
            "number": self.asked,
            "lamps": {"green": 9, "red": 9},
            "scans": [{"nonce": "n1", "words": "Left", "ticket": "ABCDE-1", "server": "canceled"}],
            "health": [{"part": "camera", "level": self.level, "words": "no pictures"}],
            "outbox": {"troubled": [{"nonce": "n2", "server": "canceled", "ticket": "ABCDE-2"}]},
            "demo": {"cable": True, "guests": []},
        }

    def lamps(self) -> dict[str, int]:
        return self.lamp

    async def picture(self) -> bytes | None:
        return self.jpeg

    async def record(self, origin: str, what: str) -> None:
        self.recorded.append((origin, what))

    async def set_mode(self, arguments: dict[str, Any], origin: str) -> None:
        if arguments.get("mode") not in {"entry", "exit"}:
            raise PanelError("The mode is entry or exit.")
        self.pressed.append(("mode", arguments))

    def page(self, *, host: str = "127.0.0.1", port: int = 0) -> Page:
        return Page(
            host=host,
            port=port,
            state=self.state,
            lamps=self.lamps,
            picture=self.picture,
            aiming=Aiming(self.reader),
            actions=[Action("mode", Role.STAFF, self.set_mode)],
            sessions=self.sessions,
            record=self.record,
        )

    def login(self, page: Page, role: Role = Role.STAFF) -> dict[str, str]:
        """The cookie of somebody who has logged in."""
        return {f"gated-{page.port}": self.sessions.begin(role, "127.0.0.1")}


@pytest.fixture
def gate() -> StandIn:
    return StandIn()


@pytest.fixture
async def page(gate: StandIn) -> AsyncIterator[Page]:
    async with gate.page() as page:
        yield page


@pytest.fixture
async def browser(gate: StandIn, page: Page) -> AsyncIterator[aiohttp.ClientSession]:
    """The browser of staff who have logged in."""
    jar = aiohttp.CookieJar(unsafe=True)
    jar.update_cookies(gate.login(page), URL(page.url))
    own = {"Origin": page.url.rstrip("/")}
    async with aiohttp.ClientSession(page.url, cookie_jar=jar, headers=own) as session:
        yield session


class Messages:
    """Server-sent events as a browser reads them."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> tuple[str, dict[str, Any]]:
        kind = ""
        async for raw in self._response.content:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return kind, json.loads(line.removeprefix("data: "))
        raise EOFError

    async def next_of(self, wanted: str) -> dict[str, Any]:
        while True:
            kind, content = await self.next()
            if kind == wanted:
                return content


def address_of_this_machine() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        address: str = probe.getsockname()[0]
        return "" if address.startswith("127.") else address


async def round_trip(browser: aiohttp.ClientSession) -> None:
    """Come back when the server has done whatever was due before."""
    async with browser.get("/api/picture") as response:
        await response.read()


async def refused(response: aiohttp.ClientResponse) -> tuple[int, str]:
    return response.status, (await response.json())["error"]


async def test_the_page_and_all_it_needs_are_served_under_a_strict_policy(
    browser: aiohttp.ClientSession,
) -> None:
    kinds = {
        "/": "text/html",
        "/static/app.js": "text/javascript application/javascript",
        "/static/view.js": "text/javascript application/javascript",
        "/static/style.css": "text/css",
        "/static/icon.svg": "image/svg+xml",
    }
    for path, kind in kinds.items():
        async with browser.get(path) as response:
            assert response.status == 200
            assert response.content_type in kind
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
            assert "unsafe" not in response.headers["Content-Security-Policy"]
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert response.headers["Cache-Control"] in {"no-store", "no-cache"}
            assert "aiohttp" not in response.headers["Server"]
    async with browser.get("/static/../page.py") as response:
        assert response.status == 404
        assert "Content-Security-Policy" in response.headers


async def test_the_state_is_whole_for_who_has_logged_in(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/api/state") as response:
        state = await response.json()
        assert response.headers["Cache-Control"] == "no-store"

    assert state["access"] == "staff"
    assert state["scans"][0]["ticket"] == "ABCDE-1"
    assert state["demo"] == {"cable": True, "guests": []}


async def test_a_store_that_cannot_be_read_is_told_in_its_own_sentence(
    gate: StandIn, browser: aiohttp.ClientSession
) -> None:
    gate.broken = "The disk is full."

    for path in ("/api/state", "/healthz"):
        async with browser.get(path) as response:
            assert await refused(response) == (503, "The disk is full.")


async def test_healthz_is_ok_until_a_part_has_an_error(
    gate: StandIn, browser: aiohttp.ClientSession
) -> None:
    for level, status, text in (
        ("ok", 200, "ok"),
        ("warning", 200, "ok"),
        ("error", 503, "camera: no pictures"),
    ):
        gate.level = level
        async with browser.get("/healthz") as response:
            assert (response.status, await response.text()) == (status, text)


async def test_the_picture_is_a_jpeg_or_a_404(
    gate: StandIn, browser: aiohttp.ClientSession
) -> None:
    async with browser.get("/api/picture") as response:
        assert (response.content_type, await response.read()) == ("image/jpeg", JPEG)
        assert response.headers["Cache-Control"] == "no-store"
    gate.jpeg = None
    async with browser.get("/api/picture") as response:
        assert (await refused(response))[0] == 404


async def test_an_action_gets_its_json_object(
    gate: StandIn, page: Page, browser: aiohttp.ClientSession
) -> None:
    async with browser.post("/api/actions/mode", json={"mode": "entry"}) as response:
        assert response.status == 200

    assert gate.pressed == [("mode", {"mode": "entry"})]
    assert gate.recorded == [("page, staff from 127.0.0.1", 'mode {"mode": "entry"}')]


async def test_an_action_that_cannot_be_done_says_why(browser: aiohttp.ClientSession) -> None:
    async with browser.post("/api/actions/mode", json={"mode": "up"}) as response:
        assert await refused(response) == (409, "The mode is entry or exit.")
    async with browser.post("/api/actions/explode", json={}) as response:
        assert (await refused(response))[0] == 404


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (403, b'{"mode": "entry"}', {"Content-Type": "text/plain"}),
        (403, b"mode=entry", {"Content-Type": "application/x-www-form-urlencoded"}),
        (403, b'{"mode": "entry"}', {"Origin": "https://evil.example.org"}),
        (403, b'{"mode": "entry"}', {"Origin": "null"}),
        (403, b'{"mode": "entry"}', {"Sec-Fetch-Site": "cross-site"}),
        (401, b'{"mode": "entry"}', {"X-Forwarded-For": "198.51.100.7"}),
        (400, b"not json", {}),
        (400, b"\xff\xfe", {}),
        (400, b'["entry"]', {}),
        (413, b'{"mode": "' + b"x" * 5000 + b'"}', {}),
    ],
)
async def test_a_press_from_anywhere_else_presses_nothing(
    gate: StandIn,
    browser: aiohttp.ClientSession,
    status: int,
    body: bytes,
    headers: dict[str, str],
) -> None:
    headers = {"Content-Type": "application/json", **headers}
    async with browser.post("/api/actions/mode", data=body, headers=headers) as response:
        assert response.status == status
        assert await response.text()

    assert gate.pressed == []


async def test_a_name_that_somebody_elses_dns_points_here_gets_nothing(
    browser: aiohttp.ClientSession,
) -> None:
    for path in ("/", "/api/state", "/api/events", "/api/picture", "/healthz", "/static/app.js"):
        async with browser.get(path, headers={"Host": "evil.example.org"}) as response:
            assert (await refused(response))[0] == 421
    for host in ("localhost", "127.0.0.1:8080", "[::1]:80"):
        async with browser.get("/healthz", headers={"Host": host}) as response:
            assert response.status == 200


async def test_eyes_elsewhere_see_no_guests_and_press_no_buttons(gate: StandIn) -> None:
    address = address_of_this_machine()
    if not address:
        pytest.skip("this machine has only loopback addresses; connect it to a network")
    async with gate.page(host="0.0.0.0") as page, aiohttp.ClientSession() as phone:
        url = f"http://{address}:{page.port}"
        async with phone.get(f"{url}/api/state") as response:
            state = await response.json()
        async with phone.get(f"{url}/api/events") as response:
            streamed = await Messages(response).next_of("state")
        async with phone.get(f"{url}/api/picture") as response:
            assert (await refused(response))[0] == 401
        async with phone.post(
            f"{url}/api/actions/mode", json={"mode": "entry"}, headers={"Origin": url}
        ) as response:
            assert (await refused(response))[0] == 401

    for seen in (state, streamed):
        assert "ABCDE" not in json.dumps(seen)
        assert "canceled" not in json.dumps(seen)
        assert seen["access"] == "view"
        assert seen["scans"] == [{"nonce": "n1", "words": "Left"}]
        assert seen["demo"] is None
    assert gate.pressed == []


async def test_what_a_proxy_forwards_is_not_local(browser: aiohttp.ClientSession) -> None:
    async with browser.get("/api/state", headers={"X-Forwarded-For": "127.0.0.1"}) as response:
        assert (await response.json())["access"] == "view"


async def test_a_stream_begins_with_the_whole_state_and_the_lamps_of_that_moment(
    gate: StandIn, page: Page, browser: aiohttp.ClientSession
) -> None:
    gate.awake.clear()
    async with browser.get("/api/events") as response:
        assert response.content_type == "text/event-stream"
        gate.lamp = {"green": 1, "red": 0}
        page.lamps_changed()
        await round_trip(browser)
        gate.awake.set()
        kind, state = await Messages(response).next()

    assert kind == "state"
    assert state["access"] == "staff"
    assert state["lamps"] == {"green": 1, "red": 0}


async def test_lamps_are_pushed_alone_and_only_when_they_differ(
    gate: StandIn, page: Page, browser: aiohttp.ClientSession
) -> None:
    async with browser.get("/api/events") as response:
        messages = Messages(response)
        await messages.next()
        page.lamps_changed()
        await round_trip(browser)
        gate.lamp = {"green": 0, "red": 1}
        page.lamps_changed()

        assert await messages.next() == ("lamps", {"green": 0, "red": 1})


async def test_a_hundred_changes_at_once_are_one_push(
    gate: StandIn, page: Page, browser: aiohttp.ClientSession
) -> None:
    async with browser.get("/api/events") as response:
        messages = Messages(response)
        await messages.next_of("state")
        asked = gate.asked
        for _ in range(100):
            page.changed()
            await asyncio.sleep(0)
        await messages.next_of("state")

    assert gate.asked == asked + 1


async def test_a_state_that_fails_once_does_not_end_the_stream(
    gate: StandIn, page: Page, browser: aiohttp.ClientSession
) -> None:
    async with browser.get("/api/events") as response:
        messages = Messages(response)
        await messages.next_of("state")
        gate.broken = "The disk is full."
        page.changed()
        await gate.broke.wait()
        gate.broken = ""
        page.changed()

        assert (await messages.next_of("state"))["number"] == gate.asked


async def test_a_page_that_does_not_read_gets_the_newest_and_no_backlog(
    gate: StandIn, page: Page
) -> None:
    pushes = 600
    ballast = "x" * 50_000
    gate.lamp = {ballast: 0, "green": 0}
    with socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(slow, ("127.0.0.1", page.port))
        await loop.sock_sendall(slow, b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        while b"event: state" not in received:
            received += await loop.sock_recv(slow, 4096)
        for number in range(1, pushes + 1):
            gate.lamp = {ballast: 0, "green": number}
            page.lamps_changed()
            await asyncio.sleep(0)
        newest = f'"green": {pushes}}}'.encode()
        while newest not in received[-100_000:]:
            received += await loop.sock_recv(slow, 1 << 20)

    assert received.count(b"event: lamps") < pushes / 2


async def test_stopping_ends_an_open_stream_properly(gate: StandIn) -> None:
    async with aiohttp.ClientSession() as session:
        async with gate.page() as page:
            messages = Messages(await session.get(f"{page.url}api/events"))
            await messages.next_of("state")

        # A connection that is cut instead raises ClientPayloadError.
        with pytest.raises(EOFError):
            await messages.next()


async def test_stopping_does_not_wait_for_pages_that_do_not_read(gate: StandIn) -> None:
    ballast = "x" * 20_000_000
    page = gate.page()
    async with aiohttp.ClientSession() as session, asyncio.timeout(20):
        async with page:
            idle = await session.get(f"{page.url}healthz")
            await idle.read()
            stuck = await session.get(f"{page.url}api/events")
            await Messages(stuck).next_of("state")
            gate.lamp = {ballast: 1}
            page.lamps_changed()
            await asyncio.sleep(0)
        with pytest.raises(aiohttp.ClientPayloadError):
            await stuck.read()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{page.url}healthz")


async def test_a_browser_that_left_is_forgotten(
    gate: StandIn, page: Page, browser: aiohttp.ClientSession
) -> None:
    for _ in range(40):
        async with browser.get("/api/events") as response:
            assert response.status == 200
            response.close()
        page.changed()
        await asyncio.sleep(0.02)


async def test_the_port_in_use_is_told_by_its_key(gate: StandIn) -> None:
    async with gate.page() as first:
        with pytest.raises(ConfigError, match=r"^\[web\] port: \d+ is taken") as refusal:
            await gate.page(port=first.port).__aenter__()

    assert "\n" not in str(refusal.value)


async def test_a_host_that_is_not_ours_is_told_by_its_key(gate: StandIn) -> None:
    with pytest.raises(ConfigError, match=r"^\[web\] host: cannot listen on '192\.0\.2\.77'"):
        await gate.page(host="192.0.2.77").__aenter__()


async def test_the_url_leads_a_browser_on_this_machine_to_the_page(gate: StandIn) -> None:
    port = unused_port()
    async with gate.page(host="0.0.0.0", port=port) as page, aiohttp.ClientSession() as session:
        assert page.url == f"http://127.0.0.1:{port}/"
        async with session.get(page.url) as response:
            assert response.status == 200
    assert gate.page(host="::1", port=80).url == "http://[::1]:80/"


@pytest.mark.parametrize(
    ("host", "ours"),
    [
        ("localhost", True),
        ("LOCALHOST.:8080", True),
        ("127.8.9.10", True),
        ("[::1]", True),
        ("gate-a.example.org:80", True),
        ("192.0.2.5:8080", True),
        ("[::ffff:192.0.2.5]", True),
        ("192.0.2.6", False),
        ("localhost.evil.example.org", False),
        ("localhost@evil.example.org", False),
        ("evil.example.org#localhost", False),
        ("evil.example.org/localhost", False),
        ("0.0.0.0", False),
        ("[::1", False),
        ("localhost:port", False),
        ("", False),
    ],
)
def test_a_host_header_is_ours_or_not(host: str, ours: bool) -> None:
    named = names_this_gate(host, configured="gate-a.example.org", reached="::ffff:192.0.2.5")
    assert named is ours


def test_only_loopback_without_a_proxy_is_local() -> None:
    assert [is_local(peer, {}) for peer in ("127.0.0.1", "::1", "::ffff:127.0.0.1")] == [True] * 3
    assert [is_local(peer, {}) for peer in ("192.0.2.5", "fe80::1%eth0", "", None)] == [False] * 4
    assert not is_local("127.0.0.1", {"Forwarded": "for=192.0.2.5"})


def test_an_origin_is_ours_only_with_the_same_scheme_name_and_port() -> None:
    assert is_same_origin("http://localhost:8080", "localhost:8080")
    for origin in ("http://localhost", "https://localhost:8080", "null", ""):
        assert not is_same_origin(origin, "localhost:8080")
