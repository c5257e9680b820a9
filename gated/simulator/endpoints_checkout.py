"""The fork's own POST .../checkout/single/ and bulk/, with everything they let through."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gated.simulator.exchange import Refusal, answer, crash, parse_time, sent_object, stamp
from gated.simulator.payloads import shown_name
from gated.simulator.redeem import EXIT

if TYPE_CHECKING:
    from datetime import datetime

    from gated.simulator.exchange import Call, Reply, Site
    from gated.simulator.records import ListRecord, PositionRecord


def check_out_one(site: Site, call: Call) -> Reply:
    """Check one position out; without force it must be inside by its datetimes."""
    sent = sent_object(site, call)
    if not sent.get("position_id") or not sent.get("checkin_list_id"):
        raise _refused("position_id and checkin_list_id are required")
    position = site.world.positions.get(_number(sent["position_id"]))
    on = site.world.lists.get(_number(sent["checkin_list_id"]))
    if position is None or position.canceled or on is None or not _is_of_event(site, call, on):
        raise Refusal(answer({"error": "Invalid position or checkin list"}, status=404))
    at = _time(site, sent)
    # Any value but an empty one is force, the string "false" too.
    if not sent.get("force") and not position.is_inside(on.id):
        sentence = "This attendee is not currently checked in."
        raise Refusal(answer({"error": sentence, "code": "not_checked_in"}, status=400))
    row = site.world.record(position.id, on.id, EXIT, at=at, device=call.may.device_id)
    return answer(
        {
            "status": "success",
            "checkout_id": row.id,
            **_named(site, position),
            "datetime": stamp(row.datetime),
            "message": "Attendee checked out successfully",
        }
    )


def due(site: Site, body: bytes) -> int:
    """How many a checkout/bulk with this body is about to check out; 0 where it will not."""
    try:
        lists = json.loads(body or b"{}").get("checkin_lists") or site.world.lists
    except (ValueError, AttributeError):
        return 0
    return sum(len(site.world.inside(on)) for on in lists if isinstance(on, int))


def check_out_all(site: Site, call: Call) -> Reply:
    """Check out everybody inside on the lists; no lists are all lists."""
    sent = sent_object(site, call)
    lists = _lists(site, call, sent.get("checkin_lists"))
    at = _time(site, sent)
    gone = []
    for on in lists:
        for number in sorted(site.world.inside(on.id)):
            position = site.world.positions[number]
            if not position.canceled:
                site.world.record(number, on.id, EXIT, at=at, device=call.may.device_id)
                gone.append(_named(site, position))
    return answer(
        {
            "status": "success",
            "results": {
                "success_count": len(gone),
                "error_count": 0,
                "errors": [],
                "checked_out_positions": gone,
            },
            "message": f"Bulk checkout completed. {len(gone)} attendees checked out, 0 errors.",
        }
    )


def _lists(site: Site, call: Call, asked: Any) -> list[ListRecord]:
    own = {each.id: each for each in site.world.lists_of(call.names["event"])}
    if not asked:
        return [own[number] for number in sorted(own)]
    if not isinstance(asked, list | str):
        raise crash()
    numbers = [_number(each) for each in asked]
    found = sorted(set(numbers) & set(own))
    # The server compares lengths, so that the same id twice is wrong and yet none is named.
    if len(found) != len(numbers):
        unknown = ", ".join(str(number) for number in sorted(set(numbers) - set(own)))
        raise _refused(f"Invalid checkin list IDs: {unknown}")
    return [own[number] for number in found]


def _time(site: Site, sent: dict[str, Any]) -> datetime:
    if not sent.get("datetime"):
        return site.world.clock()
    at = parse_time(sent["datetime"])
    if at is None:
        raise _refused("Invalid datetime format")
    return at


def _number(value: Any) -> int:
    if isinstance(value, str | int | float):
        try:
            return int(value)
        except (ValueError, OverflowError):
            pass
    raise crash()


def _is_of_event(site: Site, call: Call, on: ListRecord) -> bool:
    return (on.event or site.world.event) == call.names["event"]


def _named(site: Site, position: PositionRecord) -> dict[str, Any]:
    return {
        "position_id": position.id,
        "order_code": position.order,
        "attendee_name": shown_name(site, position),
    }


def _refused(sentence: str) -> Refusal:
    return Refusal(answer({"error": sentence}, status=400))
