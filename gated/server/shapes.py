"""What this server's answers have in them: fields by which servers differ. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gated.server import wire


@dataclass(frozen=True, slots=True)
class PositionShape:
    """What a ticket has; `word` is what the server calls a product, empty if no ticket is seen."""

    word: str = ""
    validity: bool | None = None


class _List(msgspec.Struct):
    rules: Any = UNSET


class _Lists(msgspec.Struct):
    results: list[_List]


class _Position(msgspec.Struct):
    item: Any = UNSET
    product: Any = UNSET
    valid_from: Any = UNSET
    blocked: Any = UNSET


class _Positions(msgspec.Struct):
    results: list[_Position]


def lists_have_rules(body: bytes) -> bool | None:
    """Whether a page of `checkinlists/` tells entry rules; None without a list. Raises BadReply."""
    lists = wire.decode(body, _Lists).results
    return _is_set(lists[0].rules) if lists else None


def position_shape(body: bytes) -> PositionShape:
    """Look at the first ticket of a page of positions. Raises BadReply."""
    positions = wire.decode(body, _Positions).results
    if not positions:
        return PositionShape()
    first = positions[0]
    word = "product" if _is_set(first.product) and not _is_set(first.item) else "item"
    return PositionShape(word, _is_set(first.valid_from) and _is_set(first.blocked))


def _is_set(value: Any) -> bool:
    return not isinstance(value, UnsetType)
