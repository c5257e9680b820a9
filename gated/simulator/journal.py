"""What a simulated server must not forget: a file to which every commit adds one line of JSON.

A line is written before its answer leaves, so what was answered survives a SIGKILL (though not a
power cut: nothing is synced to the disk). A line that broke off was never answered.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime  # noqa: TC003  the first line is read back by its types
from typing import TYPE_CHECKING, Any, Self

import msgspec

from gated.errors import GatedError
from gated.simulator.dialects import Dialect  # noqa: TC001
from gated.simulator.idempotency import KeptKey
from gated.simulator.records import (
    BlockedSecret,
    CheckinRecord,
    DeviceRecord,
    OrderRecord,
    PositionRecord,
    RevokedSecret,
)
from gated.simulator.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from gated.simulator.idempotency import IdempotencyKeys
    from gated.simulator.records import Record

_KINDS: dict[str, type[Any]] = {
    "checkin": CheckinRecord,
    "order": OrderRecord,
    "position": PositionRecord,
    "revoked": RevokedSecret,
    "blocked": BlockedSecret,
    "device": DeviceRecord,
    "key": KeptKey,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Start:
    """The first line: which invented conference everything else happened to."""

    dialect: Dialect
    tickets: int
    seed: int
    now: datetime


class Journal:
    """An open journal. `attach` makes it listen; `commit` writes what it heard as one line."""

    def __init__(self, path: Path, start: Start, lines: list[list[tuple[str, Any]]]) -> None:
        self.start = start
        self._lines = lines
        self._heard: list[tuple[str, Any]] = []
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)

    @classmethod
    def open(cls, path: Path, start: Start) -> Self:
        """Take up the journal, or begin one with this start. Raises GatedError."""
        if not path.exists():
            draft = path.with_suffix(".new")
            draft.touch(mode=0o600)  # tokens are in it
            draft.write_bytes(msgspec.json.encode(start) + b"\n")
            draft.rename(path)
        text = path.read_bytes()
        whole = text.rfind(b"\n") + 1
        try:
            first, *lines = text[:whole].splitlines()
            begun = msgspec.json.decode(first, type=Start)
            decoded = [
                [(kind, msgspec.convert(row, _KINDS[kind])) for kind, row in _decoded(line)]
                for line in lines
            ]
        except (msgspec.MsgspecError, KeyError, ValueError) as error:
            raise GatedError(
                f"{path} is no journal of a simulated server: take another folder ({error})"
            ) from None
        os.truncate(path, whole)
        return cls(path, begun, decoded)

    def world(self) -> World:
        """The invented conference as it was at the start."""
        start = self.start
        return World.made_up(start.tickets, seed=start.seed, now=start.now)

    def attach(self, world: World, keys: IdempotencyKeys) -> None:
        """Put everything back that happened, and listen from now on."""
        for line in self._lines:
            for _, row in line:
                if isinstance(row, KeptKey):
                    keys.restore(row)
                else:
                    restore(world, row)
        self._lines = []
        world.changed()
        world.on_change = keys.on_change = self._hear
        self.commit()

    def commit(self) -> None:
        """Write what changed since the last time, all or nothing."""
        if self._heard:
            os.write(self._file, msgspec.json.encode(self._heard) + b"\n")
            self._heard.clear()

    def close(self) -> None:
        """Write no more."""
        os.close(self._file)

    def _hear(self, row: Record | KeptKey) -> None:
        if isinstance(row, PositionRecord):
            row = replace(row, checkins=[])
        # As it is now: it may change again before the commit, or be written twice.
        self._heard.append((_NAMES[type(row)], msgspec.to_builtins(row)))


def restore(world: World, row: Record) -> None:
    """Put one changed row back into its world."""
    match row:
        case CheckinRecord():
            _restore_checkin(world, row)
        case OrderRecord():
            world.orders[row.code] = row
        case PositionRecord():
            known = world.positions.get(row.id)
            world.put(replace(row, checkins=known.checkins if known else []))
        case RevokedSecret():
            world.revoked.append(row)
        case BlockedSecret():
            world.blocked[row.secret] = row
        case DeviceRecord():
            _restore_device(world, row)


def _restore_checkin(world: World, row: CheckinRecord) -> None:
    world.next_checkin = max(world.next_checkin, row.id + 1)
    before = world.checkins.get(row.id)
    world.checkins[row.id] = row
    if row.position is None:
        return
    position = world.positions[row.position]
    if before is not None and before.successful:
        position.checkins.remove(before)
    if row.successful:
        position.checkins.append(row)
        world.orders[position.order].last_modified = row.created


def _restore_device(world: World, row: DeviceRecord) -> None:
    before = world.devices.get(row.device_id)
    if before is not None:
        world.tokens.pop(before.api_token, None)
    world.devices[row.device_id] = row
    if row.api_token:
        world.tokens[row.api_token] = row.rights


def _decoded(line: bytes) -> list[tuple[str, Any]]:
    return msgspec.json.decode(line, type=list[tuple[str, Any]])
