"""Logging in to the page, and everything that is refused to who has not."""

from __future__ import annotations

import logging
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rig import gate_before_window
from yarl import URL

from gated.errors import ConfigError
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.store import ledger
from gated.web.credentials import Credentials
from gated.web.guard import Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rig import Bench

PIN, TOKEN = "271828", "correct-horse-battery"


@asynccontextmanager
async def gate_with_page(folder: Path, **web: Any) -> AsyncIterator[Bench]:
    login = folder / "page-login"
    credentials = Credentials(login)
    credentials.put(Role.STAFF, PIN)
    credentials.put(Role.ADMIN, TOKEN)
    web = {"enabled": True, "port": 0, "login_file": str(login), **web}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TicketServer(World.made_up(5, seed=1)))
        yield await stack.enter_async_context(gate_before_window(server, folder, web=web))


def url_of(bench: Bench) -> str:
    assert bench.parts.page is not None
    return bench.parts.page.url


def browser_of(bench: Bench, **headers: str) -> aiohttp.ClientSession:
    own = {"Origin": url_of(bench).rstrip("/"), **headers}
    jar = aiohttp.CookieJar(unsafe=True)
    return aiohttp.ClientSession(url_of(bench), headers=own, cookie_jar=jar)


async def acts(bench: Bench) -> list[tuple[str, str, str]]:
    found = await bench.parts.store.read(ledger.acts)
    return [(act.what, act.origin, act.detail) for act in found]


async def log_in(browser: aiohttp.ClientSession, secret: str) -> aiohttp.ClientResponse:
    return await browser.post("/api/login", json={"secret": secret})


async def test_staff_log_in_press_and_log_out_and_the_ledger_says_who_and_from_where(
    tmp_path: Path,
) -> None:
    async with gate_with_page(tmp_path) as bench, browser_of(bench) as browser:
        async with await log_in(browser, PIN) as answer:
            assert (answer.status, await answer.json()) == (200, {"access": "staff"})
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        async with browser.get("/api/state") as answer:
            assert (await answer.json())["access"] == "staff"
        async with browser.post("/api/actions/mode", json={"mode": "entry"}) as answer:
            assert answer.status == 200
        async with browser.post("/api/actions/settle", json={"nonce": "x", "why": "y"}) as answer:
            assert (answer.status, await answer.json()) == (
                403,
                {"error": "This needs the admin login."},
            )
        kept = browser.cookie_jar.filter_cookies(URL(url_of(bench)))
        stolen = {name: morsel.value for name, morsel in kept.items()}
        async with browser.post("/api/logout", json={}) as answer:
            assert answer.status == 200
        async with browser.post(
            "/api/actions/mode", json={"mode": "exit"}, cookies=stolen
        ) as answer:
            assert answer.status == 401
        who = "page, staff from 127.0.0.1"
        assert bench.parts.desk.mode == "entry"
        assert (await acts(bench))[-3:] == [
            ("press", who, "log in"),
            ("press", who, 'mode {"mode": "entry"}'),
            ("mode", who, "entry"),
        ]


async def test_pictures_and_tickets_need_a_login_on_this_machine_too(tmp_path: Path) -> None:
    async with gate_with_page(tmp_path) as bench, browser_of(bench) as browser:
        async with browser.get("/api/picture") as answer:
            assert answer.status == 401
        async with browser.get("/api/state") as answer:
            state = await answer.json()
        assert state["access"] == "view"
        assert all("ticket" not in scan for scan in state["scans"])
        async with await log_in(browser, TOKEN) as answer:
            assert (await answer.json()) == {"access": "admin"}
        async with browser.get("/api/picture") as answer:
            assert answer.status in {200, 404}


async def test_guessing_is_refused_for_a_while_and_says_how_long(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with gate_with_page(tmp_path) as bench, browser_of(bench) as browser:
        for _ in range(5):
            async with await log_in(browser, "000000") as answer:
                assert answer.status == 401
        async with await log_in(browser, PIN) as answer:
            assert answer.status == 429
            assert int(answer.headers["Retry-After"]) > 20
            assert "wait" in (await answer.json())["error"]
        assert sum("page refused POST /api/login" in line for line in caplog.messages) == 6
        assert "000000" not in caplog.text
        assert PIN not in caplog.text


async def test_a_secret_is_not_taken_in_the_clear_from_elsewhere_nor_from_a_form_or_a_link(
    tmp_path: Path,
) -> None:
    async with gate_with_page(tmp_path) as bench, browser_of(bench) as browser:
        elsewhere = {"X-Forwarded-For": "192.0.2.7"}
        async with browser.post("/api/login", json={"secret": PIN}, headers=elsewhere) as answer:
            assert answer.status == 403
            assert "certificate" in (await answer.json())["error"]
        async with browser.get("/api/login", params={"secret": PIN}) as answer:
            assert answer.status == 405
        async with browser.post("/api/login", data={"secret": PIN}) as answer:
            assert answer.status == 403
        async with browser.get("/api/logout") as answer:
            assert answer.status == 405


async def test_without_a_login_file_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    async with (
        gate_with_page(tmp_path, login_file=str(tmp_path / "none")) as bench,
        browser_of(bench) as browser,
        await log_in(browser, PIN) as answer,
    ):
        assert answer.status == 503
        assert "set-pin" in (await answer.json())["error"]


async def test_over_tls_the_cookie_is_bound_to_host_and_tls(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    web = {"certificate": str(certificate), "key": str(key), "name": "gate-a.example.org"}
    trust = ssl.create_default_context(cafile=str(certificate))
    async with gate_with_page(tmp_path, **web) as bench:
        assert url_of(bench).startswith("https://127.0.0.1:")
        port = bench.parts.page.port if bench.parts.page else 0
        # The name that the certificate is for is one of the gate's own.
        named = {"Host": f"gate-a.example.org:{port}"}
        origin = {"Origin": f"https://gate-a.example.org:{port}"}
        async with browser_of(bench, **named, **origin) as browser:
            proxied = {"X-Forwarded-For": "192.0.2.7"}
            async with browser.post(
                "/api/login", json={"secret": PIN}, ssl=trust, headers=proxied
            ) as answer:
                assert answer.status == 200
                cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-gated")
        assert "Secure" in cookie
        assert "Path=/" in cookie


async def test_a_certificate_that_cannot_be_used_is_told_by_its_key(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path)
    web = {"certificate": str(certificate), "key": str(certificate)}
    with pytest.raises(ConfigError, match=r"^\[web\] certificate: .* cannot be used"):
        async with gate_with_page(tmp_path, **web):
            pass


def make_certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gate")])
    now = datetime.now(UTC)
    import ipaddress

    alternatives = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private
