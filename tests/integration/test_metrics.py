"""What is seen of a gate from afar, over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp.test_utils import unused_port
from prometheus_client.parser import text_string_to_metric_families
from rig import LIST, Bench, Process, gate_before_window

from gated.errors import ConfigError, ServerUnreachable
from gated.model import State
from gated.simulator.server import TicketServer
from gated.simulator.world import World

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool: apt install prometheus"
)


def crowd() -> World:
    """A world in which everybody is inside."""
    world = World.made_up(40, seed=9)
    for position in world.positions.values():
        world.order_of(position).status = "p"
        position.canceled = False
        world.enter(position.id, LIST)
    return world


class Monitoring:
    """Somebody elsewhere who asks a gate."""

    def __init__(
        self, bench: Bench, world: World, server: TicketServer, page: aiohttp.ClientSession
    ):
        self.bench = bench
        self.world = world
        self.server = server
        self._page = page

    async def get(self, path: str, **more: Any) -> tuple[int, str]:
        assert self.bench.parts.afar.served
        async with self._page.get(f"{self.bench.parts.afar.served.url}{path}", **more) as response:
            return response.status, await response.text()

    async def scrape(self) -> Samples:
        status, text = await self.get("metrics")
        assert status == 200
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    async def cut_off(self) -> None:
        """Unplug the server; no answer of before is under way any more."""
        await self.server.unplug()
        with pytest.raises(ServerUnreachable):
            await self.bench.parts.sync.changes.once()

    async def ready(self) -> tuple[int, dict[str, Any]]:
        assert self.bench.parts.afar.served
        async with self._page.get(f"{self.bench.parts.afar.served.url}readyz") as response:
            return response.status, await response.json()


def of(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, tuple(sorted(labels.items()))]


@pytest.fixture
async def monitoring(tmp_path: Path) -> AsyncIterator[Monitoring]:
    world = crowd()
    async with (
        TicketServer(world) as server,
        gate_before_window(server, tmp_path, metrics={"port": 0}) as bench,
        aiohttp.ClientSession() as page,
    ):
        yield Monitoring(bench, world, server, page)


async def test_scans_are_counted_by_mode_verdict_and_reason(monitoring: Monitoring) -> None:
    guests = [position.secret for position in monitoring.world.positions.values()][:3]
    for secret in guests:
        await monitoring.bench.scan(secret)
    await monitoring.bench.scan(guests[0])
    await monitoring.bench.scan("a forged ticket")
    await monitoring.bench.settled()

    samples = await monitoring.scrape()

    left = {"mode": "exit", "verdict": "accepted", "reason": "left"}
    assert of(samples, "gated_scans_total", **left) == 3
    twice = {"mode": "exit", "verdict": "refused", "reason": "already_left"}
    assert of(samples, "gated_scans_total", **twice) == 1
    forged = {"mode": "exit", "verdict": "refused", "reason": "invalid"}
    assert of(samples, "gated_scans_total", **forged) == 1
    # Who was refused had the server asked first.
    assert of(samples, "gated_frame_to_lamp_seconds_count", asked="no") == 3
    assert of(samples, "gated_frame_to_lamp_seconds_count", asked="yes") == 2
    assert of(samples, "gated_decode_seconds_count") >= 5
    assert of(samples, "gated_camera_reads_total") >= 5
    assert of(samples, "gated_people_inside") == len(monitoring.world.positions) - 3
    assert of(samples, "gated_outbox_scans", state="waiting") == 0
    assert of(samples, "gated_outbox_scans", state="confirmed") >= 3
    assert sum(of(samples, "gated_outbox_scans", state=str(state)) for state in State) == 5
    assert of(samples, "gated_outbox_oldest_seconds") == 0


async def test_what_the_server_does_not_take_waits_and_grows_old(monitoring: Monitoring) -> None:
    await monitoring.cut_off()
    secret = next(iter(monitoring.world.positions.values())).secret
    await monitoring.bench.scan(secret)
    monitoring.bench.hands.advance(3600)

    samples = await monitoring.scrape()

    assert of(samples, "gated_outbox_scans", state="waiting") == 1
    assert of(samples, "gated_outbox_oldest_seconds") > 3599
    assert of(samples, "gated_list_age_seconds") > 3599
    assert of(samples, "gated_server_answer_age_seconds") > 3599
    assert of(samples, "gated_list_tickets") == len(monitoring.world.positions)


async def test_a_gate_that_delivers_is_alive_and_ready(monitoring: Monitoring) -> None:
    assert await monitoring.get("healthz") == (200, '{"alive": true}')
    assert await monitoring.ready() == (200, {"ready": True})

    samples = await monitoring.scrape()

    assert of(samples, "gated_alive") == 1
    assert of(samples, "gated_store_answers") == 1
    assert of(samples, "gated_clock_trust", trust="synchronised") == 1
    assert of(samples, "gated_mode", mode="exit") == 1
    assert of(samples, "gated_mode", mode="entry") == 0
    assert of(samples, "gated_camera_silent_seconds") < 60


async def test_a_list_that_is_too_old_makes_a_gate_unready_not_dead(monitoring: Monitoring) -> None:
    await monitoring.cut_off()
    monitoring.bench.hands.advance(3 * 3600)

    status, answer = await monitoring.ready()

    assert status == 503
    assert re.fullmatch(r"the list is 3\.\d h old", answer["error"])
    assert (await monitoring.get("healthz"))[0] == 200


async def test_a_gate_without_a_list_says_so(tmp_path: Path) -> None:
    world = crowd()
    async with TicketServer(world) as server:
        await server.unplug()
        async with (
            gate_before_window(server, tmp_path, pulled=False, metrics={"port": 0}) as bench,
            aiohttp.ClientSession() as page,
        ):
            monitoring = Monitoring(bench, world, server, page)
            status, answer = await monitoring.ready()
            samples = await monitoring.scrape()

    assert status == 503
    assert answer == {
        "ready": False,
        "error": "the list was never downloaded: every ticket is unknown",
    }
    assert of(samples, "gated_list_age_seconds") == float("inf")
    assert of(samples, "gated_server_answer_age_seconds") == float("inf")


async def test_a_camera_that_hangs_makes_a_gate_unready(monitoring: Monitoring) -> None:
    monitoring.bench.window.freeze()
    try:
        async with asyncio.timeout(20):
            while of(await monitoring.scrape(), "gated_part_level", part="camera") < 2:
                await asyncio.sleep(0.05)
        status, answer = await monitoring.ready()
    finally:
        monitoring.bench.window.thaw()

    assert status == 503
    assert answer == {"ready": False, "error": "the camera gives no pictures"}


async def test_a_database_that_does_not_answer_costs_its_own_numbers_only(
    monitoring: Monitoring,
) -> None:
    await monitoring.bench.parts.store._close()

    samples = await monitoring.scrape()
    status, answer = await monitoring.ready()

    assert of(samples, "gated_store_answers") == 0
    assert of(samples, "gated_alive") == 0
    assert of(samples, "gated_camera_frames_total") >= 0
    assert not any(name == "gated_list_tickets" for name, _ in samples)
    assert status == 503
    assert answer["error"] == "the database is not open"
    assert (await monitoring.get("healthz"))[0] == 503


async def test_a_full_disk_is_told_until_scans_are_recorded_again(monitoring: Monitoring) -> None:
    async def limit(pages: int) -> None:
        def work(db: Any) -> None:
            db.execute(f"PRAGMA max_page_count = {pages}")

        await monitoring.bench.parts.store.write(work)

    async def level() -> float:
        samples = await monitoring.scrape()
        return next((samples[key] for key in samples if ("part", "store") in key[1]), 0)

    await limit(1)  # no more than it has
    number = 0
    async with asyncio.timeout(30):
        while await level() < 2:
            number += 1
            monitoring.bench.hands.advance(20)
            monitoring.bench.window.hold_up(f"forged {number} " + "x" * 400)
            await asyncio.sleep(0.05)

    await limit(1_000_000)
    monitoring.bench.hands.advance(20)
    monitoring.bench.window.hold_up("forged and recorded")
    async with asyncio.timeout(30):
        while await level() > 0:
            await asyncio.sleep(0.05)


async def test_nothing_about_guests_is_told(monitoring: Monitoring) -> None:
    positions = list(monitoring.world.positions.values())
    for position in positions[:5]:
        await monitoring.bench.scan(position.secret)
    await monitoring.bench.settled()

    told = "".join([(await monitoring.get(path))[1] for path in ("metrics", "healthz", "readyz")])

    secrets = {
        text for one in positions for text in (one.secret, monitoring.world.order_of(one).code)
    }
    names = {one.attendee_name for one in positions if one.attendee_name}
    assert names
    assert [text for text in secrets | names if text in told] == []
    assert "demo-token" not in told


async def test_nothing_but_looking_is_possible(monitoring: Monitoring) -> None:
    assert monitoring.bench.parts.afar.served
    url = monitoring.bench.parts.afar.served.url
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}metrics") as response:
            assert response.status == 405
        async with session.get(f"{url}api/state") as response:
            assert response.status == 404
            assert response.headers["Server"] == "gated"
        async with session.get(f"{url}metrics") as response:
            assert response.headers["Cache-Control"] == "no-store"


async def test_a_gate_that_is_not_asked_to_listens_nowhere(tmp_path: Path) -> None:
    async with TicketServer(crowd()) as server, gate_before_window(server, tmp_path) as bench:
        assert bench.parts.afar.served is None
        await bench.scan("anything")


async def test_a_gate_that_waits_to_be_enrolled_is_alive_and_not_ready(tmp_path: Path) -> None:
    port = unused_port()
    nowhere = {"url": "", "organizer": "", "event": "", "checkin_lists": [], "token_file": ""}
    with Process("", tmp_path, server=nowhere, metrics={"port": port}) as gate:
        await asyncio.to_thread(gate.start, wait_for="waits to be enrolled")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            answers = {}
            for path in ("healthz", "readyz", "metrics"):
                async with session.get(f"/{path}") as response:
                    answers[path] = response.status, await response.text()

    assert answers["healthz"][0] == 200
    assert answers["readyz"][0] == 503
    assert "the list was never downloaded" in answers["readyz"][1]
    assert answers["metrics"][0] == 200
    assert 'gated_part_level{part="enrolment"} 1.0' in answers["metrics"][1]


async def test_a_port_that_is_taken_is_told_with_its_key(tmp_path: Path) -> None:
    async with TicketServer(crowd()) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=r"\[metrics\] port: \d+ is taken"):
            async with gate_before_window(server, tmp_path, metrics={"port": port}):
                raise AssertionError("it listens where somebody else does")


ROOT = Path(__file__).parents[2]
# What Prometheus itself gives.
PROMETHEUS = {"up"}
# Names that are metrics: no function, no label, no keyword.
NAME = re.compile(r"(?<![\w:$])[a-z_:][\w:]*(?!\w|\s*\()")
NOT_NAMES = re.compile(
    r"\{[^}]*\}|\[[^\]]*\]|\"[^\"]*\"|\b(?:by|without|on|ignoring)\s*\([^)]*\)|\b(?:and|or|unless|bool)\b"
    r"|\bInf\b|\b\d[\w.]*"
)
LABELS = re.compile(r"(?<=[{,])\s*(\w+)\s*(?==|!)|\bby\s*\(([^)]*)\)")


def names_in(query: str) -> set[str]:
    return set(NAME.findall(NOT_NAMES.sub(" ", query)))


def labels_in(query: str) -> set[str]:
    return {
        name.strip()
        for found in LABELS.finditer(query)
        for name in (found[1] or found[2]).split(",")
    }


def queries() -> list[str]:
    board = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text(encoding="utf-8"))
    panels = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    variables = re.findall(r"label_values\((.*?),", json.dumps(board["templating"]))
    annotations = [one["expr"] for one in board["annotations"]["list"]]
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8")
    return [*panels, *variables, *annotations, *re.findall(r"^ +expr: (.*)$", rules, re.MULTILINE)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("gated_alive == 0", {"gated_alive"}),
        ('sum by (le) (rate(a_bucket{x="y"}[5m])) > 1e3', {"a_bucket"}),
        ("histogram_quantile(0.99, a) or b unless on (instance) c < +Inf", {"a", "b", "c"}),
        ('a{x="sum(b)", y=~"c|d"} / 60', {"a"}),
    ],
)
def test_the_names_in_a_query_are_found(query: str, names: set[str]) -> None:
    assert names_in(query) == names


async def test_dashboard_and_rules_ask_only_for_what_a_gate_gives(
    monitoring: Monitoring, tmp_path: Path
) -> None:
    served = monitoring.bench.parts.afar.served
    assert served
    served._gauges._root = a_board(tmp_path / "board", temperature="51234", throttled="50005")
    await monitoring.bench.scan("a forged ticket")
    samples = await monitoring.scrape()
    given = {name for name, _ in samples} | PROMETHEUS | {"gated_scanner_there"}
    labels = {label for _, pairs in samples for label, _ in pairs} | {"job", "instance", "scanner"}

    asked = queries()

    assert len(asked) >= 50
    assert {name for query in asked for name in names_in(query)} - given == set()
    assert {label for query in asked for label in labels_in(query)} - labels == set()
    values = {pair for _, pairs in samples for pair in pairs}
    wanted = {
        (label, value)
        for query in asked
        for label, value in re.findall(
            r'(state|trust|asked|what|verdict|mode)!?=~?"([^"]*)"', query
        )
    }
    assert len(wanted) > 4
    for label, value in wanted:
        assert {(label, one) for one in value.split("|")} <= values


async def test_a_scan_engine_that_is_not_there_is_told(tmp_path: Path) -> None:
    scanner = [{"device": str(tmp_path / "ttyACM0")}]
    async with (
        TicketServer(crowd()) as server,
        gate_before_window(server, tmp_path, metrics={"port": 0}, scanner=scanner) as bench,
        aiohttp.ClientSession() as page,
    ):
        samples = await Monitoring(bench, World(), server, page).scrape()

    (name,) = (pairs for name, pairs in samples if name == "gated_scanner_there")
    assert samples["gated_scanner_there", name] == 0


def a_board(root: Path, *, temperature: str, throttled: str) -> Path:
    """What a Pi's kernel shows of itself."""
    zone = root / "sys/class/thermal/thermal_zone0"
    firmware = root / "sys/devices/platform/soc/soc:firmware"
    zone.mkdir(parents=True)
    firmware.mkdir(parents=True)
    (zone / "type").write_text("cpu-thermal\n")
    (zone / "temp").write_text(f"{temperature}\n")
    (firmware / "get_throttled").write_text(f"{throttled}\n")
    return root


async def test_a_warm_board_with_a_weak_supply_says_so(
    monitoring: Monitoring, tmp_path: Path
) -> None:
    served = monitoring.bench.parts.afar.served
    assert served
    # Too little voltage now, and since the start; throttled before, not now.
    served._gauges._root = a_board(tmp_path / "board", temperature="81500", throttled="50001")

    samples = await monitoring.scrape()

    assert of(samples, "gated_board_temperature_celsius") == 81.5
    assert of(samples, "gated_board_power", what="under_voltage") == 1
    assert of(samples, "gated_board_power", what="throttled") == 0
    assert of(samples, "gated_board_power_since_start", what="under_voltage") == 1
    assert of(samples, "gated_board_power_since_start", what="throttled") == 1
    assert of(samples, "gated_board_power_since_start", what="frequency_capped") == 0


@promtool
async def test_promtool_finds_nothing_wrong_with_the_metrics(monitoring: Monitoring) -> None:
    await monitoring.bench.scan("a forged ticket")
    _, text = await monitoring.get("metrics")

    checked = await asyncio.to_thread(
        subprocess.run,
        ["promtool", "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
