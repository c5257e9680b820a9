"""JSON of an event, and of `orders/`, the only feed of changes both servers have. No I/O.

Source: the servers' own answers (tests/replies). Unlike in a check-in list's positions, the
check-ins here are of all lists, and a canceled position still appears, marked as such.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from gated.server import wire

if TYPE_CHECKING:
    from gated.model import Listed


@dataclass(frozen=True, slots=True)
class Change:
    """A position of an order that changed; `attention` is the order's own flag."""

    listed: Listed
    canceled: bool
    attention: bool


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """A page of changed orders, oldest change first; `latest` is the newest change on it."""

    count: int
    is_last: bool
    codes: tuple[str, ...]
    changes: tuple[Change, ...]
    oldest: datetime | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class SecretsPage:
    """A page of revoked or blocked secrets: (the row's id, secret, whether it holds)."""

    is_last: bool
    secrets: tuple[tuple[int, str, bool], ...]


class _Position(wire.Position):
    canceled: bool = False


class _Order(msgspec.Struct):
    code: str
    status: str
    last_modified: datetime
    positions: list[_Position]
    valid_if_pending: bool | None = False
    require_approval: bool | None = False
    checkin_attention: bool | None = False


class _OrdersPage(msgspec.Struct):
    count: int
    results: list[_Order]
    next: str | None = None


class _Secret(msgspec.Struct):
    id: int
    secret: str
    blocked: bool = True


class _SecretsPage(msgspec.Struct):
    results: list[_Secret]
    next: str | None = None


def orders_page(body: bytes) -> OrdersPage:
    """Read a page of `orders/`. Raises BadReply."""
    page = wire.decode(body, _OrdersPage)
    stamps = [order.last_modified for order in page.results]
    return OrdersPage(
        count=page.count,
        is_last=page.next is None,
        codes=tuple(order.code for order in page.results),
        changes=tuple(
            _change(order, position) for order in page.results for position in order.positions
        ),
        oldest=min(stamps, default=None),
        latest=max(stamps, default=None),
    )


def secrets_page(body: bytes) -> SecretsPage:
    """Read a page of `revokedsecrets/` or `blockedsecrets/`. Raises BadReply."""
    page = wire.decode(body, _SecretsPage)
    return SecretsPage(
        is_last=page.next is None,
        secrets=tuple((one.id, one.secret, one.blocked) for one in page.results),
    )


def _change(order: _Order, position: _Position) -> Change:
    listed = wire.listed(position)
    ticket = replace(
        listed.ticket,
        order_code=order.code,
        order_status=order.status,
        valid_if_pending=bool(order.valid_if_pending),
        require_approval=bool(order.require_approval),
    )
    return Change(
        listed=replace(listed, ticket=ticket),
        canceled=position.canceled,
        attention=bool(order.checkin_attention),
    )
