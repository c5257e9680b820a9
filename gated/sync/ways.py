"""How each scan is told to each kind of server, and how it ends there: one table. No I/O.

A guest who was let through is a fact. The server is first told without force, so that its
objection is learnt and kept; then with force, as far as that helps. Source: the servers' own
answers (tests/replies); test_sync_ways.py walks the table against both.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from gated.model import ScanType, State

if TYPE_CHECKING:
    from typing import Literal

    from gated.server.dialects import Capabilities

ENTRY, EXIT = ScanType.ENTRY, ScanType.EXIT


class Way(StrEnum):
    """One request: the endpoint, and whether its body has `"force": true` or `false`."""

    REDEEM = "redeem"
    REDEEM_FORCE = "redeem-force"
    CHECKOUT = "checkout"
    CHECKOUT_FORCE = "checkout-force"

    @property
    def force(self) -> bool:
        """The JSON boolean."""
        return self in {Way.REDEEM_FORCE, Way.CHECKOUT_FORCE}

    @property
    def checks_out(self) -> bool:
        """Whether it goes to checkout/single, which knows idempotency keys but no nonce."""
        return self in {Way.CHECKOUT, Way.CHECKOUT_FORCE}


class Dialect(StrEnum):
    """The kinds of server as far as telling scans goes: the columns of the table."""

    FORK = "eventyay fork, exits through checkout/single"
    FORK_BY_REDEEM = 'eventyay fork, exit_via = "redeem"'
    FORK_SCAN = "eventyay fork without checkout/single"
    PRETIX = "pretix"


class Case(StrEnum):
    """What the server has against the scan: the rows of the table. The values are its reasons."""

    FRESH = ""
    ALREADY_IN = "already_redeemed"
    NO_ENTRY_KNOWN = "not_checked_in"
    ORDER_CANCELED = "canceled"
    POSITION_CANCELED = "invalid"
    UNPAID = "unpaid"
    PRODUCT = "product"
    RULES = "rules"
    BLOCKED = "blocked"
    REVOKED = "revoked"
    INVALID_TIME = "invalid_time"
    UNAPPROVED = "unapproved"


@dataclass(frozen=True, slots=True)
class Told:
    """A cell: the requests in turn until one is taken, and the state the scan ends in."""

    ways: tuple[Way, ...]
    state: State


def _taken(*ways: Way) -> Told:
    return Told(ways, State.CONFIRMED)


def _refused(*ways: Way) -> Told:
    return Told(ways, State.REFUSED)


_R, _RF, _C, _CF = Way.REDEEM, Way.REDEEM_FORCE, Way.CHECKOUT, Way.CHECKOUT_FORCE
_OK = _taken(_R)
_FACT = _taken(_R, _RF)
_NO = _refused(_R, _RF)
_GONE = _refused(_R)

# A cell for what a server does not know, such as blocked tickets on the fork, is what is done if
# it ever says so. A position that was canceled is found by neither endpoint: a person must know.
TABLE: dict[tuple[ScanType, Case], tuple[Told, Told, Told, Told]] = {
    #                                 FORK             FORK_BY_REDEEM         FORK_SCAN   PRETIX
    (ENTRY, Case.FRESH):             (_OK,             _OK,                   _OK,        _OK),
    (ENTRY, Case.ALREADY_IN):        (_FACT,           _FACT,                 _FACT,      _FACT),
    (ENTRY, Case.ORDER_CANCELED):    (_NO,             _NO,                   _NO,        _FACT),
    (ENTRY, Case.POSITION_CANCELED): (_GONE,           _GONE,                 _GONE,      _GONE),
    (ENTRY, Case.UNPAID):            (_FACT,           _FACT,                 _FACT,      _FACT),
    (ENTRY, Case.PRODUCT):           (_NO,             _NO,                   _NO,        _FACT),
    (ENTRY, Case.RULES):             (_FACT,           _FACT,                 _FACT,      _FACT),
    (ENTRY, Case.BLOCKED):           (_FACT,           _FACT,                 _FACT,      _FACT),
    (ENTRY, Case.REVOKED):           (_FACT,           _FACT,                 _FACT,      _FACT),
    (ENTRY, Case.INVALID_TIME):      (_FACT,           _FACT,                 _FACT,      _FACT),
    (ENTRY, Case.UNAPPROVED):        (_FACT,           _FACT,                 _FACT,      _FACT),
    (EXIT, Case.FRESH):              (_taken(_C),      _OK,                   _OK,        _OK),
    (EXIT, Case.NO_ENTRY_KNOWN):     (_taken(_C, _CF), _OK,                   _OK,        _OK),
    (EXIT, Case.ORDER_CANCELED):     (_taken(_C),      _taken(_R, _RF, _CF),  _NO,        _FACT),
    (EXIT, Case.POSITION_CANCELED):  (_refused(_C),    _GONE,                 _GONE,      _GONE),
    (EXIT, Case.UNPAID):             (_taken(_C),      _FACT,                 _FACT,      _FACT),
    (EXIT, Case.PRODUCT):            (_taken(_C),      _taken(_R, _RF, _CF),  _NO,        _FACT),
    (EXIT, Case.RULES):              (_taken(_C),      _OK,                   _OK,        _OK),
    (EXIT, Case.BLOCKED):            (_taken(_C),      _FACT,                 _FACT,      _FACT),
    (EXIT, Case.REVOKED):            (_taken(_C),      _FACT,                 _FACT,      _FACT),
    (EXIT, Case.UNAPPROVED):         (_taken(_C),      _FACT,                 _FACT,      _FACT),
    (EXIT, Case.INVALID_TIME):       (_taken(_C),      _OK,                   _OK,        _OK),
}  # fmt: skip


def dialect_of(
    can: Capabilities | None, exit_via: Literal["auto", "checkout", "redeem"] = "auto"
) -> Dialect:
    """The column for what was found out about a server; unknown ones count as the strictest."""
    if can is None:
        return Dialect.FORK_SCAN
    if can.checkout:
        return Dialect.FORK_BY_REDEEM if exit_via == "redeem" else Dialect.FORK
    # Only pretix has this one, in every security profile.
    return Dialect.PRETIX if can.failed_checkins else Dialect.FORK_SCAN


@cache
def told(kind: ScanType, case: Case, dialect: Dialect) -> Told:
    """The cell of the table."""
    return TABLE[kind, case][list(Dialect).index(dialect)]


def first_way(kind: ScanType, dialect: Dialect) -> Way:
    """How a scan is told that nothing is known against."""
    return told(kind, Case.FRESH, dialect).ways[0]


def next_way(kind: ScanType, dialect: Dialect, way: Way, reason: str) -> Way | None:
    """How to go on when a request was refused with this reason; None takes it for the last word."""
    try:
        ways = told(kind, Case(reason), dialect).ways
    except (KeyError, ValueError):
        return None
    later = ways[ways.index(way) + 1 :] if way in ways else ()
    return later[0] if later else None


def is_known(kind: ScanType, dialect: Dialect, way: str) -> bool:
    """Whether this kind of server may be told this way at all."""
    return any(way in told(kind, case, dialect).ways for k, case in TABLE if k is kind)
