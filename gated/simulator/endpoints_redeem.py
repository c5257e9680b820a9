"""POST .../positions/{secret or id}/redeem/ and failed_checkins/."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gated.simulator.endpoints_lists import list_named
from gated.simulator.exchange import (
    Refusal,
    answer,
    crash,
    detail,
    parse_time,
    row_id,
    sent_object,
    stamp,
)
from gated.simulator.payloads import list_summary, position_on_list
from gated.simulator.redeem import ENTRY, EXIT, Attempt, Denial, keep_failure, redeem

if TYPE_CHECKING:
    from datetime import datetime

    from gated.simulator.exchange import Call, Reply, Site
    from gated.simulator.records import ListRecord, PositionRecord

BAD_TIME = (
    "Datetime has wrong format. Use one of these formats instead: "
    "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
)


def redeem_position(site: Site, call: Call) -> Reply:
    """Redeem by secret, by a revoked secret or, for better or worse, by id."""
    on = list_named(site, call)
    attempt = read_attempt(site, call, sent_object(site, call))
    text = call.names["position"]
    trusted = not (site.traits.untrusted_input and call.flag("untrusted_input"))
    position = find_position(site, text)
    if position is None and trusted:
        position = existing(site.world.positions.get(row_id(text)))
    return redeem_found(site, on, position, attempt, text=text)


def redeem_found(
    site: Site, on: ListRecord, position: PositionRecord | None, attempt: Attempt, *, text: str
) -> Reply:
    """Redeem the position, or look among the revoked secrets if there is none."""
    if position is None:
        former = revoked_position(site, text)
        if former is None or not (attempt.force or site.traits.revoked_is_named):
            return unknown_ticket(site, on, attempt, text=text)
        if not attempt.force:
            return denied(site, on, former, attempt, Denial("revoked"))
        position = former
    candidates = [position] if position.secret != text else _candidates(site, on, position, attempt)
    if len(candidates) != 1:
        return denied(site, on, position, attempt, Denial("ambiguous"))
    position = candidates[0]
    content = position_on_list(site, position, on.id)
    denial = redeem(site, on, position, attempt)
    if denial is not None:
        return denied(site, on, position, attempt, denial)
    return answer(
        {
            "status": "ok",
            "require_attention": content["require_attention"],
            **({"checkin_texts": []} if site.traits.explains else {}),
            "position": content,
            **({"list": list_summary(site, on)} if site.traits.explains else {}),
        },
        status=201,
    )


def denied(
    site: Site, on: ListRecord, position: PositionRecord, attempt: Attempt, denial: Denial
) -> Reply:
    """Answer a refusal of a known ticket, and keep it where the server does."""
    keep_failure(site, on, position, attempt, denial)
    content = position_on_list(site, position, on.id)
    explains = site.traits.explains
    return answer(
        {
            "status": "error",
            "reason": denial.reason,
            **({"reason_explanation": denial.explanation} if explains else {}),
            "require_attention": content["require_attention"],
            **({"checkin_texts": []} if explains else {}),
            "position": content,
            **({"list": list_summary(site, on)} if explains else {}),
        },
        status=400,
    )


def unknown_ticket(site: Site, on: ListRecord, attempt: Attempt, *, text: str) -> Reply:
    """Answer for a code that no ticket has or had."""
    if not site.traits.explains:
        return detail(404, "Not found.")
    site.world.keep_row(
        position=None,
        list=on.id,
        **attempt.columns,
        successful=False,
        error_reason="invalid",
        raw_barcode=text,
    )
    return answer(
        {
            "detail": "Not found.",
            "status": "error",
            "reason": "invalid",
            "reason_explanation": None,
            "require_attention": False,
            "checkin_texts": [],
            "list": list_summary(site, on),
        },
        status=404,
    )


def report_failure(site: Site, call: Call) -> Reply:
    """Keep a scan that a device refused by itself."""
    on = list_named(site, call)
    sent = sent_object(site, call)
    missing = {
        name: ["This field is required."]
        for name in ("error_reason", "raw_barcode")
        if name not in sent
    }
    if missing:
        return answer(missing, status=400)
    at = parse_time(sent["datetime"]) if "datetime" in sent else site.world.clock()
    if at is None:
        return answer({"datetime": [BAD_TIME]}, status=400)
    position = find_position(site, str(sent["raw_barcode"]))
    kind = sent.get("type", ENTRY)
    nonce = sent.get("nonce")
    if not _is_kept_already(site, on, nonce):
        site.world.keep_row(
            position=position.id if position else None,
            list=on.id,
            type=kind,
            at=at,
            nonce=nonce,
            device=call.may.device_id,
            successful=False,
            error_reason=sent["error_reason"],
            error_explanation=sent.get("error_explanation"),
            raw_barcode=sent["raw_barcode"],
        )
    return answer(
        {
            "error_reason": sent["error_reason"],
            "error_explanation": sent.get("error_explanation"),
            "raw_barcode": sent["raw_barcode"],
            "raw_item": sent.get("raw_item"),
            "raw_variation": sent.get("raw_variation"),
            "raw_subevent": sent.get("raw_subevent"),
            "raw_source_type": sent.get("raw_source_type", "barcode"),
            "nonce": nonce,
            "datetime": stamp(at),
            "type": kind,
            "position": position.id if position else None,
        },
        status=201,
    )


def read_attempt(site: Site, call: Call, sent: dict[str, Any]) -> Attempt:
    """Read the body of a redeem; refuses bad types and times the way the server does."""
    kind = sent.get("type", ENTRY)
    if kind not in (ENTRY, EXIT):
        if site.traits.bad_input_is_500:
            raise crash()
        raise Refusal(answer(["Invalid check-in type."], status=400))
    at = parse_time(sent["datetime"]) if "datetime" in sent else site.world.clock()
    if at is None:
        raise Refusal(answer([BAD_TIME], status=400))
    return Attempt(
        type=kind,
        at=at,
        nonce=sent.get("nonce"),
        force=bool(sent.get("force", False)),
        ignore_unpaid=bool(sent.get("ignore_unpaid", False)),
        canceled_supported=bool(sent.get("canceled_supported", False)),
        device=call.may.device_id,
    )


def find_position(site: Site, secret: str) -> PositionRecord | None:
    """Look a ticket up by secret; canceled positions do not exist for scanners."""
    return existing(site.world.find(secret))


def existing(position: PositionRecord | None) -> PositionRecord | None:
    """Hide canceled positions."""
    return None if position is None or position.canceled else position


def revoked_position(site: Site, secret: str) -> PositionRecord | None:
    """Look up the ticket that once had the secret."""
    for row in reversed(site.world.revoked):
        if row.secret == secret:
            return existing(site.world.positions.get(row.position))
    return None


def _candidates(
    site: Site, on: ListRecord, position: PositionRecord, attempt: Attempt
) -> list[PositionRecord]:
    """What a ticket's code may mean: by an id or a revoked code, only itself."""
    if not on.addon_match or not site.traits.explains:
        return [position]
    order = site.world.order_of(position)
    family = [position] + [
        each
        for number in order.positions
        if (each := site.world.positions[number]).addon_to == position.id and not each.canceled
    ]
    if len(family) > 1:
        family = [each for each in family if on.covers(each.item)]
    if len(family) > 1:
        family = [each for each in family if _is_valid_at(each, attempt.at)]
    # None of them belongs here now: any will do, for redeem refuses it.
    return family or [position]


def _is_valid_at(position: PositionRecord, at: datetime) -> bool:
    start, end = position.valid_from, position.valid_until
    return (start is None or start <= at) and (end is None or end > at)


def _is_kept_already(site: Site, on: ListRecord, nonce: str | None) -> bool:
    return nonce is not None and any(
        row.nonce == nonce and row.list == on.id and not row.successful
        for row in site.world.checkins.values()
    )
