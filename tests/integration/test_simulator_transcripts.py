"""Every answer recorded from the real servers, asked for again from the simulator."""

from __future__ import annotations

import io
import re
from typing import Any

import aiohttp
import pytest
from simulator_notes import EARLIER, IN_STEPS, LEFT_OUT, NOTES, VARIES, notes
from simulator_recording import Case, cases, recorded_world
from simulator_stages import prepare
from yarl import URL

from gated.simulator.dialects import Dialect
from gated.simulator.faults import Fault
from gated.simulator.server import TicketServer


def everything() -> list[Case]:
    return [
        case
        for dialect in Dialect
        for case in cases(dialect).values()
        if (dialect, case.name) not in LEFT_OUT and case.name not in IN_STEPS
    ]


@pytest.mark.parametrize("case", everything(), ids=lambda case: f"{case.dialect}-{case.name}")
async def test_the_simulator_answers_as_the_real_server_did(case: Case) -> None:
    world = recorded_world(case.dialect)
    prepare(world, case)
    async with TicketServer(world, dialect=case.dialect, token="<token>") as server:
        if case.name in EARLIER and (earlier := cases(case.dialect).get(EARLIER[case.name])):
            prepare(world, earlier)
            await ask(server, earlier)
        world.clock = case.at
        status, headers, content = await ask(server, case)
    assert status == case.response["status"], content
    assert_same(case.response.get("body") or "", content or "", base=server.url)
    for name, value in case.response.get("headers", {}).items():
        assert headers.get(name) == value, name


def test_all_372_recorded_answers_are_replayed_or_the_notes_say_why_not() -> None:
    recorded = [(dialect, name) for dialect in Dialect for name in cases(dialect)]
    replayed = {(case.dialect, case.name) for case in everything()}
    in_steps = {one for one in recorded if one[1] in IN_STEPS}
    assert len(recorded) == 372
    assert replayed | in_steps | set(LEFT_OUT) == set(recorded)
    assert (len(replayed), len(in_steps), len(LEFT_OUT)) == (369, 3, 0)
    assert NOTES.read_text(encoding="utf-8") == notes(), (
        "run python tests/integration/simulator_notes.py"
    )


async def test_the_fork_keeps_a_crash_for_the_holder_of_its_key_and_pretix_a_refusal() -> None:
    for dialect in Dialect:
        steps = cases(dialect)["idem_500_stored"].content["steps"]
        world = recorded_world(dialect)
        async with TicketServer(world, dialect=dialect) as server:
            for kind, step in zip(("leave", "entry"), steps, strict=True):
                status, content = await redeem_with_key(server, {"type": kind})
                assert status == step["status"]
                expected = step["body"]
                title = re.search(r"<title>(.*?)</title>", expected)
                assert (title[0] if title else expected) in content
        assert world.checkins == {}


async def test_the_key_of_a_killed_worker_stays_locked() -> None:
    steps = cases(Dialect.FORK)["idem_worker_killed"].content["steps"]
    world = recorded_world(Dialect.FORK)
    async with TicketServer(world) as server:
        server.faults.add(Fault.WORKER_KILLED, times=1)
        with pytest.raises(aiohttp.ClientConnectionError):
            await redeem_with_key(server, {})
        for step in steps[1:]:
            status, content = await redeem_with_key(server, {})
            assert (status, content) == (step["status"], step["body"].replace('": "', '":"'))
    assert world.checkins == {}


async def redeem_with_key(server: TicketServer, body: dict[str, Any]) -> tuple[int, str]:
    path = f"/checkinlists/1/positions/{server.world.positions[20].secret}/redeem/"
    url = f"{server.url}/api/v1/organizers/demo/events/conf{path}"
    headers = {"Authorization": f"Device {server.token}", "X-Idempotency-Key": "k"}
    async with (
        aiohttp.ClientSession() as client,
        client.post(url, json=body, headers=headers) as answer,
    ):
        return answer.status, await answer.text()


async def ask(server: TicketServer, case: Case) -> tuple[int, dict[str, str], Any]:
    asked = case.request
    headers = {name: value for name, value in asked["headers"].items() if value is not None}
    sent: dict[str, Any] = {}
    body = asked.get("body")
    if isinstance(body, dict):
        sent["json"] = body
    elif isinstance(body, str):
        big = re.fullmatch(r"<(\d+) bytes>", body)
        text = '{"pad": "' + "x" * (int(big[1]) - 11) + '"}' if big else body
        sent["data"] = io.BytesIO(text.encode())
    async with (
        aiohttp.ClientSession() as client,
        client.request(
            asked["method"],
            URL(server.url + asked["path"]),
            headers=headers,
            allow_redirects=False,
            **sent,
        ) as answer,
    ):
        text = await answer.text()
        is_json = answer.content_type == "application/json" and text
        content = (await answer.json()) if is_json else text
        return answer.status, {key.lower(): value for key, value in answer.headers.items()}, content


def assert_same(recorded: Any, served: Any, *, base: str, key: str = "") -> None:
    """Compare exactly, save what varies and what the recording trimmed."""
    if isinstance(recorded, dict):
        assert isinstance(served, dict), key
        trimmed = "..." in recorded
        missing = recorded.keys() - served.keys() - {"..."}
        more = set() if trimmed else served.keys() - recorded.keys()
        assert (missing, more) == (set(), set()), key
        for name in recorded.keys() - {"..."}:
            assert_same(recorded[name], served[name], base=base, key=name)
    elif isinstance(recorded, list):
        assert isinstance(served, list), key
        if key in VARIES:
            return
        rest = re.fullmatch(r"\.\.\. (\d+) more", str(recorded[-1])) if recorded else None
        shown = recorded[:-1] if rest else recorded
        assert len(served) == len(shown) + (int(rest[1]) if rest else 0), key
        for one, other in zip(shown, served[: len(shown)], strict=True):
            assert_same(one, other, base=base, key=key)
    elif isinstance(recorded, str) and recorded.startswith("<title>"):
        assert recorded in served
    elif key in VARIES:
        assert type(recorded) is type(served), key
    elif isinstance(recorded, str) and recorded.startswith("http://127.0.0.1:"):
        assert re.sub(r"^http://[^/]+", base, recorded) == served
    else:
        assert (type(recorded), recorded) == (type(served), served), key
