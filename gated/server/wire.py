"""JSON of eventyay-tickets and pretix to values. No I/O; the way back is `bodies`.

Source: the servers' own answers (tests/replies), not their documentation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from gated.errors import BadReply
from gated.model import CheckinList, Listed, ScanType, ServerCheckin, Ticket

T = TypeVar("T")

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class PositionsPage:
    """A page of a check-in list's positions; `count` is the server's total of all pages."""

    count: int
    is_last: bool
    listed: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A body that says no: the machine's word for it and the person's."""

    reason: str
    message: str


class _Checkin(msgspec.Struct):
    id: int
    list: int
    datetime: datetime
    type: str = "entry"


class Position(msgspec.Struct):
    """An order position, with just the fields that are needed."""

    id: int
    order: str
    secret: str
    # The current eventyay says product where everybody else says item.
    item: int | None = None
    product: int | None = None
    variation: int | None = None
    subevent: int | None = None
    addon_to: int | None = None
    attendee_name: str | None = None
    require_attention: bool | None = False
    order__status: str = "p"
    order__valid_if_pending: bool | None = False
    order__require_approval: bool | None = False
    blocked: list[str] | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    checkins: list[_Checkin] = []


class _PositionsPage(msgspec.Struct):
    count: int
    results: list[Position]
    next: str | None = None


class _CheckinList(msgspec.Struct):
    id: int
    name: Any = ""
    all_products: bool = True
    limit_products: list[int] = []
    subevent: int | None = None
    position_count: int = 0
    include_pending: bool = False
    allow_multiple_entries: bool = False
    allow_entry_after_exit: bool = True
    addon_match: bool = False
    rules: dict[str, Any] | None = None


class _CheckinListsPage(msgspec.Struct):
    results: list[_CheckinList]
    next: str | None = None


class _Status(msgspec.Struct):
    status: str


class _Version(msgspec.Struct):
    pretix: str = ""
    eventyay: str = ""


def positions_page(body: bytes) -> PositionsPage:
    """Read a page of `checkinlists/{id}/positions/`. Raises BadReply."""
    page = decode(body, _PositionsPage)
    return PositionsPage(
        count=page.count,
        is_last=page.next is None,
        listed=tuple(listed(position) for position in page.results),
    )


def checkin_lists_page(body: bytes) -> tuple[list[tuple[CheckinList, int]], bool]:
    """Read a page of `checkinlists/`: (list, its position_count), and whether it is the last."""
    page = decode(body, _CheckinListsPage)
    lists = [
        (
            CheckinList(
                id=one.id,
                name=str(one.name),
                all_products=one.all_products,
                limit_products=frozenset(one.limit_products),
                subevent=one.subevent,
                include_pending=one.include_pending,
                allow_multiple_entries=one.allow_multiple_entries,
                allow_entry_after_exit=one.allow_entry_after_exit,
                addon_match=one.addon_match,
                rules=one.rules or {},
            ),
            one.position_count,
        )
        for one in page.results
    ]
    return lists, page.next is None


def version(body: bytes) -> str:
    """Read `/api/v1/version`. Raises BadReply."""
    answer = decode(body, _Version)
    return answer.eventyay or answer.pretix


def redeemed(body: bytes) -> Refusal | None:
    """Read what redeem answered with 2xx: None is yes. Raises BadReply.

    Success is what the body says: the fork has endpoints that say 201 to denied tickets.
    """
    return None if _status(body) == "ok" else refusal(body)


def checked_out(body: bytes) -> Refusal | None:
    """Read what checkout/single answered with 200: None is yes. Raises BadReply."""
    return None if _status(body) == "success" else refusal(body)


def refusal(body: bytes) -> Refusal:
    """Read a 4xx body, whatever its shape: an object of three kinds, or a list of sentences.

    Raises BadReply when it is no JSON at all.
    """
    try:
        answer = msgspec.json.decode(body)
    except _UNREADABLE:
        raise BadReply("the server answered with something that is not JSON") from None
    if isinstance(answer, list):
        return Refusal("error", "; ".join(str(line) for line in answer)[:300])
    if not isinstance(answer, dict):
        return Refusal("error", str(answer)[:300])
    reason = answer.get("reason") or answer.get("code") or ""
    words = (
        answer.get("reason_explanation")
        or answer.get("error")
        or answer.get("detail")
        or answer.get("message")
        or ("" if reason else msgspec.json.encode(answer).decode())
    )
    return Refusal(str(reason)[:80], str(words)[:300])


def moment(text: str) -> datetime:
    """Read a time of the server's. Raises BadReply."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadReply("the server's answer does not say of when it is") from None
    return _aware(at)


def listed(position: Position) -> Listed:
    """A position as a ticket with its check-ins. Raises BadReply."""
    item = position.item if position.item is not None else position.product
    if item is None:
        raise BadReply(f"position {position.id} has neither item nor product")
    return Listed(
        ticket=Ticket(
            position_id=position.id,
            order_code=position.order,
            item=item,
            variation=position.variation,
            subevent=position.subevent,
            order_status=position.order__status,
            valid_if_pending=bool(position.order__valid_if_pending),
            require_approval=bool(position.order__require_approval),
            require_attention=bool(position.require_attention),
            blocked=bool(position.blocked),
            valid_from=aware(position.valid_from),
            valid_until=aware(position.valid_until),
            addon_to=position.addon_to,
        ),
        secret=position.secret,
        checkins=tuple([_checkin(one) for one in position.checkins]),
        name=position.attendee_name or "",
    )


def _checkin(checkin: _Checkin) -> ServerCheckin:
    return ServerCheckin(
        id=checkin.id,
        list_id=checkin.list,
        type=ScanType.EXIT if checkin.type == "exit" else ScanType.ENTRY,
        at=_aware(checkin.datetime),
    )


def aware(at: datetime | None) -> datetime | None:
    """A time that says its zone; UTC where the server left it out."""
    return at and _aware(at)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def decode(body: bytes, kind: type[T]) -> T:
    """Decode JSON into exactly the fields of a struct. Raises BadReply."""
    try:
        return msgspec.json.decode(body, type=kind)
    except _UNREADABLE as error:
        raise BadReply(f"the server's answer has another shape than expected: {error}") from None


def _status(body: bytes) -> str:
    """The word of a 2xx body; one without it comes from something else than the server."""
    return decode(body, _Status).status
