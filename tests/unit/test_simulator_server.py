from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.server import TicketServer
from gated.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
EVENT = "/api/v1/organizers/demo/events/conf/"
REDEEM = EVENT + "checkinlists/1/positions/{}/redeem/"


@pytest.fixture
async def server() -> AsyncIterator[TicketServer]:
    async with TicketServer(World.made_up(guests=10, now=NOW)) as server:
        yield server


@pytest.fixture
async def client(server: TicketServer) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Device {server.token}"}
    async with aiohttp.ClientSession(server.url, headers=headers) as client:
        yield client


async def redeem(
    client: aiohttp.ClientSession, server: TicketServer, *, key: str = "", **body: Any
) -> tuple[int, str]:
    path = REDEEM.format(server.world.positions[1].secret)
    headers = {"X-Idempotency-Key": key} if key else {}
    async with client.post(path, json=body, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_an_unplugged_server_breaks_connections_and_comes_back_on_its_port(
    server: TicketServer, client: aiohttp.ClientSession
) -> None:
    url = server.url
    assert (await redeem(client, server))[0] == 201
    await server.unplug()
    states = [server.plugged]
    with pytest.raises(aiohttp.ClientConnectionError):
        await redeem(client, server)
    await server.plug()
    assert [*states, server.plugged] == [False, True]
    assert server.url == url
    assert (await redeem(client, server))[0] == 400


async def test_a_request_in_hand_is_recorded_though_the_plug_is_pulled(
    server: TicketServer, client: aiohttp.ClientSession
) -> None:
    server.faults.add(Fault.LATENCY, latency_s=0.05)
    asking = asyncio.create_task(redeem(client, server))
    await server.requests.arrived("redeem", method="POST")
    await server.unplug()
    with pytest.raises(aiohttp.ClientConnectionError):
        await asking
    await server.settled()
    assert len(server.world.checkins) == 1
    assert [request.sent for request in server.requests] == [False]


async def test_what_was_asked_can_be_looked_at_without_the_token(
    server: TicketServer, client: aiohttp.ClientSession
) -> None:
    await redeem(client, server, nonce="n")
    async with client.get(EVENT + "orders/", params={"page": "2"}) as answer:
        await answer.read()
    assert [request.status for request in server.requests] == [201, 404]
    (seen,) = server.requests.matching("redeem", method="POST", status=201, sent=True)
    assert seen.body == {"nonce": "n"}
    assert seen.headers["authorization"] == "Device"
    assert server.requests.matching("orders")[0].query == {"page": "2"}


@pytest.mark.parametrize(
    ("fault", "is_recorded"),
    [
        (Fault.RESET_BEFORE_COMMIT, False),
        (Fault.WORKER_KILLED, False),
        (Fault.RESET_AFTER_COMMIT, True),
        (Fault.TRUNCATED_BODY, True),
    ],
)
async def test_a_lost_answer_says_nothing_about_what_was_recorded(
    server: TicketServer, client: aiohttp.ClientSession, fault: Fault, *, is_recorded: bool
) -> None:
    server.faults.add(fault, times=1)
    with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)):
        await redeem(client, server)
    assert bool(server.world.checkins) is is_recorded
    assert server.requests[0].sent is False
    assert (await redeem(client, server))[0] == (400 if is_recorded else 201)


@pytest.mark.parametrize(
    ("fault", "status", "is_recorded", "part"),
    [
        (Fault.HTML_500, 500, False, "<title>Internal Server Error</title>"),
        (Fault.HTML_500_AFTER_COMMIT, 500, True, "<title>Internal Server Error</title>"),
        (Fault.DATABASE_LOCKED, 500, False, "<title>Internal Server Error</title>"),
        (Fault.CAPTIVE_PORTAL, 200, False, "WiFi"),
        (Fault.TOO_MANY_REQUESTS, 429, False, "throttled"),
        (Fault.UNAVAILABLE, 503, False, "Unavailable"),
        (Fault.SLOW_BODY, 201, True, '"status":"ok"'),
        (Fault.LATENCY, 201, True, '"status":"ok"'),
    ],
)
async def test_a_fault_that_answers(
    server: TicketServer,
    client: aiohttp.ClientSession,
    fault: Fault,
    status: int,
    part: str,
    *,
    is_recorded: bool,
) -> None:
    server.faults.add(fault, times=1, latency_s=0.01, pause_s=0)
    answered, content = await redeem(client, server)
    assert answered == status
    assert part in content
    assert bool(server.world.checkins) is is_recorded


async def test_a_retry_with_its_key_gets_the_lost_answer_and_no_second_row(
    server: TicketServer, client: aiohttp.ClientSession
) -> None:
    server.faults.add(Fault.RESET_AFTER_COMMIT, times=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await redeem(client, server, key="k")
    status, content = await redeem(client, server, key="k")
    assert status == 201
    assert '"status":"ok"' in content
    assert len(server.world.checkins) == 1


async def test_a_second_request_with_the_key_of_one_in_hand_is_told_to_wait(
    server: TicketServer, client: aiohttp.ClientSession
) -> None:
    server.faults.add(Fault.LATENCY, times=1, latency_s=0.5)
    first = asyncio.create_task(redeem(client, server, key="k"))
    await server.requests.arrived("redeem", method="POST")
    assert (await redeem(client, server, key="k"))[0] == 409
    assert (await first)[0] == 201


async def test_the_date_header_follows_the_clock_and_its_fault() -> None:
    world = World.made_up(guests=1, now=NOW)
    async with (
        TicketServer(world, dialect=Dialect.PRETIX, clock=lambda: NOW) as server,
        aiohttp.ClientSession(server.url) as client,
    ):
        dates = []
        for _ in range(2):
            async with client.get("/api/v1/version") as answer:
                dates.append(parsedate_to_datetime(answer.headers["Date"]))
            server.faults.add(Fault.WRONG_DATE, offset_s=-60)
    assert dates[0] == NOW
    assert (dates[0] - dates[1]).total_seconds() == 60


async def test_a_locked_database_is_json_at_the_checkout(
    server: TicketServer, client: aiohttp.ClientSession
) -> None:
    server.faults.add(Fault.DATABASE_LOCKED)
    async with client.post(EVENT + "checkout/bulk/", json={}) as answer:
        assert answer.status == 500
        assert await answer.json() == {"error": "Checkout failed: database is locked"}


async def test_connections_can_be_closed_after_each_answer_as_some_servers_do() -> None:
    world = World.made_up(guests=1, now=NOW)
    async with (
        TicketServer(world, keep_alive=False) as server,
        aiohttp.ClientSession(server.url) as client,
        client.get("/api/v1/version") as answer,
    ):
        assert answer.headers["Connection"] == "close"


async def test_a_worker_that_dies_after_the_commit_leaves_the_row_and_a_locked_key(
    server: TicketServer, client: aiohttp.ClientSession
) -> None:
    server.faults.add(Fault.WORKER_KILLED_AFTER_COMMIT, times=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await redeem(client, server, key="k")
    assert len(server.world.checkins) == 1
    assert (await redeem(client, server, key="k"))[0] == 409


@pytest.mark.parametrize(("person_s", "outcome"), [(0.05, "done"), (0.2, "killed")])
async def test_a_bulk_checkout_takes_its_time_alone_and_its_worker_may_not_live_so_long(
    server: TicketServer, client: aiohttp.ClientSession, person_s: float, outcome: str
) -> None:
    for position in (1, 2, 3):
        server.world.enter(position, 1)
    server.faults.add(Fault.SLOW_BULK, path="/bulk/", limit_s=0.4, person_s=person_s)

    async def check_out_all() -> int | None:
        body, headers = {"checkin_lists": [1]}, {"X-Idempotency-Key": "k"}
        try:
            async with client.post(f"{EVENT}checkout/bulk/", json=body, headers=headers) as answer:
                return answer.status
        except aiohttp.ClientConnectionError:
            return None

    asked = asyncio.create_task(check_out_all())
    await server.requests.arrived("/bulk/")
    assert (await redeem(client, server, type="exit"))[0] == 500
    assert await asked == (200 if outcome == "done" else None)
    assert server.world.inside(1) == (set() if outcome == "done" else {1, 2, 3})
    assert (await redeem(client, server, type="exit"))[0] == 201
    assert await check_out_all() == (200 if outcome == "done" else 409)


async def test_organisers_change_the_list_between_two_pages(
    server: TicketServer, client: aiohttp.ClientSession
) -> None:
    before = server.world.revision
    server.faults.add(Fault.CHURN)
    for _ in range(20):
        async with client.get(EVENT + "checkinlists/1/positions/") as answer:
            assert answer.status == 200
    assert server.world.revision > before
    assert len(server.world.positions) > 10


async def test_who_listens_hears_of_every_request_and_what_went_wrong_with_it(
    server: TicketServer, client: aiohttp.ClientSession
) -> None:
    heard: list[tuple[int | None, tuple[str, ...]]] = []
    server.on_answer = lambda seen: heard.append((seen.status, seen.faults))
    server.faults.add(Fault.WORKER_KILLED, times=1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await redeem(client, server)
    await redeem(client, server)
    assert heard == [(None, ("worker-killed",)), (201, ())]
