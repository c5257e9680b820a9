"""The database: whole, with a list that is there and new, and a decision about a ticket of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gated.errors import StoreCorrupt, StoreError
from gated.model import ScanType
from gated.preflight.finding import Finding, good, red, unknown
from gated.preflight.visit import visit
from gated.signals import reason_words
from gated.store import facts, open_read_only, tickets
from gated.store.rehearsal import Rehearsal, damage, rehearse
from gated.store.rows import moment

if TYPE_CHECKING:
    from datetime import datetime

    from gated.preflight.here import Here

_NONE_YET = "there is no database yet: the gate makes it when it first starts"
_SYNC = "sudo gated sync"


def database(here: Here) -> Finding:
    """Whether SQLite finds the file whole. Reads beside a running gate."""
    if not here.database.exists():
        return unknown(_NONE_YET)
    remedy = (
        f"stop the gate, move {here.database} away, start it; the scans that were not told are in"
        " the file you moved: gated scans --format jsonl may still read them"
    )
    try:
        with open_read_only(here.database) as db:
            found = damage(db)
    except StoreCorrupt as error:
        return red(str(error), remedy)
    except StoreError as error:
        return red(str(error), "run it with sudo; see journalctl -u gated")
    if found:
        return red(f"{here.database} is damaged: {found}", remedy)
    return good(f"{here.database} is whole ({here.database.stat().st_size / 1e6:.1f} MB)")


async def guests(here: Here) -> Finding:
    """How many tickets are on the list, how old it is, and whether the server has more."""
    if not here.database.exists():
        return unknown(_NONE_YET)
    try:
        count, pulled_at = await asyncio.to_thread(_list, here)
    except StoreError as error:
        return red(str(error), "see the line about the database")
    if pulled_at is None:
        return red("the list was never downloaded", _SYNC)
    age_s = max(0.0, (here.clock.wall() - pulled_at).total_seconds())
    words = f"{count} tickets, {_age(age_s)} old"
    if not count:
        return red("the list is empty", "check [server] checkin_lists, and the event's tickets")
    if age_s > here.config.server.old_after_s:
        return red(words, f"bring the network back, then {_SYNC}")
    expected = (await visit(here)).expected
    if expected is None:
        return good(f"{words}; the server was not heard about how many there should be")
    if expected > count + max(10, count // 20):
        return red(f"{words}, but the server has {expected}", _SYNC)
    return good(f"{words}; the server has {expected} that may come")


def decision(here: Here) -> Finding:
    """What a guest of the list would see, and one of no list. Nothing is written."""
    if not here.database.exists():
        return unknown(_NONE_YET)
    try:
        with open_read_only(here.database) as db:
            key_file = here.database.with_suffix(".key")
            found = rehearse(db, key_file, here.config, at=here.clock.wall())
    except StoreError as error:
        return red(str(error), "put the right key file beside the database, or move both away")
    if found is None:
        return unknown("there is no ticket to try it with", _SYNC)
    return _judge(found)


def _judge(found: Rehearsal) -> Finding:
    if found.made_up.verdict.admits:
        return red("a code that is on no ticket would be let in", "send us a support bundle")
    said = reason_words(found.known.reason, found.known.verdict, ScanType.ENTRY)
    return good(f"{found.order_code} of the list: {said}; a made-up code is refused")


def _list(here: Here) -> tuple[int, datetime | None]:
    with open_read_only(here.database) as db:
        return tickets.count(db), moment(facts.get(db, "pulled_at"))


def _age(age_s: float) -> str:
    if age_s < 120:
        return f"{age_s:.0f} s"
    return f"{age_s / 60:.0f} min" if age_s < 7200 else f"{age_s / 3600:.0f} h"
