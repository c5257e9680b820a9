"""The calls of one event on the ticket server: values in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from gated.errors import BadReply, NoSuchEndpoint, NotAuthorized, ServerRefused
from gated.server import bodies, counts, wire
from gated.server.events import Place, event, place, subevents_page
from gated.server.http import Connection, judge
from gated.server.orders import OrdersPage, SecretsPage, orders_page, secrets_page
from gated.server.shapes import PositionShape, lists_have_rules, position_shape

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import datetime

    from gated.config import Server
    from gated.model import CheckinList, Dates, Event, Listed, Scan

_NOBODY = "there is no position to tell the server"
_NEVER_YET = "2100-01-01T00:00:00Z"


class Client(Connection):
    """One event on one server, with one token; raises what Connection does."""

    def __init__(
        self,
        server: Server,
        token: str,
        *,
        on_reach: Callable[[bool], None] | None = None,
    ) -> None:
        super().__init__(server.url, token, timeout_s=server.timeout_s, on_reach=on_reach)
        self.lists = server.checkin_lists
        self._organizer = f"/api/v1/organizers/{server.organizer}"
        self._event = f"{self._organizer}/events/{server.event}"

    async def version(self) -> str:
        """Tell the server's version; the cheapest way to learn whether it is there."""
        return wire.version((await self.get("/api/v1/version")).body)

    async def event(self) -> Event:
        """Tell the event's time zone and dates."""
        return event((await self.get(f"{self._event}/")).body)

    async def series(self) -> dict[int, Dates]:
        """Tell the dates of a series by their id, which tickets call subevent."""
        found: dict[int, Dates] = {}
        page, is_last = 1, False
        while not is_last:
            answer = await self.get(f"{self._event}/subevents/", {"page": page})
            dates, is_last = subevents_page(answer.body)
            found |= dates
            page += 1
        return found

    async def place(self) -> Place:
        """Tell where the server put this device."""
        return place((await self.get("/api/v1/device/info")).body)

    async def checkin_lists(self) -> dict[int, tuple[CheckinList, int]]:
        """Tell the event's check-in lists, each with how many positions it should have."""
        found: dict[int, tuple[CheckinList, int]] = {}
        page, is_last = 1, False
        while not is_last:
            answer = await self.get(f"{self._event}/checkinlists/", {"page": page})
            lists, is_last = wire.checkin_lists_page(answer.body)
            found |= {one.id: (one, count) for one, count in lists}
            page += 1
        return found

    async def positions(self, list_id: int, page: int) -> bytes:
        """Fetch a page of a list, whoever is paid or not: the unpaid may be inside.

        It is for `wire.positions_page` to read, when there is time.
        """
        query = {"ignore_status": "true", "page": page}
        return (await self.get(self._positions(list_id), query)).body

    async def ask(self, list_id: int, secret: str) -> tuple[Listed, ...]:
        """Fetch the tickets of one secret, as they are this moment."""
        query = {"ignore_status": "true", "secret": secret}
        page = await self._positions_page(list_id, query)
        return tuple(one for one in page.listed if one.secret == secret)

    async def find(self, list_id: int, position_id: int, order_code: str) -> Listed | None:
        """Fetch one position by its order: `positions/{id}/` is forbidden to scan profiles."""
        number, is_last = 1, False
        while not is_last:
            query = {"ignore_status": "true", "search": order_code, "page": number}
            page = await self._positions_page(list_id, query)
            for one in page.listed:
                if one.ticket.position_id == position_id:
                    return one
            number, is_last = number + 1, page.is_last
        return None

    async def find_in_order(self, position_id: int, order_code: str) -> Listed | None:
        """Fetch one position that no list shows: canceled, or of another product."""
        query = {"code": order_code, "include_canceled_positions": "true"}
        page = orders_page((await self.get(f"{self._event}/orders/", query)).body)
        listed = (one.listed for one in page.changes)
        return next((one for one in listed if one.ticket.position_id == position_id), None)

    async def redeem(self, scan: Scan, *, force: bool, pending: bool, code: str = "") -> None:
        """Record an entry or exit of a known position; repeating is safe by its nonce.

        Without a position it goes by the code, which must not be a number: servers take one for a
        position's id.
        """
        if not scan.position_id and (not code or code.isdecimal()):
            raise ServerRefused(_NOBODY, status=404, reason="invalid")
        name = scan.position_id or quote(code, safe="")
        path = f"{self._positions(scan.list_id)}{name}/redeem/"
        body = bodies.redeem_body(scan, force=force, pending=pending)
        _accept(wire.redeemed((await self.post(path, body)).body))

    async def checkout(self, scan: Scan, *, force: bool, key: str) -> None:
        """Record an exit with checkout/single; repeating is safe by its idempotency key."""
        body = bodies.checkout_body(scan, force=force)
        headers = {"X-Idempotency-Key": key}
        answer = await self.post(self._checkout(), body, headers)
        _accept(wire.checked_out(answer.body))

    async def list_counts(self, list_id: int) -> counts.ListCounts:
        """Tell how many of a list came and are inside."""
        path = f"{self._event}/checkinlists/{list_id}/status/"
        return counts.list_counts((await self.get(path)).body)

    async def check_out_all(
        self, lists: Sequence[int], *, at: datetime, key: str, timeout_s: float
    ) -> tuple[int, ...]:
        """Have the server check out whoever is inside, with checkout/bulk; never call it twice.

        Tells which positions it named. Raises ValueError without lists: to the server that means
        all lists of the event.
        """
        if not lists:
            raise ValueError("no list is every list to the server")
        body = {"checkin_lists": list(lists), "datetime": bodies.utc(at)}
        path = f"{self._event}/checkout/bulk/"
        headers = {"X-Idempotency-Key": key}
        answer = await self.request("POST", path, body=body, headers=headers, timeout_s=timeout_s)
        return counts.checked_out(judge(path, answer).body)

    async def annul(self, scan: Scan, why: str) -> None:
        """Take back an entry or exit that nobody used; pretix, same device, within 15 minutes."""
        body = {"lists": [scan.list_id], "nonce": scan.nonce, "error_explanation": why}
        await self.post(f"{self._organizer}/checkinrpc/annul/", body)

    async def report(self, scan: Scan, raw_barcode: str) -> None:
        """Report a refused scan with failed_checkins."""
        path = f"{self._event}/checkinlists/{scan.list_id}/failed_checkins/"
        await self.post(path, bodies.failed_checkin_body(scan, raw_barcode))

    async def position_shape(self, list_id: int) -> PositionShape | None:
        """Tell what tickets look like here, or None for a token that may not list them."""
        path = self._positions(list_id)
        try:
            answer = await self.request("GET", f"{path}?ignore_status=true&page=1")
        except NotAuthorized:
            return None
        if answer.status == 404:
            return None  # there is no such list, which the pull will say
        return position_shape(judge(path, answer).body)

    async def lists_have_rules(self) -> bool | None:
        """Tell whether check-in lists say their entry rules; None where no list is seen."""
        try:
            return lists_have_rules((await self.get(f"{self._event}/checkinlists/")).body)
        except NotAuthorized:
            return None

    async def takes_redeems(self) -> bool:
        """Tell whether this token may redeem, by redeeming nothing on a list that cannot be."""
        path = f"{self._positions(0)}0/redeem/"
        try:
            answer = await self.request("POST", path, body={})
        except NotAuthorized:
            return False
        if answer.status == 404:
            return answer.kind == "application/json"
        judge(path, answer)
        raise BadReply(f"the server accepted an empty request to {path}")

    async def takes_checkouts(self) -> bool:
        """Tell whether checkout/single is there for this token, by a call that does nothing."""
        return await self._answers_400(self._checkout(), "position_id")

    async def shows_changes(self) -> bool:
        """Tell whether this token may follow the feed of changed orders."""
        return await self._may(self.orders_time())

    async def shows_revoked(self) -> bool:
        """Tell whether revoked secrets are listed for this token."""
        return await self._may(self.revoked_secrets(1))

    async def shows_blocked(self) -> bool:
        """Tell whether blocked secrets are listed for this token."""
        return await self._may(self.blocked_secrets(1))

    async def shows_checkins(self) -> bool:
        """Tell whether the server shows its log of check-ins."""
        return await self._may(self.get(f"{self._event}/checkins/", {"created_since": _NEVER_YET}))

    async def shows_event(self) -> bool:
        """Tell whether this token sees the event's dates."""
        return await self._may(self.event())

    async def takes_reports(self, list_id: int) -> bool:
        """Tell whether failed_checkins is there for this token, by a call that does nothing."""
        path = f"{self._event}/checkinlists/{list_id}/failed_checkins/"
        return await self._answers_400(path, "raw_barcode")

    async def orders(self, since: datetime, page: int) -> tuple[OrdersPage, datetime]:
        """Fetch a page of the orders changed since, and the server's time; oldest change first."""
        query = {
            "modified_since": bodies.utc(since),
            "ordering": "last_modified",
            "include_canceled_positions": "true",
            "page": page,
        }
        answer = await self.get(f"{self._event}/orders/", query)
        return orders_page(answer.body), wire.moment(answer.page_generated)

    async def orders_time(self) -> datetime:
        """Tell the server's time as its feed of changes has it; nothing is fetched."""
        answer = await self.get(f"{self._event}/orders/", {"modified_since": _NEVER_YET})
        return wire.moment(answer.page_generated)

    async def revoked_secrets(self, page: int) -> SecretsPage:
        """Fetch a page of the secrets that were taken back, newest first."""
        answer = await self.get(f"{self._event}/revokedsecrets/", {"page": page})
        return secrets_page(answer.body)

    async def blocked_secrets(self, page: int) -> SecretsPage:
        """Fetch a page of the secrets that are or were blocked."""
        answer = await self.get(f"{self._event}/blockedsecrets/", {"page": page})
        return secrets_page(answer.body)

    async def _positions_page(
        self, list_id: int, query: Mapping[str, object]
    ) -> wire.PositionsPage:
        return wire.positions_page((await self.get(self._positions(list_id), query)).body)

    def _positions(self, list_id: int) -> str:
        return f"{self._event}/checkinlists/{list_id}/positions/"

    def _checkout(self) -> str:
        return f"{self._event}/checkout/single/"

    @staticmethod
    async def _may(call: Awaitable[object]) -> bool:
        """A server without the endpoint says so in HTML; one without the right, with 403."""
        try:
            await call
        except (NotAuthorized, NoSuchEndpoint):
            return False
        return True

    async def _answers_400(self, path: str, naming: str) -> bool:
        try:
            answer = await self.request("POST", path, body={})
        except NotAuthorized:
            return False
        if answer.status in {404, 405}:
            return False
        if answer.status == 400:
            return naming.encode() in answer.body
        # A portal or a crash says nothing about what the server can do.
        judge(path, answer)
        raise BadReply(f"the server accepted an empty request to {path}")


def _accept(refusal: wire.Refusal | None) -> None:
    if refusal:
        reason = refusal.reason or "error"
        raise ServerRefused(refusal.message or reason, status=200, reason=reason)
