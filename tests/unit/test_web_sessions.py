"""The page's logins: what lies in the file, how often one may guess, how long a session lasts."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gated.errors import GatedError, LoginRefused
from gated.web.credentials import Credentials, new_token
from gated.web.guard import Role
from gated.web.sessions import Leniency, Sessions

PIN, TOKEN = "271828", "correct-horse-battery"


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    made = Credentials(tmp_path / "page-login")
    made.put(Role.STAFF, PIN)
    made.put(Role.ADMIN, TOKEN)
    return made


class Watch:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_file_holds_salted_hashes_and_is_closed_to_others(credentials: Credentials) -> None:
    text = credentials.path.read_text()

    assert PIN not in text
    assert TOKEN not in text
    assert stat.S_IMODE(credentials.path.stat().st_mode) == 0o640
    again = Credentials(credentials.path.with_name("again"))
    again.put(Role.STAFF, PIN)
    assert again.mark(Role.STAFF) not in text


def test_a_secret_opens_its_own_role_only(credentials: Credentials) -> None:
    assert credentials.role_of(PIN) is Role.STAFF
    assert credentials.role_of(TOKEN) is Role.ADMIN
    for wrong in ("", "271829", PIN + " ", TOKEN[:-1], "\ud800"):
        assert credentials.role_of(wrong) is Role.VIEW
    credentials.remove(Role.ADMIN)
    assert credentials.role_of(TOKEN) is Role.VIEW
    assert credentials.role_of(PIN) is Role.STAFF


@pytest.mark.parametrize("pin", ["", "12345", "123456", "987654", "111111", "121212"])
def test_a_pin_that_is_guessed_first_is_not_taken(credentials: Credentials, pin: str) -> None:
    with pytest.raises(GatedError, match=r"short|easy"):
        credentials.put(Role.STAFF, pin)

    assert credentials.role_of(PIN) is Role.STAFF


def test_a_made_token_is_taken_and_each_is_another(credentials: Credentials) -> None:
    first, second = new_token(), new_token()
    credentials.put(Role.ADMIN, first)

    assert credentials.role_of(first) is Role.ADMIN
    assert credentials.role_of(second) is Role.VIEW


def test_a_file_that_cannot_be_trusted_lets_nobody_in(credentials: Credentials) -> None:
    credentials.path.chmod(0o644)
    with pytest.raises(GatedError, match="open to everybody"):
        credentials.role_of(PIN)
    credentials.path.chmod(0o640)
    credentials.path.write_text("root scrypt\n")
    with pytest.raises(GatedError, match="damaged"):
        credentials.role_of(PIN)
    credentials.path.write_text("staff plain 271828\n")
    assert credentials.role_of(PIN) is Role.VIEW
    credentials.path.unlink()
    with pytest.raises(GatedError, match="set a PIN"):
        credentials.role_of(PIN)


async def test_guessing_gets_slower_and_the_right_secret_waits_too(
    credentials: Credentials,
) -> None:
    watch = Watch()
    sessions = Sessions(credentials, leniency=Leniency(free=3), monotonic=watch)
    for _ in range(3):
        with pytest.raises(LoginRefused, match="neither") as refusal:
            await sessions.log_in("000000", "192.0.2.1")
        assert refusal.value.wait_s == 0
    with pytest.raises(LoginRefused, match="wait 30 s"):
        await sessions.log_in(PIN, "192.0.2.1")

    watch.now += 31
    with pytest.raises(LoginRefused, match="neither"):
        await sessions.log_in("000000", "192.0.2.1")
    with pytest.raises(LoginRefused, match="wait 60 s"):
        await sessions.log_in(PIN, "192.0.2.1")
    assert sessions.role(await sessions.log_in(PIN, "192.0.2.2")) is Role.STAFF

    watch.now += 61
    assert sessions.role(await sessions.log_in(PIN, "192.0.2.1")) is Role.STAFF
    with pytest.raises(LoginRefused, match="neither"):
        await sessions.log_in("000000", "192.0.2.1")


async def test_a_pin_is_not_guessed_from_many_addresses_at_once(credentials: Credentials) -> None:
    sessions = Sessions(credentials, leniency=Leniency(free_in_all=4), monotonic=Watch())
    for number in range(4):
        with pytest.raises(LoginRefused, match="neither"):
            await sessions.log_in("000000", f"2001:db8:{number}::1")
    with pytest.raises(LoginRefused, match="too many wrong tries"):
        await sessions.log_in("000000", "2001:db8:9::1")


async def test_one_ipv6_network_is_one_guesser(credentials: Credentials) -> None:
    sessions = Sessions(credentials, leniency=Leniency(free=2), monotonic=Watch())
    for number in range(2):
        with pytest.raises(LoginRefused, match="neither"):
            await sessions.log_in("000000", f"2001:db8::{number}%eth0")
    with pytest.raises(LoginRefused, match="too many wrong tries"):
        await sessions.log_in(PIN, "2001:db8::99")


async def test_a_session_ends_when_idle_when_logged_out_and_with_its_secret(
    credentials: Credentials,
) -> None:
    watch = Watch()
    sessions = Sessions(credentials, leniency=Leniency(idle_s=100), monotonic=watch)
    staff, admin = await sessions.log_in(PIN, "::1"), await sessions.log_in(TOKEN, "::1")
    assert sessions.origin(admin) == "page, admin from ::1"
    watch.now += 90
    sessions.touch(staff)
    watch.now += 20
    assert (sessions.role(staff), sessions.role(admin)) == (Role.STAFF, Role.VIEW)

    credentials.put(Role.ADMIN, new_token())
    assert sessions.role(staff) is Role.STAFF
    credentials.put(Role.STAFF, "314159")
    assert sessions.role(staff) is Role.VIEW

    staff = await sessions.log_in("314159", "::1")
    sessions.log_out(staff)
    assert sessions.role(staff) is Role.VIEW
    assert sessions.role("") is Role.VIEW


async def test_sessions_do_not_pile_up(credentials: Credentials) -> None:
    sessions = Sessions(credentials, monotonic=Watch())
    cookies = [sessions.begin(Role.STAFF, "::1") for _ in range(70)]

    assert sessions.role(cookies[0]) is Role.VIEW
    assert sessions.role(cookies[-1]) is Role.STAFF
