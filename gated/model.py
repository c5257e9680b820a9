"""The words of gated as values. No I/O, no clock; everything here is immutable.

What comes by the hundred thousand is a msgspec.Struct, made in a tenth of a dataclass's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class ScanType(StrEnum):
    """The server's `type` of a check-in; the gate's mode is the type of its next scan."""

    ENTRY = "entry"
    EXIT = "exit"

    @property
    def other(self) -> ScanType:
        """The mode that one press of the button leads to."""
        return ScanType.EXIT if self is ScanType.ENTRY else ScanType.ENTRY


class Verdict(StrEnum):
    """What the lamp says."""

    ADMIT = "admit"
    ATTENTION = "attention"
    REFUSE = "refuse"

    @property
    def admits(self) -> bool:
        """Whether the guest walks on."""
        return self is not Verdict.REFUSE

    @property
    def word(self) -> str:
        """As the table of signals has it; the journal and the metrics say it so."""
        words = {Verdict.ADMIT: "accepted", Verdict.REFUSE: "refused"}
        return words.get(self, str(self))


class Reason(StrEnum):
    """Why. The server's `reason` strings wherever it has one."""

    ENTERED = "entered"
    LEFT = "left"

    # The server's own, in the order in which entry checks them.
    INVALID = "invalid"
    REVOKED = "revoked"
    CANCELED = "canceled"
    BLOCKED = "blocked"
    UNAPPROVED = "unapproved"
    INVALID_TIME = "invalid_time"
    AMBIGUOUS = "ambiguous"
    PRODUCT = "product"
    UNPAID = "unpaid"
    RULES = "rules"
    ALREADY_REDEEMED = "already_redeemed"

    # Exits: the fork's checkout endpoints know the first, nobody the second.
    NOT_CHECKED_IN = "not_checked_in"
    ALREADY_LEFT = "already_left"

    SIGNED = "signed"
    """Genuine by its signature alone: no list had the ticket and the server was away."""
    FREE_FLOW = "free_flow"
    """Let through in an emergency, without being asked for anything; kept here only."""
    ERROR = "error"


class State(StrEnum):
    """What became of a scan between this box and the server."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    ANNULLED = "annulled"
    ANNULLING = "annulling"
    """The guest did not pass, but the server was told so: it is owed the news."""
    LOCAL = "local"
    SHELVED = "shelved"

    @property
    def settled(self) -> bool:
        """Whether nothing is owed to the server any more."""
        return self not in {State.WAITING, State.SHELVED, State.ANNULLING}


class Trust(StrEnum):
    """How far a time is to be trusted, and why."""

    SYNCHRONISED = "synchronised"
    LEARNT = "learnt"
    """From the server's Date."""
    UNKNOWN = "unknown"
    CORRECTED = "corrected"
    """Stamped while it was unknown, and put right since."""
    ESTIMATED = "estimated"
    """Stamped in a boot in which it never became known."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One grey picture, `pixels` uint8 of shape (height, width); `seen` is monotonic seconds."""

    pixels: npt.NDArray[np.uint8]
    seen: float
    source: str


@dataclass(frozen=True, slots=True)
class Code:
    """A code found in a frame; corners are (x, y) pixels, clockwise from top left."""

    text: str
    format: str
    corners: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """A code that somebody holds up, in the mode the gate was in when it was seen."""

    text: str
    format: str
    type: ScanType
    seen: float
    """Monotonic seconds at which the frame was taken."""
    eye: str = "camera"
    again: bool = False
    """Shown again so soon that the same answer is due, not another scan."""


@dataclass(frozen=True, slots=True)
class Checkin:
    """One entry or exit of a ticket on one check-in list."""

    type: ScanType
    at: datetime


class CheckinList(msgspec.Struct, frozen=True):
    """A check-in list as the server describes it."""

    id: int
    name: str = ""
    all_products: bool = True
    limit_products: frozenset[int] = frozenset()
    subevent: int | None = None
    include_pending: bool = False
    allow_multiple_entries: bool = False
    allow_entry_after_exit: bool = True
    addon_match: bool = False
    rules: Mapping[str, Any] = {}

    def covers(self, item: int) -> bool:
        """Whether tickets of this product belong on the list."""
        return self.all_products or item in self.limit_products


@dataclass(frozen=True, slots=True)
class Dates:
    """When an event, or one date of a series, takes place; None is what nobody set."""

    date_from: datetime | None = None
    date_to: datetime | None = None
    date_admission: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What deciding asks of the event: dates, time zone, ticket keys, and where this gate is."""

    timezone: str = "UTC"
    dates: Dates = Dates()
    valid_keys: tuple[str, ...] = ()
    """The public keys of its signed tickets (`pretix_sig1`), as the server writes them."""
    is_series: bool = False
    series: Mapping[int, Dates] = field(default_factory=dict)
    """The dates of a series by their id (subevent), as far as they are known."""
    gate: int | None = None
    """The server's id of the gate to which it assigned this device."""
    gate_known: bool = False


class Ticket(msgspec.Struct, frozen=True, gc=False):
    """One order position with what is needed to decide, and nothing else."""

    position_id: int
    order_code: str
    item: int
    variation: int | None = None
    subevent: int | None = None
    order_status: str = "p"
    """The server's: p paid, n pending, e expired, c canceled."""
    valid_if_pending: bool = False
    require_approval: bool = False
    require_attention: bool = False
    blocked: bool = False
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    addon_to: int | None = None
    vanished: bool = False
    """Absent from the server's complete list: a tombstone, kept so that its holder can leave."""
    former_secret: bool = False
    """Found by a secret the ticket no longer has."""
    signed: bool = False
    """Known only by what its signed code says: on no list yet, and its position id is 0."""


class ServerCheckin(msgspec.Struct, frozen=True, gc=False):
    """A check-in as the server lists it; `id` breaks ties of the datetime."""

    id: int
    list_id: int
    type: ScanType
    at: datetime


class Listed(msgspec.Struct, frozen=True, gc=False):
    """A ticket as the server lists it, with the secret in the clear: hashed before it is kept."""

    ticket: Ticket
    secret: str
    checkins: tuple[ServerCheckin, ...] = ()
    name: str = ""

    def __repr__(self) -> str:
        return f"Listed(ticket={self.ticket!r}, checkins={self.checkins!r})"


@dataclass(frozen=True, slots=True)
class Stay:
    """Where a decision is recorded: a check-in list and the position it concerns there."""

    list_id: int
    position_id: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one sighting: one signal, and one row for each stay it begins or ends."""

    verdict: Verdict
    reason: Reason
    stays: tuple[Stay, ...] = ()


class Scan(msgspec.Struct, frozen=True):
    """One recorded decision: a row of the ledger and, while it waits, of the outbox."""

    nonce: str
    sighting: str
    """The nonce shared by the rows of one sighting (an exit may end several stays)."""
    type: ScanType
    list_id: int
    verdict: Verdict
    reason: Reason
    at: datetime
    dated: datetime
    """`at`, but never before the check-in it follows: a slow clock must not undo it."""
    position_id: int | None = None
    order_code: str = ""
    state: State = State.WAITING
    attempts: int = 0
    sent_at: datetime | None = None
    """The datetime told to the server, frozen at the first attempt."""
    via: str = ""
    """The endpoint the first attempt went to; it is kept, for keys and nonces differ by it."""
    key: str = ""
    """X-Idempotency-Key of the checkout endpoints; starts as the nonce."""
    server_reason: str = ""
    server_message: str = ""
    eye: str = "camera"
    clock: Trust = Trust.SYNCHRONISED
    """What is to be thought of `at`."""
    passage: str = ""
    """awaited, passed, not_passed or unknown; empty where nobody looks."""


BY_CLOSING = "checkout-all"
"""The eye of an exit that nobody saw: everybody was checked out at closing time."""
BY_PASSAGE = "passage"
"""The eye of what makes up for a scan whose guest did not pass."""

BY_REPAIR = "repair"
"""The eye of an exit that mends what the server has for a stay that lasts."""


@dataclass(frozen=True, slots=True)
class Act:
    """Anything done at the gate that is not a scan."""

    what: str
    origin: str
    """button, key, page (and who, from where), command, schedule, config."""
    at: datetime
    detail: str = ""
