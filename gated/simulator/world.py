"""Everything the simulated ticket server knows, and what organisers do to it; no HTTP."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gated.simulator.made_up import fill, unused_code
from gated.simulator.records import (
    CANCELED,
    PAID,
    BlockedSecret,
    CheckinRecord,
    DeviceRecord,
    EventRecord,
    ItemRecord,
    Kind,
    ListRecord,
    OrderRecord,
    PositionRecord,
    Record,
    RevokedSecret,
    TokenRights,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def _utc_now() -> datetime:
    return datetime.now(UTC)


class World:
    """One organizer's server. Times are aware.

    Records may be changed by hand; `changed()` then tells walks through pages that are under way.
    """

    def __init__(
        self,
        *,
        organizer: str = "demo",
        event: str = "conf",
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.organizer = organizer
        self.event = event
        self.clock = clock
        now = clock()
        self.events = {
            event: EventRecord(event, event.title(), now, now + timedelta(days=2)),
        }
        self.items: dict[int, ItemRecord] = {}
        self.lists: dict[int, ListRecord] = {}
        self.orders: dict[str, OrderRecord] = {}
        self.positions: dict[int, PositionRecord] = {}
        self.checkins: dict[int, CheckinRecord] = {}
        self.revoked: list[RevokedSecret] = []
        self.blocked: dict[str, BlockedSecret] = {}
        self.tokens: dict[str, TokenRights] = {}
        self.devices: dict[int, DeviceRecord] = {}
        self.rules_check: Callable[[ListRecord, PositionRecord, datetime], bool] | None = None
        """Says whether a list's entry rules let a position in; without it they always do."""
        self.on_change: Callable[[Record], None] | None = None
        """Hears of every row that a request or an organiser's method changed."""
        self.revision = 0
        """Grows with every change that could alter who is on which list."""
        self.touches = 0
        """Grows with every change at all, check-ins too."""
        self.next_checkin = 1
        """The id of the next row of the check-in log."""
        self._next_position = 1
        self._by_secret: dict[str, int] = {}

    @classmethod
    def made_up(cls, guests: int = 300, *, seed: int = 1, now: datetime | None = None) -> World:
        """Build a conference with so many invented guests, the same for the same arguments."""
        start = now or _utc_now()
        world = cls(clock=lambda: start)
        fill(world, guests=guests, seed=seed)
        world.clock = _utc_now
        return world

    # What is known.

    def find(self, secret: str) -> PositionRecord | None:
        """Look a position up by its present secret, canceled ones too."""
        position = self.positions.get(self._by_secret.get(secret, 0))
        return position if position is not None and position.secret == secret else None

    def order_of(self, position: PositionRecord) -> OrderRecord:
        """Return the order that the position belongs to."""
        return self.orders[position.order]

    def lists_of(self, event: str) -> list[ListRecord]:
        """Return the event's lists in the server's order."""
        mine = [each for each in self.lists.values() if (each.event or self.event) == event]
        return sorted(mine, key=lambda each: (each.name, each.id))

    def inside(self, list_id: int) -> set[int]:
        """Return the positions whose last entry on the list is newer than their last exit."""
        return {p.id for p in self.positions.values() if p.checkins and p.is_inside(list_id)}

    def checkins_of(self, position_id: int, list_id: int | None = None) -> list[CheckinRecord]:
        """Return the recorded entries and exits of a position, oldest arrival first."""
        rows = self.positions[position_id].checkins
        return [row for row in rows if list_id is None or row.list == list_id]

    # What happens at gates.

    def enter(self, position_id: int, list_id: int, *, at: datetime | None = None) -> CheckinRecord:
        """Record an entry, whatever the rules say."""
        return self.record(position_id, list_id, "entry", at=at)

    def leave(self, position_id: int, list_id: int, *, at: datetime | None = None) -> CheckinRecord:
        """Record an exit, whatever the rules say."""
        return self.record(position_id, list_id, "exit", at=at)

    def record(
        self,
        position_id: int,
        list_id: int,
        type: str,  # noqa: A002 - the server's own word
        *,
        at: datetime | None = None,
        nonce: str | None = None,
        device: int | None = None,
    ) -> CheckinRecord:
        """Write one successful row, and touch its order."""
        row = self.keep_row(
            position=position_id, list=list_id, type=type, at=at, nonce=nonce, device=device
        )
        position = self.positions[position_id]
        position.checkins.append(row)
        self.orders[position.order].last_modified = row.created
        self.touches += 1
        return row

    def keep_row(self, *, at: datetime | None, **columns: Any) -> CheckinRecord:
        """Write a row of the check-in log that belongs to no position's history (yet)."""
        now = self.clock()
        row = CheckinRecord(id=self.next_checkin, datetime=at or now, created=now, **columns)
        self.next_checkin += 1
        self.checkins[row.id] = row
        self.note(row)
        return row

    def annul(self, row: CheckinRecord, explanation: str | None) -> None:
        """Take back a successful row; it stays in the log."""
        row.successful, row.error_reason, row.error_explanation = False, "annulled", explanation
        if row.position is not None:
            self.positions[row.position].checkins.remove(row)
            self.changed()
        self.note(row)

    def note(self, row: Record) -> None:
        """Say that a row was changed."""
        if self.on_change:
            self.on_change(row)

    # What organisers do.

    def add_order(
        self,
        *,
        item: int = 1,
        name: str | None = None,
        secret: str | None = None,
        status: str = PAID,
        addon_to: int | None = None,
        **columns: Any,
    ) -> PositionRecord:
        """Sell one ticket in a new order, or as an add-on in the order of `addon_to`."""
        now = self.clock()
        if addon_to is None:
            order = OrderRecord(
                code=unused_code(self, secrets.SystemRandom()),
                datetime=now,
                expires=now + timedelta(days=10),
                last_modified=now,
                secret=secrets.token_hex(4).upper(),
                status=status,
            )
            self.orders[order.code] = order
        else:
            order = self.order_of(self.positions[addon_to])
        number = self._next_position
        columns.setdefault("price", self.items[item].price if item in self.items else "20.00")
        columns.setdefault("pseudonymization_id", f"PSEUDO{number:06d}")
        position = PositionRecord(
            id=number,
            order=order.code,
            positionid=len(order.positions) + 1,
            item=item,
            secret=secret or secrets.token_hex(16),
            attendee_name=name,
            addon_to=addon_to,
            **columns,
        )
        self.adopt(position)
        self._touch(order.code)
        return position

    def adopt(self, position: PositionRecord) -> None:
        """Put a finished position into its order."""
        self.put(position)
        self.orders[position.order].positions.append(position.id)
        self.changed()

    def put(self, position: PositionRecord) -> None:
        """Put a position where its id is, new or in place of what it was."""
        self.positions[position.id] = position
        self._next_position = max(self._next_position, position.id + 1)
        self._by_secret[position.secret] = position.id

    def pay(self, code: str) -> None:
        """Mark an order as paid."""
        self.orders[code].status = PAID
        self._touch(code)

    def cancel_order(self, code: str) -> None:
        """Cancel a whole order."""
        self.orders[code].status = CANCELED
        self._touch(code)

    def cancel_position(self, position_id: int) -> None:
        """Cancel one ticket of an order that stays."""
        position = self.positions[position_id]
        position.canceled = True
        self._touch(position.order)

    def change_secret(self, position_id: int, new: str | None = None) -> str:
        """Give the ticket a new code and revoke the old one, which is returned."""
        position = self.positions[position_id]
        old, position.secret = position.secret, new or secrets.token_hex(16)
        self._by_secret.pop(old, None)
        self._by_secret[position.secret] = position_id
        revoked = RevokedSecret(len(self.revoked) + 1, old, position_id, self.clock())
        self.revoked.append(revoked)
        self.note(revoked)
        self._touch(position.order)
        return old

    def rename(self, position_id: int, secret: str) -> None:
        """Give the ticket another code, as if it never had the old one."""
        position = self.positions[position_id]
        self._by_secret.pop(position.secret, None)
        position.secret = secret
        self._by_secret[secret] = position_id
        self.changed()

    def block(self, position_id: int, *, blocked: bool = True) -> None:
        """Block a ticket, or let it in again."""
        position = self.positions[position_id]
        position.blocked = blocked
        number = len(self.blocked) + 1
        row = self.blocked.setdefault(
            position.secret, BlockedSecret(number, position.secret, self.clock(), blocked=blocked)
        )
        row.blocked, row.updated = blocked, self.clock()
        self.note(row)
        self._touch(position.order)

    def add_device(
        self, name: str, *, profile: str = "full", initialization_token: str | None = None
    ) -> DeviceRecord:
        """Make a device that waits to be initialized."""
        number = max(self.devices, default=0) + 1
        device = DeviceRecord(
            device_id=number,
            name=name,
            initialization_token=initialization_token or secrets.token_hex(8),
            unique_serial=secrets.token_hex(8).upper(),
            rights=TokenRights(Kind.DEVICE, profile, device_id=number),
        )
        self.devices[number] = device
        self.note(device)
        return device

    def changed(self) -> None:
        """Make the next page look at the records afresh."""
        self.revision += 1
        self.touches += 1

    def _touch(self, code: str) -> None:
        order = self.orders[code]
        order.last_modified = self.clock()
        self.changed()
        self.note(order)
        for number in order.positions:
            self.note(self.positions[number])
