"""Redeem without a list in the path: the fork's checkin/redeem/ and pretix's checkinrpc/*."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gated.simulator.endpoints_lists import valid_positions
from gated.simulator.endpoints_positions import by_name, may_browse, search
from gated.simulator.endpoints_redeem import (
    BAD_TIME,
    find_position,
    read_attempt,
    redeem_found,
)
from gated.simulator.exchange import (
    Refusal,
    answer,
    crash,
    detail,
    parse_time,
    row_id,
    sent_content,
    sent_object,
)
from gated.simulator.paging import paginated
from gated.simulator.payloads import list_summary, position_on_list
from gated.simulator.redeem import redeem

if TYPE_CHECKING:
    from gated.simulator.exchange import Call, Reply, Site
    from gated.simulator.records import ListRecord

ANNULLED_WITHIN = timedelta(minutes=15)


def redeem_fork(site: Site, call: Call) -> Reply:
    """Redeem as the fork does: a refusal is answered with 201 and writes a row all the same."""
    sent = _checked(site, call)
    on = _one_list(site, call, sent)
    attempt = read_attempt(site, call, sent)
    position = find_position(site, sent["secret"])
    if position is None:
        raise crash()
    content = position_on_list(site, position, on.id)
    denial = redeem(site, on, position, attempt)
    if denial is not None:
        site.world.record(position.id, on.id, **attempt.columns)
    return answer(
        {
            "status": "ok" if denial is None else "redeemed",
            **({} if denial is None else {"reason": "Already checked in"}),
            "require_attention": None,
            "position": content,
            "list": list_summary(site, on),
        },
        status=201,
    )


def redeem_pretix(site: Site, call: Call) -> Reply:
    """Redeem as below a list, only that ids are never taken for secrets."""
    sent = _checked(site, call)
    on = _one_list(site, call, sent)
    # This endpoint tells canceled from unpaid without being asked to.
    attempt = read_attempt(site, call, {"canceled_supported": True, **sent})
    text = sent["secret"]
    return redeem_found(site, on, find_position(site, text), attempt, text=text)


def search_pretix(site: Site, call: Call) -> Reply:
    """Find positions of the lists in the query by what is searched for."""
    numbers = [value for name, value in call.query if name == "list"]
    lists = [_list(site, call, number) for number in numbers]
    if not lists:
        raise Refusal(answer(["No check-in list passed."], status=400))
    on = lists[0]
    rows = []
    if may_browse(call):
        any_status = call.flag("ignore_status") is True
        rows = list(valid_positions(site, on, any_status=any_status))
        rows = search(site, rows, call.param("search") or "")
        rows.sort(key=by_name(site))
    return paginated(site, call, rows, lambda row: position_on_list(site, row, on.id))


def annul_pretix(site: Site, call: Call) -> Reply:
    """Take back an entry that nobody used, found by its nonce."""
    sent = sent_object(site, call)
    lists = {_list(site, call, number).id for number in sent.get("lists", [])}
    nonce = sent.get("nonce")
    for row in site.world.checkins.values():
        if nonce and row.nonce == nonce and row.list in lists and row.successful:
            # pretix asks that it be soon, and the same device; its words are not recorded.
            if site.world.clock() - row.created > ANNULLED_WITHIN:
                raise Refusal(answer(["This check-in is too old to be annulled."], status=400))
            site.world.annul(row, sent.get("error_explanation"))
            return answer({"status": "ok"})
    raise Refusal(detail(404, "No check-in found based on nonce"))


def _checked(site: Site, call: Call) -> dict[str, Any]:
    sent = sent_content(site, call)
    if not isinstance(sent, dict):
        kind = type(sent).__name__
        sentence = f"Invalid data. Expected a dictionary, but got {kind}."
        raise Refusal(answer({"non_field_errors": [sentence]}, status=400))
    wrong: dict[str, list[str]] = {}
    for name in ("lists", "secret"):
        if name not in sent:
            wrong[name] = ["This field is required."]
    if sent.get("secret") == "":
        wrong["secret"] = ["This field may not be blank."]
    if "datetime" in sent and parse_time(sent["datetime"]) is None:
        wrong["datetime"] = [BAD_TIME]
    if wrong:
        raise Refusal(answer(wrong, status=400))
    sent["secret"] = str(sent["secret"])
    return sent


def _one_list(site: Site, call: Call, sent: dict[str, Any]) -> ListRecord:
    lists = [_list(site, call, number) for number in sent["lists"]]
    if len(lists) == 1:
        return lists[0]
    if site.traits.bad_input_is_500:
        raise crash()
    if not lists:
        raise Refusal(answer(["No check-in list passed."], status=400))
    sentence = "Selecting two check-in lists from the same event is unsupported."
    raise Refusal(answer([sentence], status=400))


def _list(site: Site, call: Call, number: Any) -> ListRecord:
    text = str(number)
    found = site.world.lists.get(row_id(text))
    if found is None or not call.may.has("can_checkin_orders", "can_change_orders"):
        sentence = f'Invalid pk "{text}" - object does not exist.'
        raise Refusal(answer({"lists": [sentence]}, status=400))
    return found
