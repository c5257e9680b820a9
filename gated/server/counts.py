"""What the server answers about a whole list: its counts, and everybody checked out at once."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from gated.errors import BadReply
from gated.server.wire import decode


@dataclass(frozen=True, slots=True)
class ListCounts:
    """People of one list at the server: on it, came at least once, inside now."""

    expected: int
    came: int
    inside: int


class _Status(msgspec.Struct):
    position_count: int
    checkin_count: int
    inside_count: int


class _Position(msgspec.Struct):
    position_id: int


class _Results(msgspec.Struct):
    checked_out_positions: list[_Position]


class _Bulk(msgspec.Struct):
    status: str
    results: _Results


def list_counts(body: bytes) -> ListCounts:
    """Read the answer of `status`. Raises BadReply."""
    found = decode(body, _Status)
    return ListCounts(found.position_count, found.checkin_count, found.inside_count)


def checked_out(body: bytes) -> tuple[int, ...]:
    """Read which positions checkout/bulk says it checked out. Raises BadReply."""
    found = decode(body, _Bulk)
    if found.status != "success":
        raise BadReply("the server did not say that it checked everybody out")
    return tuple(one.position_id for one in found.results.checked_out_positions)
