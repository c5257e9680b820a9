from __future__ import annotations

import json
import random
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gated.errors import GatedError
from gated.simulator.dialects import Dialect
from gated.simulator.exchange import Call, Site
from gated.simulator.idempotency import IdempotencyKeys
from gated.simulator.journal import Journal, Start
from gated.simulator.organisers import organise
from gated.simulator.paging import Walks
from gated.simulator.routes import respond
from gated.simulator.world import World

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
START = Start(Dialect.PRETIX, tickets=60, seed=1, now=NOW)
FIELDS = (
    "orders", "positions", "checkins", "revoked", "blocked", "devices", "tokens", "next_checkin"
)  # fmt: skip


def opened(folder: Path) -> tuple[Journal, World, IdempotencyKeys]:
    journal = Journal.open(folder / "journal.jsonl", START)
    world, keys = journal.world(), IdempotencyKeys()
    journal.attach(world, keys)
    world.clock = lambda: NOW + timedelta(minutes=1)
    return journal, world, keys


def assert_same(one: World, other: World) -> None:
    for name in FIELDS:
        assert getattr(one, name) == getattr(other, name), name


def test_whatever_happened_is_known_after_a_restart(tmp_path: Path) -> None:
    journal, world, keys = opened(tmp_path)
    world.record(1, 1, "entry", nonce="a", device=1)
    annulled = world.record(2, 1, "entry", nonce="b")
    world.annul(annulled, "left at once")
    world.keep_row(position=None, list=1, type="exit", at=NOW, successful=False)
    world.block(3)
    world.change_secret(4)
    world.add_order(item=3, addon_to=1)
    world.add_order(name="Late")
    device = world.add_device("Gate", initialization_token="once")
    software = dict.fromkeys(
        ("hardware_brand", "hardware_model", "software_brand", "software_version"), "x"
    )
    body = json.dumps({"token": "once", **software}).encode()
    call = Call("POST", "/api/v1/device/initialize", (), "", "", "application/json", body)
    assert respond(Site(world, Dialect.PRETIX, Walks()), call).status == 200
    keys.begin("Device x", "locked", now=NOW)
    keys.begin("Device x", "answered", now=NOW)
    reply = respond(Site(world, Dialect.PRETIX, Walks()), call)
    keys.finish("Device x", "answered", reply, forgets=frozenset())
    keys.begin("Device x", "freed", now=NOW)
    keys.finish("Device x", "freed", reply, forgets=frozenset({reply.status}))
    journal.commit()
    journal.close()

    again, after, kept = opened(tmp_path)
    with closing(again):
        assert_same(world, after)
        assert after.devices[device.device_id].api_token in after.tokens
        assert after.find(after.positions[4].secret) is after.positions[4]
        locked = kept.begin("Device x", "locked", now=NOW)
        assert locked is not None
        assert locked.status == 409
        assert kept.begin("Device x", "answered", now=NOW) == reply
        assert kept.begin("Device x", "freed", now=NOW) is None
        assert after.add_order().id == max(world.positions) + 1


def test_organisers_at_work_are_remembered_too(tmp_path: Path) -> None:
    journal, world, _ = opened(tmp_path)
    dice = random.Random(1)
    for _ in range(200):
        organise(world, dice)
        journal.commit()
    journal.close()
    again, after, _ = opened(tmp_path)
    with closing(again):
        assert_same(world, after)
    assert {one.blocked for one in after.blocked.values()} == {True}
    assert after.revoked
    assert len(after.positions) > len(after.orders) > 60


def test_what_was_never_committed_never_happened_nor_did_half_a_line(tmp_path: Path) -> None:
    journal, world, _ = opened(tmp_path)
    world.enter(1, 1)
    world.enter(2, 1)
    journal.commit()
    world.enter(3, 1)
    journal.close()
    path = tmp_path / "journal.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines()[-1][:-9])

    again, after, _ = opened(tmp_path)
    assert after.inside(1) == {1, 2}
    after.enter(4, 1)
    again.commit()
    again.close()
    last, end, _ = opened(tmp_path)
    with closing(last):
        assert end.inside(1) == {1, 2, 4}


@pytest.mark.parametrize("text", [b"", b"{}\n", b"# notes\n", b'{"dialect": "fork"}\nx\n'])
def test_a_file_that_is_no_journal_is_refused_in_a_sentence(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "journal.jsonl").write_bytes(text)
    with pytest.raises(GatedError, match="no journal of a simulated server"):
        opened(tmp_path)
    assert (tmp_path / "journal.jsonl").read_bytes() == text


def test_the_journal_holds_tokens_so_only_its_owner_may_read_it(tmp_path: Path) -> None:
    journal, _, _ = opened(tmp_path)
    journal.close()
    assert (tmp_path / "journal.jsonl").stat().st_mode & 0o077 == 0
