"""Down: the list is fetched whole, or the old one stays and the page says why."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web
from gate_bench import (
    ENTRY,
    EXIT,
    FORK,
    PRETIX,
    Bench,
    answering,
    bench,
    running,
    sell,
    small_world,
    until_true,
)

from gated.errors import BadReply, NotAuthorized, ServerError, ServerUnreachable, StoreError
from gated.health import Level
from gated.server.dialects import Capabilities
from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.world import World
from gated.store.tickets import Keeper
from gated.sync import reading
from gated.sync.pull import Progress, Pull

both = pytest.mark.parametrize("dialect", [FORK, PRETIX])


def on_list(world: World, list_id: int = 1) -> int:
    """How many tickets a complete pass must find, whoever is paid or not."""
    one = world.lists[list_id]
    return sum(not each.canceled and one.covers(each.item) for each in world.positions.values())


async def known(gate: Bench) -> set[int]:
    return await gate.store.read(
        lambda db: {
            row["position_id"]
            for row in db.execute("SELECT position_id FROM tickets WHERE NOT vanished")
        }
    )


@both
async def test_a_pass_brings_every_ticket_of_the_list(tmp_path: Path, dialect: Dialect) -> None:
    world = World.made_up(guests=130)
    steps: list[Progress] = []
    async with bench(tmp_path, dialect, world=world) as gate:
        result = await gate.pull.once(steps.append)
        assert result.tickets == on_list(world) == await gate.tickets()
        verdicts = [(await gate.scan(ENTRY, number)).decision.reason for number in range(1, 8)]
    assert verdicts == [
        "entered", "entered", "entered", "entered", "unpaid", "canceled", "invalid"
    ]  # fmt: skip
    total = on_list(world)
    assert steps == [Progress("All", done, total) for done in (50, 100, total)]


@both
async def test_several_lists_make_one_pass(tmp_path: Path, dialect: Dialect) -> None:
    world = World.made_up(guests=60)
    async with bench(tmp_path, dialect, world=world, lists=(2, 1)) as gate:
        result = await gate.pull.once()
        assert result.tickets == on_list(world)
        first = (await gate.scan(ENTRY, 1)).scans[0].list_id
        other = (await gate.scan(ENTRY, 2)).scans[0].list_id
    assert (first, other) == (2, 1)


@both
async def test_the_next_pass_brings_what_changed(tmp_path: Path, dialect: Dialect) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.pull.once()
        assert (await gate.pull.once()).changed == 0
        world = gate.world
        old = world.change_secret(1)
        world.cancel_position(2)
        world.enter(3, 1)
        new = sell(world)
        result = await gate.pull.once()
        assert (result.tickets, result.changed, result.vanished) == (8, 2, 1)
        reasons = [
            (await gate.scan(ENTRY, code)).decision.reason for code in (old, 1, 2, 3, new.id)
        ]
        assert reasons == ["revoked", "entered", "canceled", "already_redeemed", "entered"]
        assert (await gate.scan(EXIT, 3)).decision.reason == "left"


@both
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(sell, id="sold"),
        pytest.param(lambda world: world.cancel_position(3), id="canceled"),
        pytest.param(
            lambda world: (world.cancel_position(60), sell(world), sell(world)), id="both"
        ),
    ],
)
async def test_a_list_that_changes_while_it_is_read_is_read_again(
    tmp_path: Path, dialect: Dialect, change: Callable[[World], object]
) -> None:
    async with bench(tmp_path, dialect, world=small_world(120)) as gate:
        gate.after_page(2, lambda: change(gate.world))
        result = await gate.pull.once()
        assert result.tickets == on_list(gate.world)
        assert await known(gate) == {
            each.id for each in gate.world.positions.values() if not each.canceled
        }
        first_pages = [r for r in gate.server.requests if r.query.get("page") == "1"]
        assert len([r for r in first_pages if r.path.endswith("/positions/")]) == 2


@both
async def test_a_list_that_shrinks_below_its_last_page_is_read_again(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with bench(tmp_path, dialect, world=small_world(101)) as gate:
        gate.after_page(2, lambda: gate.world.cancel_position(1))
        assert (await gate.pull.once()).tickets == 100


async def test_a_list_that_never_stands_still_leaves_the_old_one(tmp_path: Path) -> None:
    async with bench(tmp_path, world=small_world(60)) as gate:
        await gate.pull.once()
        gate.after_page(1, lambda: sell(gate.world), times=99)
        with pytest.raises(BadReply, match="kept changing while it was read: the old one stays"):
            await gate.pull.once()
        assert await gate.tickets() == 60
        gate.client.on_answer = None
        assert (await gate.pull.once()).tickets == on_list(gate.world)


async def test_a_list_that_is_really_empty_is_believed(tmp_path: Path) -> None:
    async with bench(tmp_path, world=small_world(1)) as gate:
        await gate.pull.once()
        gate.world.cancel_position(1)
        assert (await gate.pull.once()).vanished == 1


@both
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"revoked": True}, "401: Device access has been revoked"),
        ({"active": False}, "401: Token inactive or deleted"),
        ({"all_events": False}, "403: You do not have permission to perform this action"),
        ({"security_profile": "pretixscan_online_kiosk"}, "403: Request denied by device security"),
    ],
    ids=["revoked", "inactive", "event", "profile"],
)
async def test_a_token_without_the_right_is_told_in_the_servers_words(
    tmp_path: Path, dialect: Dialect, change: dict[str, object], words: str
) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.pull.once()
        for name, value in change.items():
            setattr(gate.world.tokens["demo-token"], name, value)
        with pytest.raises(NotAuthorized, match=f"the server says {words}"):
            await gate.pull.once()
        assert await gate.tickets() == 8
        assert gate.client.reachable


@both
@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault.CAPTIVE_PORTAL, BadReply, "answered 200 with text/html, not JSON: check .server. u"),
        (Fault.HTML_500, BadReply, "the server failed on this request .500."),
        (Fault.DATABASE_LOCKED, BadReply, "the server failed on this request .500."),
        (Fault.TRUNCATED_BODY, ServerUnreachable, "does not answer: the answer broke off"),
        (Fault.RESET_BEFORE_COMMIT, ServerUnreachable, "not answer: the connection was broken"),
        (Fault.UNAVAILABLE, ServerUnreachable, "the server says later .503."),
        (Fault.TOO_MANY_REQUESTS, ServerUnreachable, "the server says later .429."),
        (Fault.LATENCY, ServerUnreachable, "the server does not answer: no answer in time"),
        (Fault.SLOW_BODY, ServerUnreachable, "the server does not answer: no answer in time"),
    ],
)
async def test_bad_weather_in_the_middle_of_a_list_leaves_the_old_one(
    tmp_path: Path, dialect: Dialect, fault: Fault, kind: type[ServerError], words: str
) -> None:
    world = small_world(60)
    async with bench(tmp_path, dialect, world=world, timeout_s=0.5) as gate:
        await gate.pull.once()
        world.change_secret(1)

        def strike() -> None:
            gate.server.faults.add(fault, latency_s=1.0, pause_s=0.3)

        gate.after_page(1, strike)
        with pytest.raises(kind, match=words):
            await gate.pull.once()
        assert (await gate.scan(ENTRY, gate.world.revoked[0].secret)).decision.reason == "entered"
        gate.server.faults.clear()
        assert (await gate.pull.once()).changed == 1


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    def to_the_portal(_: web.BaseRequest) -> web.Response:
        return web.Response(status=302, headers={"Location": "/portal"})

    async with (
        answering(to_the_portal) as (url, asked),
        bench(tmp_path, url=url) as gate,
    ):
        with pytest.raises(BadReply, match=r"redirects: check .server. url"):
            await gate.pull.once()
    assert asked == ["/api/v1/organizers/demo/events/conf/checkinlists/?page=1"]


async def test_an_address_below_the_server_is_told_from_a_refusal(tmp_path: Path) -> None:
    world = small_world()
    async with bench(tmp_path, world=world) as gate:
        gate.client.url += "/control"
        with pytest.raises(BadReply, match="answered 404 with text/html, not JSON: check"):
            await gate.pull.once()


async def test_a_list_that_the_event_does_not_have_is_named_with_those_it_has(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, lists=(1, 9)) as gate:
        with pytest.raises(BadReply, match=r"has no check-in list 9: .*these: 1 All, 2 VIP only"):
            await gate.pull.once()


@pytest.mark.parametrize(
    ("position", "words"),
    [
        ({"id": 1, "order": "A", "secret": "code", "product": 4}, ""),
        ({"id": 1, "order": "A", "secret": "code"}, "position 1 has neither item nor product"),
        ({"id": "one"}, "another shape than expected"),
    ],
    ids=["product", "neither", "shape"],
)
async def test_an_answer_of_another_shape_is_understood_or_told(
    tmp_path: Path, position: dict[str, object], words: str
) -> None:
    def answer(request: web.BaseRequest) -> web.Response:
        of_lists = request.path.endswith("/checkinlists/")
        results = [{"id": 1, "position_count": 1}] if of_lists else [position]
        body = json.dumps({"count": 1, "next": None, "results": results})
        return web.Response(text=body, content_type="application/json")

    async with answering(answer) as (url, _), bench(tmp_path, url=url) as gate:
        if words:
            with pytest.raises(BadReply, match=words):
                await gate.pull.once()
            assert await gate.tickets() == 0
        else:
            await gate.pull.once()
            assert (await gate.scan(ENTRY, "code")).decision.reason == "entered"


@pytest.mark.parametrize(
    ("dialect", "profile", "expected"),
    [
        (FORK, "full", Capabilities("3.18.0.dev0", checkout=True)),
        (FORK, "pretixscan", Capabilities("3.18.0.dev0")),
        (PRETIX, "full", Capabilities("2026.8.0", failed_checkins=True)),
        (PRETIX, "pretixscan", Capabilities("2026.8.0", failed_checkins=True)),
    ],
)
async def test_what_the_server_can_do_is_found_out_and_remembered(
    tmp_path: Path, dialect: Dialect, profile: str, expected: Capabilities
) -> None:
    async with bench(tmp_path, dialect) as gate:
        gate.world.tokens["demo-token"].security_profile = profile
        await gate.pull.probe()
        found = gate.pull.capabilities
        assert found is not None
        assert (found.version, found.checkout, found.failed_checkins) == (
            expected.version,
            expected.checkout,
            expected.failed_checkins,
        )
        assert gate.world.checkins == {}
        keeper = Keeper(gate.store.vault)
        later = Pull(gate.client, gate.store, keeper, gate.clock, gate.health, every_s=60)
        await later.remember()
        assert later.capabilities == found


@both
@pytest.mark.parametrize("fault", [Fault.HTML_500, Fault.CAPTIVE_PORTAL, Fault.UNAVAILABLE])
async def test_bad_weather_does_not_make_the_server_forget_what_it_can_do(
    tmp_path: Path, dialect: Dialect, fault: Fault
) -> None:
    async with bench(tmp_path, dialect) as gate:
        await gate.pull.probe()
        before = gate.pull.capabilities
        gate.server.faults.add(fault, method="POST")
        with suppress(ServerError):
            await gate.pull.probe()
        assert gate.pull.capabilities == before


async def test_the_list_is_pulled_when_the_server_comes_back(tmp_path: Path) -> None:
    async with bench(tmp_path) as gate:
        await gate.server.unplug()
        async with running(gate.pull.run()):
            await until_true(lambda: gate.level("server") is Level.WARNING)
            assert gate.words("server").startswith("the server does not answer: no connection to")
            await gate.server.plug()
            await until_true(lambda: gate.level("list") is Level.OK)
        assert gate.words("server") == "connected"
        assert gate.words("list") == "8 tickets"


async def test_a_pull_that_is_not_allowed_turns_the_page_red_and_goes_on(tmp_path: Path) -> None:
    async with bench(tmp_path) as gate:
        rights = gate.world.tokens["demo-token"]
        rights.all_events = False
        async with running(gate.pull.run()):
            await until_true(lambda: gate.level("server") is Level.ERROR)
        assert "403" in gate.words("server")


async def test_two_pulls_at_once_do_not_mix_their_pages(tmp_path: Path) -> None:
    async with bench(tmp_path, world=small_world(120)) as gate:
        results = await asyncio.gather(*(gate.pull.once() for _ in range(3)))
        assert [result.tickets for result in results] == [120] * 3
        assert [result.changed for result in results] == [120, 0, 0]


async def test_pages_are_fetched_while_those_before_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_BATCH", 50)
    held_up = threading.Event()
    async with bench(tmp_path, world=small_world(300)) as gate:
        gate.after_page(1, lambda: asyncio.ensure_future(gate.store.write(lambda _: hold(held_up))))
        pulling = asyncio.create_task(gate.pull.once())
        async with asyncio.timeout(10):
            await gate.server.requests.arrived("/positions/", count=3)
        held_up.set()
        assert (await pulling).tickets == 300
        pages = [r.query["page"] for r in gate.server.requests.matching("/positions/")]
        assert pages == ["1", "2", "3", "4", "5", "6"]


def hold(event: threading.Event) -> None:
    event.wait(10)


async def test_a_write_that_fails_ends_the_pass_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_BATCH", 50)
    async with bench(tmp_path, world=small_world(120)) as gate:
        drop = "DROP TABLE temp.new_tickets"
        gate.after_page(
            2, lambda: asyncio.ensure_future(gate.store.write(lambda db: db.execute(drop)))
        )
        with pytest.raises(StoreError):
            await gate.pull.once()
        assert await gate.tickets() == 0
        assert (await gate.pull.once()).tickets == 120
