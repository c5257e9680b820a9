"""After quiet has returned: the ledger, the answers given and the server's books must agree."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

from gated.model import Scan, ScanType, State
from gated.simulator.process import books
from gated.simulator.records import PAID, CheckinRecord
from gated.simulator.world import World
from gated.store import ledger, open_read_only

from .plan import TICKETS, Plan

_TAKEN = {State.CONFIRMED, State.DUPLICATE}


@dataclass(frozen=True)
class Books:
    """What three parties say of one run."""

    answered: dict[str, str]
    """Nonce to verdict, as the guests saw it."""
    scans: list[Scan]
    inside: set[int]
    """Position ids, by all the gate knows."""
    world: World
    first: World
    """The world before anything happened."""


def read(plan: Plan) -> Books:
    """Read them from what a run left on the disk."""
    lines = [json.loads(line) for line in plan.acks.read_text().splitlines()]
    with open_read_only(plan.folder / "gated.db") as db, closing(db.cursor()):
        scans, inside = list(ledger.every(db)), ledger.inside(db, plan.lists)
    return Books(
        answered={nonce: line["verdict"] for line in lines for nonce in line["nonces"]},
        scans=scans,
        inside=inside,
        world=books(plan.server),
        first=World.made_up(TICKETS, seed=plan.seed),
    )


def differences(found: Books) -> list[str]:
    """Everything that does not agree, a line each."""
    return [
        *_unrecorded(found),
        *_unsettled(found.scans),
        *_not_once(found),
        *_of_nobody(found),
        *_refused_without_cause(found),
        *_reports(found),
        *_order(found),
        *_inside(found),
        *_unfair(found),
    ]


def _unrecorded(found: Books) -> Iterable[str]:
    verdicts = {scan.nonce: scan.verdict for scan in found.scans}
    for nonce, verdict in found.answered.items():
        if verdicts.get(nonce) != verdict:
            yield f"lost: {nonce} was answered {verdict}, the ledger has {verdicts.get(nonce)}"


def _unsettled(scans: Iterable[Scan]) -> Iterable[str]:
    for scan in scans:
        if scan.state in {State.WAITING, State.SHELVED}:
            yield f"stuck: {_row(scan)}"


def _rows(found: Books) -> dict[tuple[object, ...], list[CheckinRecord]]:
    rows: dict[tuple[object, ...], list[CheckinRecord]] = defaultdict(list)
    for row in found.world.checkins.values():
        if row.successful:
            rows[row.position, row.list, row.type, row.datetime].append(row)
    return rows


def _mark(scan: Scan) -> tuple[object, ...]:
    return (scan.position_id, scan.list_id, str(scan.type), scan.sent_at)


def _not_once(found: Books) -> Iterable[str]:
    rows = _rows(found)
    for scan in found.scans:
        if not scan.verdict.admits:
            continue
        wanted = int(scan.state in _TAKEN)
        there = len(rows.get(_mark(scan), ()))
        if there != wanted:
            word = "twice" if there > wanted else "lost"
            yield f"{word}: the server has {there} rows for {_row(scan)}"


def _of_nobody(found: Books) -> Iterable[str]:
    ours = {_mark(scan) for scan in found.scans if scan.verdict.admits}
    for mark, rows in _rows(found).items():
        if mark not in ours:
            yield f"invented: {rows}"


def _refused_without_cause(found: Books) -> Iterable[str]:
    """A guest who passed is refused only for a ticket that the server will not touch any more."""
    for scan in found.scans:
        if scan.verdict.admits and scan.state not in _TAKEN:
            position = found.world.positions[scan.position_id or 0]
            status = found.world.order_of(position).status
            if scan.state is State.REFUSED and (position.canceled or status in {"c", "e"}):
                continue
            if scan.state not in {State.WAITING, State.SHELVED}:
                yield f"refused without cause: {_row(scan)}; the order is {status}"


def _reports(found: Books) -> Iterable[str]:
    """Refusals that were reported are in the log once."""
    failed = Counter(
        row.nonce for row in found.world.checkins.values() if not row.successful and row.nonce
    )
    for scan in found.scans:
        if not scan.verdict.admits and scan.state is State.CONFIRMED and failed[scan.nonce] != 1:
            yield f"reported {failed[scan.nonce]} times: {_row(scan)}"


def _order(found: Books) -> Iterable[str]:
    """The server heard of each ticket's scans on a list in the order in which they happened."""
    rows = _rows(found)
    last: dict[tuple[object, int], int] = {}
    for scan in found.scans:
        for row in rows.get(_mark(scan), ()) if scan.verdict.admits else ():
            stay = (row.position, row.list)
            if row.id < last.get(stay, 0):
                yield f"out of order: row {row.id} came after {last[stay]}: {_row(scan)}"
            last[stay] = row.id


def _passages(found: Books) -> dict[int, list[Scan]]:
    passed: dict[int, list[Scan]] = defaultdict(list)
    for scan in found.scans:
        if scan.verdict.admits and scan.position_id is not None:
            passed[scan.position_id].append(scan)
    return passed


def _inside(found: Books) -> Iterable[str]:
    """Gate and server agree on who is inside, but for those whose row the server refused."""
    lists = {scan.list_id for scan in found.scans}
    for number, scans in _passages(found).items():
        if any(scan.state not in _TAKEN for scan in scans):
            continue
        position = found.world.positions[number]
        there = any(position.is_inside(one) for one in lists)
        here = number in found.inside
        last = scans[-1].type is ScanType.ENTRY
        if (there, here) != (last, last):
            yield (
                f"inside: position {number} is {_side(there)} for the server, {_side(here)} for"
                f" the gate; last it went {scans[-1].type}"
            )


def _unfair(found: Books) -> Iterable[str]:
    """Nobody whose ticket was good all the time was kept out or in, or let in twice on a list."""
    good = {number for number in found.first.positions if _was_good(found, number)}
    inside: set[tuple[int | None, int]] = set()
    for scan in found.scans:
        if scan.position_id not in good:
            continue
        here = (scan.position_id, scan.list_id)
        if not scan.verdict.admits:
            is_in = any(number == scan.position_id for number, _ in inside)
            if is_in == (scan.type is ScanType.EXIT):
                yield f"an honest guest saw red: {_row(scan)}"
        elif scan.type is ScanType.EXIT:
            inside.discard(here)
        elif here in inside:
            yield f"let in twice: {_row(scan)}"
        else:
            inside.add(here)


def _was_good(found: Books, number: int) -> bool:
    before, after = found.first.positions[number], found.world.positions[number]
    status = {found.first.order_of(before).status, found.world.order_of(after).status}
    return (
        status == {PAID}
        and before.secret == after.secret
        and before.addon_to is None
        and not (before.canceled or after.canceled or after.blocked)
    )


def _side(inside: bool) -> str:
    return "inside" if inside else "outside"


def _row(scan: Scan) -> str:
    at = scan.sent_at.isoformat() if scan.sent_at else "never sent"
    said = f", the server: {scan.server_reason} {scan.server_message}".rstrip()
    return (
        f"{scan.nonce} {scan.type} of position {scan.position_id} on list {scan.list_id},"
        f" {scan.verdict} {scan.reason}, {scan.state} via {scan.via or '-'}"
        f" after {scan.attempts} tries, {at}{said}"
    )


def tally(scans: Sequence[Scan]) -> str:
    """The states of a run in a line."""
    states = Counter(str(scan.state) for scan in scans)
    tries = sum(scan.attempts for scan in scans)
    return ", ".join(f"{count} {state}" for state, count in states.most_common()) + (
        f"; {tries} tries"
    )
