"""The transaction of one scan: look up, decide, record; or say that the server must be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING

from gated.decide import decide, freed, questionable
from gated.model import BY_CLOSING, Decision, Reason, Scan, ScanType, State, Stay, Trust, Verdict
from gated.store import closings, facts
from gated.store.lookup import look_up
from gated.store.rows import moment, scan_of, stamp
from gated.store.tickets import merge

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gated.config import Policy
    from gated.grounds import Facts
    from gated.model import Listed
    from gated.store.tickets import Keeper


class Asking(Enum):
    """Whether the server can be asked about one ticket."""

    POSSIBLE = auto()
    AWAY = auto()
    NEVER = auto()
    """Switched off: then recent data are believed."""


@dataclass(frozen=True, slots=True)
class Redemption:
    """A sighting about to be decided; everything that is not in the database."""

    nonce: str
    type: ScanType
    secret_hash: bytes
    at: datetime
    lists: tuple[int, ...]
    """Check-in list ids in order of priority."""
    policy: Policy
    boot_id: str = ""
    monotonic_ns: int = 0
    eye: str = "camera"
    clock: Trust = Trust.SYNCHRONISED
    """What is to be thought of `at`."""
    text: str = field(default="", repr=False)
    """The code itself, which may vouch for itself; it is not kept."""
    sealed_text: bytes | None = None
    """The code, kept until it is told: for a report of a refusal, or where no list has it."""
    awaits: bool = False
    """Whether who is let through is awaited at a sensor in the passage."""
    free_flow: bool = False
    """Whether the way is open for everybody."""
    reports: bool = False
    """Whether the server takes reports of refused scans."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """What the server said when asked for this one ticket, by list; `known_no` as of when."""

    tickets: Mapping[int, Sequence[Listed]]
    known_no: int
    keeper: Keeper


@dataclass(frozen=True, slots=True)
class Ask:
    """Nothing was written: fresher data could turn this red. Ask, then redeem for good."""

    known_no: int


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What was decided and recorded."""

    decision: Decision
    scans: tuple[Scan, ...]


def redeem(
    db: sqlite3.Connection,
    redemption: Redemption,
    *,
    asking: Asking,
    fresh: Fresh | None = None,
) -> Redeemed | Ask:
    """Decide and record one sighting; run it inside `Store.write`.

    While asking is possible, a doubtful answer writes nothing and returns Ask. The second run,
    with `fresh` data or with Asking.AWAY when none came, is final.
    """
    if fresh:
        for list_id, listed in fresh.tickets.items():
            merge(db, fresh.keeper, list_id, listed, known_no=fresh.known_no)
    # An answer without the ticket says nothing about where its holder is.
    told = fresh is not None and any(fresh.tickets.values())
    believed = told or (asking is Asking.NEVER and _is_recent(db, redemption))
    known = look_up(
        db, redemption, believed=believed, vouching=fresh is None and redemption.policy.vouches
    )
    decision = decide(known, redemption.policy)
    if redemption.free_flow:
        return _recorded(db, redemption, freed(decision), known)
    if asking is Asking.POSSIBLE and _is_doubtful(decision, known):
        return Ask(known_no=facts.settled_no(db))
    return _recorded(db, redemption, decision, known)


def _recorded(
    db: sqlite3.Connection, redemption: Redemption, decision: Decision, known: Facts
) -> Redeemed:
    return Redeemed(decision, _record(db, redemption, decision, known))


def _is_doubtful(decision: Decision, known: Facts) -> bool:
    """A tombstone may be a ticket that slipped to another page while the list was read.

    A signature alone is believed only where the server cannot be asked.
    """
    slipped = decision.verdict is Verdict.REFUSE and any(one.vanished for one in known.found)
    return slipped or questionable(decision) or any(one.signed for one in known.found)


def _is_recent(db: sqlite3.Connection, redemption: Redemption) -> bool:
    if redemption.clock is Trust.UNKNOWN:
        return False
    pulled_at = moment(facts.get(db, "pulled_at"))
    limit = timedelta(seconds=redemption.policy.stale_after_s)
    return pulled_at is not None and abs(redemption.at - pulled_at) <= limit


def _record(
    db: sqlite3.Connection,
    redemption: Redemption,
    decision: Decision,
    known: Facts,
) -> tuple[Scan, ...]:
    """Write a row for each stay: one nonce each, for ending two stays makes two calls."""
    codes = {one.position_id: one.order_code for one in (*known.found, *known.addons)}
    refused = decision.verdict is Verdict.REFUSE
    scans = []
    for number, stay in enumerate(decision.stays):
        nonce = redemption.nonce if number == 0 else f"{redemption.nonce}-{number + 1}"
        owed = _is_owed(redemption, decision)
        is_out = owed and not refused and _left_at_closing(db, redemption, stay, known)
        owed = owed and not is_out
        told_by_text = owed and (refused or not stay.position_id)
        row = db.execute(
            "INSERT INTO scans (nonce, sighting, type, list_id, position_id, order_code,"
            " secret_hash, secret_text, verdict, reason, at, dated, boot_id, monotonic_ns, eye,"
            " clock, state, key, server_reason, passage)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *",
            (
                nonce,
                redemption.nonce,
                redemption.type,
                stay.list_id,
                stay.position_id or None,
                codes.get(stay.position_id or 0, ""),
                redemption.secret_hash,
                redemption.sealed_text if told_by_text else None,
                decision.verdict,
                decision.reason,
                stamp(redemption.at),
                stamp(_dated(redemption.at, stay, known)),
                redemption.boot_id,
                redemption.monotonic_ns,
                redemption.eye,
                redemption.clock,
                State.WAITING if owed else State.LOCAL,
                nonce,
                BY_CLOSING if is_out else "",
                "awaited" if redemption.awaits and decision.verdict.admits else "",
            ),
        ).fetchone()
        scans.append(scan_of(row))
    return tuple(scans)


def _is_owed(redemption: Redemption, decision: Decision) -> bool:
    """Whether a decision is the server's business at all."""
    if decision.verdict is Verdict.REFUSE:
        return redemption.reports
    return decision.reason is not Reason.FREE_FLOW


def _left_at_closing(
    db: sqlite3.Connection, redemption: Redemption, stay: Stay, known: Facts
) -> bool:
    """Whether an exit that closing time wrote stands for this one: see `walked_out`."""
    if redemption.type is not ScanType.EXIT or not stay.position_id:
        return False
    past = known.history.get((stay.list_id, stay.position_id))
    entered = past[-1].at if past else None
    return closings.walked_out(db, stay.list_id, stay.position_id, entered=entered)


def _dated(at: datetime, stay: Stay, known: Facts) -> datetime:
    """Both servers go by the datetime: one from before the last check-in changes nothing there."""
    past = known.history.get((stay.list_id, stay.position_id or 0))
    return max(at, past[-1].at + timedelta(microseconds=1)) if past else at
