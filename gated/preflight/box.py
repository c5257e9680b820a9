"""The box and what it runs: warmth, power, clock, service, watchdogs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gated import board
from gated.model import Trust
from gated.preflight.finding import Finding, good, red, unknown
from gated.preflight.visit import visit

if TYPE_CHECKING:
    from gated.preflight.here import Here

_HOT_C = 80.0
"""Where a Pi begins to slow down. Source: Raspberry Pi documentation, frequency management."""
_FAR_OFF_S = 30.0
_UNIT = "gated.service"


def temperature(here: Here) -> Finding:
    """How warm the processor is."""
    warm = board.temperature_c(here.root)
    if warm is None:
        return unknown("nothing here measures the temperature")
    if warm >= _HOT_C:
        return red(f"{warm:.0f} °C: the Pi slows down", "shade and air, or a heat sink")
    return good(f"{warm:.0f} °C")


async def power(here: Here) -> Finding:
    """Under-voltage and throttling, now and since the start."""
    told = await asyncio.to_thread(board.power, here.root)
    if told is None:
        return unknown("this is no Raspberry Pi: nobody says how its power is")
    if told.now:
        return red(", ".join(told.now), "the supply that belongs to the Pi, and a short cable")
    if told.was_low:
        remedy = "the supply that belongs to the Pi, and a short cable; then restart the Pi"
        return red("the voltage was too low since the start", remedy)
    if told.before:
        return good(f"well now; since the start: {', '.join(told.before)}")
    return good("never too low since the start")


async def clock(here: Here) -> Finding:
    """Whether the time is known, and how far it is from the server's."""
    synchronised = here.clock.trust is Trust.SYNCHRONISED
    off_s = (await visit(here)).off_s if here.config.server.url else None
    remedy = "let the network through to a time server (NTP, UDP port 123): timedatectl"
    if off_s is not None and abs(off_s) > _FAR_OFF_S:
        way = "fast" if off_s > 0 else "slow"
        return red(f"the clock is {abs(off_s):.0f} s {way}, by the server's", remedy)
    beside = "" if off_s is None else f"; {abs(off_s):.0f} s from the server's"
    if synchronised:
        return good(f"synchronised{beside}")
    if off_s is None:
        return red("the clock is not synchronised, and no server says what time it is", remedy)
    return good(f"not synchronised{beside}: the gate takes the time from there")


def service(here: Here) -> Finding:
    """Whether systemd runs the gate, and will after a restart."""
    told = _unit(here)
    if told is None:
        return unknown("there is no systemd here")
    if told.get("LoadState") != "loaded":
        return red("the service is not installed", "sudo ./deploy/install.sh")
    if told.get("ActiveState") != "active":
        state = f"{told.get('ActiveState')} ({told.get('Result')})"
        remedy = f"sudo systemctl start gated; if it fails: journalctl -u {_UNIT}"
        return red(f"the service is {state}", remedy)
    if told.get("UnitFileState") != "enabled":
        return red("it runs, but will not after a restart", "sudo systemctl enable gated")
    restarts = int(told.get("NRestarts") or 0)
    often = f", restarted {restarts} times by systemd: journalctl -u gated" if restarts else ""
    return good(f"the service runs{often}")


def gate(here: Here) -> Finding:
    """What the running gate says of its own parts."""
    if here.silent:
        return red(
            f"a gate runs, but does not answer: {here.silent}", "sudo systemctl restart gated"
        )
    if here.state is None:
        return unknown("no gate is running", "sudo systemctl start gated")
    limps = [
        f"{one['part']}: {one['words']}" for one in here.state["health"] if one["level"] != "ok"
    ]
    if any(one["level"] == "error" for one in here.state["health"]):
        return red("; ".join(limps), "see the gate's page, and journalctl -u gated")
    return good("all its parts work" if not limps else f"it works; {'; '.join(limps)}")


def watchdog(here: Here) -> Finding:
    """Whether a gate that hangs is started anew, and so is a Pi that hangs."""
    told = _unit(here)
    if told is None or told.get("LoadState") != "loaded":
        return unknown("there is no service of systemd to watch over")
    if told.get("WatchdogUSec") in {None, "", "0", "infinity"}:
        return red("systemd does not notice when the gate hangs", "WatchdogSec=15 in the unit")
    words = f"a gate that hangs is started anew after {told['WatchdogUSec']}"
    if not (here.root / "dev/watchdog").exists():
        return good(f"{words}; this board has no watchdog of its own")
    manager = here.program("systemctl", "show", "-p", "RuntimeWatchdogUSec") or ""
    if manager.partition("=")[2].strip() in {"", "0", "infinity"}:
        remedy = "RuntimeWatchdogSec=15 in /etc/systemd/system.conf"
        return good(f"{words}; a Pi that hangs is not: {remedy}")
    return good(f"{words}, and so is a Pi that hangs")


def _unit(here: Here) -> dict[str, str] | None:
    names = "LoadState,ActiveState,UnitFileState,WatchdogUSec,NRestarts,Result"
    told = here.program("systemctl", "show", _UNIT, "-p", names)
    if told is None:
        return None
    return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
