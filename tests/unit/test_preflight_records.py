"""The checks of the database: real ones, and really damaged."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from store_samples import ENTRY, NOON, guest, pull, scan

from gated import config
from gated.clock import Clock
from gated.preflight import Here, Outcome, records
from gated.preflight.visit import Visit
from gated.store import Store

GOOD, RED, UNKNOWN = Outcome.GOOD, Outcome.RED, Outcome.UNKNOWN


@pytest.fixture
async def here(tmp_path: Path) -> Here:
    return await a_gate(tmp_path)


async def a_gate(folder: Path, guests: int = 300, *, age: timedelta = timedelta()) -> Here:
    """A gate with a list that was downloaded `age` ago."""
    document: dict[str, Any] = {
        "store": {"path": str(folder / "gated.db")},
        "server": {
            "url": "https://tickets.example.org",
            "organizer": "demo",
            "event": "conf",
            "checkin_lists": [1],
            "token_file": str(folder / "token"),
        },
    }
    settings = config.parse(document)
    async with Store(folder / "gated.db", settings.key_file) as store:
        if guests:
            await pull(store, [guest(number) for number in range(1, guests + 1)])
            await scan(store, ENTRY, 7)
    here = Here(settings, clock=Clock(wall=lambda: NOON + age))
    here.visit = asyncio.get_running_loop().create_future()
    here.visit.set_result(Visit(expected=guests))
    return here


def test_a_whole_database_is_good(here: Here) -> None:
    assert records.database(here).outcome is GOOD


def test_before_the_first_start_there_is_none_which_is_no_fault(tmp_path: Path) -> None:
    here = Here(config.parse({"store": {"path": str(tmp_path / "gated.db")}}))

    assert records.database(here).outcome is UNKNOWN
    assert records.decision(here).outcome is UNKNOWN


@pytest.mark.parametrize("page", [0, 3, 5])
def test_a_database_with_flipped_bytes_is_red(here: Here, page: int) -> None:
    pages = bytearray(here.database.read_bytes())
    size = int.from_bytes(pages[16:18], "big")
    for place in range(page * size, page * size + 200):
        pages[place] ^= 0xFF
    here.database.write_bytes(pages)

    found = records.database(here)
    assert found.outcome is RED
    assert "damaged" in found.words
    assert "move" in found.remedy


def test_a_database_cut_short_is_red(here: Here) -> None:
    whole = here.database.read_bytes()
    here.database.write_bytes(whole[: len(whole) // 2])

    assert records.database(here).outcome is RED


async def test_a_new_list_of_the_servers_size_is_good(here: Here) -> None:
    found = await records.guests(here)

    assert (found.outcome, found.words) == (
        GOOD,
        "300 tickets, 0 s old; the server has 300 that may come",
    )


async def test_a_list_that_was_never_downloaded_is_red(tmp_path: Path) -> None:
    found = await records.guests(await a_gate(tmp_path, guests=0))

    assert (found.outcome, found.remedy) == (RED, "sudo gated sync")


async def test_an_old_list_is_red(tmp_path: Path) -> None:
    found = await records.guests(await a_gate(tmp_path, age=timedelta(hours=5)))

    assert (found.outcome, found.words) == (RED, "300 tickets, 5 h old")


async def test_a_list_that_lacks_many_of_the_servers_tickets_is_red(here: Here) -> None:
    here.visit = asyncio.get_running_loop().create_future()
    here.visit.set_result(Visit(expected=5000))

    assert (await records.guests(here)).words == "300 tickets, 0 s old, but the server has 5000"


async def test_without_the_server_the_list_is_judged_by_its_age_alone(here: Here) -> None:
    here.visit = asyncio.get_running_loop().create_future()
    here.visit.set_result(Visit())

    assert (await records.guests(here)).outcome is GOOD


async def test_a_decision_is_made_about_a_ticket_of_the_list_and_nothing_is_written(
    here: Here,
) -> None:
    before = here.database.read_bytes()
    found = records.decision(here)

    assert found.outcome is GOOD
    assert found.words == "ORDER1 of the list: Checked in; a made-up code is refused"
    assert here.database.read_bytes() == before


def test_another_databases_key_is_red(here: Here) -> None:
    here.config.key_file.write_bytes(bytes(64))
    found = records.decision(here)

    assert found.outcome is RED
    assert "does not belong to this database" in found.words


def test_a_lost_key_is_red_and_not_made_anew(here: Here) -> None:
    here.config.key_file.unlink()

    assert "is missing" in records.decision(here).words
    assert not here.config.key_file.exists()


async def test_an_empty_list_leaves_nothing_to_decide_about(tmp_path: Path) -> None:
    assert records.decision(await a_gate(tmp_path, guests=0)).outcome is UNKNOWN


def test_a_gate_that_would_let_in_anybody_is_red(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gated.model import Decision, Reason, Verdict
    from gated.store import rehearsal

    anybody = Decision(Verdict.ADMIT, Reason.ENTERED)
    monkeypatch.setattr(rehearsal, "decide", lambda *_: anybody)

    assert records.decision(here).words == "a code that is on no ticket would be let in"
