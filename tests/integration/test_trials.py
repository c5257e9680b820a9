"""A short trial of each dialect, and that the comparison of the books would notice.

`make trials` does the long ones.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from trials.books import Books, differences, read
from trials.plan import plan
from trials.run import trial

from gated.model import State, Verdict

SCANS = 50


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2], ids=["pretix", "fork"])
def test_after_random_faults_and_kills_the_books_agree_and_books_that_do_not_are_noticed(
    tmp_path: Path, seed: int
) -> None:
    result = trial(seed, scans=SCANS, folder=tmp_path)

    assert result.differences == []
    assert result.kills > 2
    found = read(plan(seed, scans=SCANS, folder=tmp_path))
    assert len(found.answered) >= SCANS
    assert len(found.world.checkins) > SCANS / 4
    for break_it, words in BROKEN.items():
        broken = copied(found)
        break_it(broken)
        assert words in "\n".join(differences(broken))


def copied(found: Books) -> Books:
    return replace(
        found,
        answered=dict(found.answered),
        scans=list(found.scans),
        inside=set(found.inside),
        world=copy.deepcopy(found.world),
    )


def lose(found: Books) -> None:
    """The server forgets an entry that it confirmed."""
    row = next(row for row in found.world.checkins.values() if row.successful)
    found.world.annul(row, None)


def double(found: Books) -> None:
    """The server counts an entry twice."""
    row = next(row for row in found.world.checkins.values() if row.successful)
    found.world.record(row.position or 0, row.list, row.type, at=row.datetime)


def invent(found: Books) -> None:
    """The server counts somebody who never was at the gate."""
    found.world.enter(1, 1)


def swap(found: Books) -> None:
    """The server heard of an exit before its entry."""
    rows = [row for row in found.world.checkins.values() if row.successful]
    for early in rows:
        for late in rows:
            if (early.position, early.list) == (late.position, late.list) and early is not late:
                early.id, late.id = late.id, early.id
                return
    raise AssertionError("nobody came twice")


def hold(found: Books) -> None:
    """A scan stays in the outbox for ever."""
    change(found, state=State.WAITING)


def give_up(found: Books) -> None:
    """A scan is taken for refused, though the server would have had it."""
    change(found, state=State.REFUSED)
    lose(found)


def forget(found: Books) -> None:
    """A guest who was answered is not in the ledger."""
    nonce = next(iter(found.answered))
    found.scans[:] = [scan for scan in found.scans if scan.nonce != nonce]


def be_unfair(found: Books) -> None:
    """An honest guest is kept out."""
    change(found, verdict=Verdict.REFUSE)


def misplace(found: Books) -> None:
    """The gate takes somebody for inside who is not, or the other way round."""
    number = next(scan.position_id for scan in found.scans if scan.verdict.admits)
    found.inside.symmetric_difference_update({number or 0})


def change(found: Books, **columns: object) -> None:
    """Of somebody whose ticket was good all the time: the first to come in."""
    for index, scan in enumerate(found.scans):
        position = found.world.positions.get(scan.position_id or 0)
        if scan.verdict.admits and position and found.world.order_of(position).status == "p":
            found.scans[index] = msgspec.structs.replace(scan, **columns)
            return


BROKEN: dict[Callable[[Books], None], str] = {
    lose: "lost: the server has 0 rows",
    double: "twice: the server has 2 rows",
    invent: "invented",
    swap: "out of order",
    hold: "stuck",
    give_up: "refused without cause",
    forget: "the ledger has None",
    be_unfair: "honest guest saw red",
    misplace: "inside: position",
}
