"""The checks of the way to the server, on loopback: real sockets, real TLS with a CA of our own."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rig import settings

from gated import config
from gated.preflight import Here, Outcome, files, network
from gated.preflight.visit import visit
from gated.simulator.server import TicketServer
from gated.simulator.wishes import rights_of
from gated.simulator.world import World

GOOD, RED, UNKNOWN = Outcome.GOOD, Outcome.RED, Outcome.UNKNOWN
SERVER = "https://tickets.example.org"


def make_certificate(folder: Path, *, days: float, name: str = "127.0.0.1") -> Path:
    """A self-signed certificate, which is its own CA; with its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a CA of our own")])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    if name == "127.0.0.1":
        names.append(x509.IPAddress(IPv4Address(name)))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    file = folder / "certificate.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return file


@asynccontextmanager
async def listening(certificate: Path | None = None) -> AsyncIterator[int]:
    """A server that says nothing; gives its port."""
    secure = None
    if certificate:
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(certificate)

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=secure)
    async with server:
        yield server.sockets[0].getsockname()[1]


def a_box(url: str, folder: Path, **changes: Any) -> Here:
    return Here(config.parse(settings(url, folder, **changes)), root=folder)


async def test_a_certificate_of_a_trusted_ca_is_good_and_says_for_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make_certificate(tmp_path, days=90.5)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    async with listening(file) as port:
        found = await network.certificate(a_box(f"https://127.0.0.1:{port}", tmp_path))

    assert (found.outcome, found.words) == (GOOD, "trusted, for 90 more days")


async def test_a_certificate_about_to_end_is_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = make_certificate(tmp_path, days=2.5)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    async with listening(file) as port:
        found = await network.certificate(a_box(f"https://127.0.0.1:{port}", tmp_path))

    assert found.outcome is RED
    assert found.words.startswith("the certificate ends in 2 days")


@pytest.mark.parametrize(
    ("days", "name", "is_trusted", "words"),
    [
        (-1, "127.0.0.1", True, "certificate has expired"),
        (90, "another", True, "IP address mismatch"),
        (90, "127.0.0.1", False, "self-signed certificate"),
    ],
)
async def test_a_certificate_that_is_not_to_be_trusted_is_red(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: float,
    name: str,
    *,
    is_trusted: bool,
    words: str,
) -> None:
    file = make_certificate(tmp_path, days=days, name=name)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(file))
    async with listening(file) as port:
        found = await network.certificate(a_box(f"https://127.0.0.1:{port}", tmp_path))

    assert found.outcome is RED
    assert "is not trusted" in found.words
    assert words in found.words


@pytest.mark.parametrize(
    ("days", "outcome", "words"),
    [
        (90.5, GOOD, "good for 90 more days"),
        (13.5, RED, "the page's certificate ends in 13 days"),
        (-0.5, RED, "the page's certificate ended on"),
    ],
)
def test_the_pages_own_certificate_is_red_two_weeks_before_it_ends(
    tmp_path: Path, days: float, outcome: Outcome, words: str
) -> None:
    file = str(make_certificate(tmp_path, days=days))
    web = {"enabled": True, "certificate": file, "key": file}
    found = files.page_certificate(a_box(SERVER, tmp_path, web=web))

    assert found.outcome is outcome
    assert found.words.startswith(words)
    web["key"] = str(make_certificate(tmp_path / "other", days=days))
    found = files.page_certificate(a_box(SERVER, tmp_path, web=web))
    assert found.outcome is RED
    assert "cannot be used: KEY_VALUES_MISMATCH" in found.words
    web["certificate"] = str(tmp_path / "nothing")
    assert files.page_certificate(a_box(SERVER, tmp_path, web=web)).outcome is RED


def test_a_page_without_a_certificate_is_no_matter(tmp_path: Path) -> None:
    found = files.page_certificate(a_box(SERVER, tmp_path, web={"enabled": True}))

    assert found.outcome is GOOD
    assert "on this box only" in found.words


async def test_a_server_that_does_not_speak_tls_is_red(tmp_path: Path) -> None:
    async with listening() as port:
        found = await network.certificate(a_box(f"https://127.0.0.1:{port}", tmp_path))

    assert found.outcome is RED
    assert found.words.startswith("no secure connection")


async def test_plain_http_on_the_box_itself_needs_no_certificate(tmp_path: Path) -> None:
    found = await network.certificate(a_box("http://127.0.0.1:1", tmp_path))

    assert found.outcome is UNKNOWN


async def test_a_port_where_nobody_listens_is_red(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        here = a_box(f"http://127.0.0.1:{taken.getsockname()[1]}", tmp_path)
        found = await network.connection(here)
    async with listening() as port:
        there = await network.connection(a_box(f"http://127.0.0.1:{port}", tmp_path))

    assert found.outcome is RED
    assert there.outcome is GOOD


async def test_a_name_that_leads_nowhere_is_red(tmp_path: Path) -> None:
    # RFC 6761: .invalid never resolves.
    found = await network.name(a_box("https://tickets.invalid", tmp_path))

    assert found.outcome is RED
    assert found.words.startswith("the name tickets.invalid leads nowhere")
    assert (await network.name(a_box("http://localhost", tmp_path))).outcome is GOOD
    number = await network.name(a_box("http://127.0.0.1", tmp_path))
    assert number.words == "127.0.0.1 needs no look-up"


def test_a_box_without_a_connected_network_is_red(tmp_path: Path) -> None:
    here = a_box("https://tickets.example.org", tmp_path)

    def link(name: str, state: str) -> None:
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "operstate").write_text(state + "\n")

    link("lo", "unknown")
    link("eth0", "down")
    link("wlan0", "dormant")
    assert network.network(here).words == "no network is connected (eth0, wlan0)"
    assert network.network(here).outcome is RED
    assert network.network(a_box("http://127.0.0.1", tmp_path)).outcome is UNKNOWN
    link("wlan0", "up")
    assert network.network(here).words == "wlan0 is up"


async def test_a_token_with_its_rights_is_good_and_says_what_is_missing_all_the_same(
    tmp_path: Path,
) -> None:
    async with TicketServer(World.made_up(5)) as server:
        here = a_box(server.url, tmp_path)
        found = await network.rights(here)
        seen = await visit(here)

    assert found.outcome is GOOD
    assert found.words.startswith("it may read the list and check in")
    assert seen.expected == 4  # one of the five is not paid
    assert seen.off_s == 0


async def test_a_token_that_was_revoked_is_red(tmp_path: Path) -> None:
    async with TicketServer(World.made_up(5)) as server:
        here = a_box(server.url, tmp_path)
        (tmp_path / "token").write_text("another-token")
        found = await network.rights(here)

    assert found.outcome is RED
    assert found.words == "the server says 403: Invalid token."
    assert "another-token" not in found.words


async def test_a_token_that_may_not_check_in_is_red(tmp_path: Path) -> None:
    async with TicketServer(World.made_up(5)) as server:
        server.world.tokens[server.token] = rights_of("team-view")
        here = a_box(server.url, tmp_path)
        (tmp_path / "token").write_text(f"Token {server.token}")
        found = await network.rights(here)

    assert found.outcome is RED
    assert found.words.startswith("scans are kept on the gate")


async def test_a_server_that_is_away_is_red(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        here = a_box(f"http://127.0.0.1:{taken.getsockname()[1]}", tmp_path)
        found = await network.rights(here)

    assert found.outcome is RED
    assert found.words.startswith("the server does not answer")


async def test_a_clock_that_is_off_is_measured_by_the_servers_date(tmp_path: Path) -> None:
    from gated.clock import Clock

    async with TicketServer(World.made_up(5)) as server:
        here = a_box(server.url, tmp_path)
        here.clock = Clock(wall=lambda: datetime.now(UTC) - timedelta(minutes=5))
        seen = await visit(here)

    assert seen.off_s is not None
    # The Date has whole seconds, and a busy machine's answer may take some: five minutes stand out.
    assert -330 <= seen.off_s <= -270
