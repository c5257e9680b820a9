"""The life of a device: initialize, update, roll, revoke, info, and which event it is for."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from gated.simulator.exchange import Refusal, Reply, answer, sent_object

if TYPE_CHECKING:
    from gated.simulator.exchange import Call, Site
    from gated.simulator.records import DeviceRecord

_SOFTWARE = ("hardware_brand", "hardware_model", "software_brand", "software_version")


def initialize(site: Site, call: Call) -> Reply:
    """Exchange an initialization token for the API token, once."""
    sent = sent_object(site, call)
    wrong = _missing(sent, "token", *_SOFTWARE)
    if not wrong:
        by_token = {each.initialization_token: each for each in site.world.devices.values()}
        device = by_token.get(str(sent["token"]))
        if device is None:
            wrong["token"] = ["Unknown initialization token."]
        elif device.api_token:
            wrong["token"] = ["This initialization token has already been used."]
        else:
            _give_token(site, device)
            device.software = _software(sent)
            site.world.note(device)
            return answer(_written(site, device))
    return answer(wrong, status=400)


def update(site: Site, call: Call) -> Reply:
    """Take note of the device's new software."""
    sent = sent_object(site, call)
    wrong = _missing(sent, *_SOFTWARE)
    if wrong:
        return answer(wrong, status=400)
    device = _device(site, call)
    device.software = _software(sent)
    site.world.note(device)
    return answer(_written(site, device))


def roll(site: Site, call: Call) -> Reply:
    """Give the device another API token; the present one is void at once."""
    device = _device(site, call)
    _give_token(site, device)
    site.world.note(device)
    return answer(_written(site, device))


def revoke(site: Site, call: Call) -> Reply:
    """Let the device give up its access."""
    device = _device(site, call)
    device.rights.revoked = True
    site.world.note(device)
    return answer(_written(site, device))


def info(site: Site, call: Call) -> Reply:
    """Tell the device what it and the server are."""
    return answer(
        {
            "device": _written(site, _device(site, call)),
            "server": {"version": version(site)},
            "medium_key_sets": [],
        }
    )


def select_event(site: Site, call: Call) -> Reply:
    """Tell the device which event and list it is for, or that what it has is right."""
    world = site.world
    event, lists = world.events[world.event], world.lists_of(world.event)
    chosen = lists[0].id if lists else None
    asked = call.param("current_checkinlist") or ""
    known = {str(each.id) for each in lists}
    if call.param("current_event") == event.slug and asked in known:
        return Reply(304)
    return answer(
        {
            "event": {"slug": event.slug, "name": event.name},
            "subevent": None,
            "checkinlist": chosen,
        }
    )


def version(site: Site) -> dict[str, Any]:
    """Write the server's version."""
    return {"pretix": site.traits.version, "pretix_numeric": site.traits.version_numeric}


def _device(site: Site, call: Call) -> DeviceRecord:
    number = call.may.device_id
    if number is None or number not in site.world.devices:
        raise Refusal(answer({"detail": "This token belongs to no device record."}, status=404))
    return site.world.devices[number]


def _give_token(site: Site, device: DeviceRecord) -> None:
    site.world.tokens.pop(device.api_token, None)
    device.api_token = secrets.token_hex(32)
    site.world.tokens[device.api_token] = device.rights


def _written(site: Site, device: DeviceRecord) -> dict[str, Any]:
    gate = device.gate
    return {
        "organizer": site.world.organizer,
        "device_id": device.device_id,
        "unique_serial": device.unique_serial,
        "api_token": device.api_token,
        "name": device.name,
        "security_profile": device.rights.security_profile,
        "gate": gate and {"id": gate, "name": f"Gate {gate}", "identifier": f"G{gate}"},
    }


def _missing(sent: dict[str, Any], *names: str) -> dict[str, list[str]]:
    return {name: ["This field is required."] for name in names if name not in sent}


def _software(sent: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in sent.items() if name != "token"}
