"""Somebody with a fresh Pi and nothing but deploy/README.md; its commands are taken from there."""

from __future__ import annotations

import json
import re
import shlex
import shutil

from .image import GUEST, ROOT
from .machine import Machine, WentWrongError
from .manual import commands
from .pi import STATUS, Pi
from .pictures import tickets
from .releases import release, version

_PAGE = "deploy/README.md"
_HEADING = "From the box to the first scan"
# What the server shows for a device that nobody has used: gated simulate-server always has one.
_DEVICE = json.dumps({"handshake_version": 1, "url": "http://127.0.0.1:8111", "token": "demo-init"})
_UNPLUGGED = "/run/camera-unplugged"
_HELD_UP = 4


def walk(fresh: Machine) -> str:
    """Raises WentWrongError with the place where they got stuck."""
    fresh.switch_on()
    pi = Pi(fresh)
    try:
        return "; ".join(
            [_installs(pi), _enrols(pi), _scans(pi), _without_network(pi), _without_camera(pi)]
        )
    finally:
        fresh.cut_power()


def _installs(pi: Pi) -> str:
    _, install, *_ = commands(_PAGE, _HEADING)
    for name in ("ticket-server.service", "watch_pins.py"):
        shutil.copy(GUEST / name, pi.machine.share)
    pi.machine.copy_in(release(pi.machine.folder / "releases"), "/root")
    pi.show([None])
    pi.machine.run(f"set -e\n{install.replace('0.1.0', version())}", timeout_s=600)
    flashes = pi.pins(8)[STATUS]["rises"]
    if flashes < 4:
        raise WentWrongError(f"the status lamp does not flash: {flashes} in 8 s")
    return f"installed; not enrolled: the status lamp flashed {flashes} times in 8 s"


def _enrols(pi: Pi) -> str:
    """The code is held up once the server is there: one that stays is not tried again."""
    pi.machine.run(
        "cp /host/ticket-server.service /etc/systemd/system/;"
        "systemctl daemon-reload; systemctl enable -q --now ticket-server"
    )
    pi.machine.until("test -s /host/server/token && curl -so /dev/null 127.0.0.1:8111")
    pi.show([None, _DEVICE])
    pi.machine.run("systemctl restart gated", timeout_s=120)
    identity = "grep -qs demo /var/lib/gated/identity/*"
    pi.machine.until(identity, timeout_s=240)
    choose = re.search(r"`(sudo gated enrol --event .*?)`", (ROOT / _PAGE).read_text())
    if choose is None:
        raise WentWrongError("the page does not say how to choose event and list")
    said = pi.machine.answer(choose[1]).output.strip()
    pi.machine.until("gated status | grep -q 'tickets'")
    return f"enrolled by the code; {said.splitlines()[-1] if said else 'no word of the choice'}"


def _scans(pi: Pi) -> str:
    """Guests come now: a virtual camera looks for its pictures only when it is opened."""
    pi.show([None, *tickets()[:_HELD_UP]])
    pi.machine.run("systemctl restart gated", timeout_s=120)
    checks = commands(_PAGE, _HEADING)[2].splitlines()[0].replace(" --ask --show", " --json")
    said = json.loads(pi.machine.answer(f"{checks} 2>/dev/null", timeout_s=180).output)
    red = [f"{one['check']}: {one['words']}" for one in said["checks"] if one["outcome"] == "red"]
    pi.set_mode("entry")
    scans, status = commands(_PAGE, _HEADING)[3].splitlines()
    pi.machine.until(f"{scans} | grep admit | grep -q confirmed", timeout_s=120)
    pi.machine.run(status)
    return f"gated check: {', '.join(red) or 'nothing is red'}; in: a scan is confirmed"


def _without_network(pi: Pi) -> str:
    pi.must_settle()
    before = len(_left(pi))
    pi.machine.run("ip link set lo down")
    log = pi.follow_journal("shown-offline")
    pi.set_mode("exit")
    for _ in range(60):
        if greens := [one for one in pi.shown(log).values() if one != "refuse"]:
            break
        pi.machine.run("sleep 1")
    else:
        raise WentWrongError(f"no green without network: {pi.journal('-n 20')}")
    waiting = sum(scan["state"] == "waiting" for scan in pi.scans())
    if not waiting:
        raise WentWrongError("nothing waits to be told")
    pi.machine.run("ip link set lo up")
    pi.must_settle()
    settled = len(_left(pi)) - before
    return f"network off: {len(greens)} green, {waiting} waited; back: {settled} more are confirmed"


def _left(pi: Pi) -> list[str]:
    return [one["nonce"] for one in pi.scans() if one["state"] == "confirmed"]


def _without_camera(pi: Pi) -> str:
    since = pi.machine.run(f"touch {_UNPLUGGED}; date +%s").strip()
    told = f"journalctl -u gated -o cat --no-pager --since @{since} | grep -i camera"
    pi.machine.until(told)
    pi.machine.run("sleep 30")
    words = pi.machine.run(told).splitlines()
    status = pi.machine.answer("gated status", timeout_s=60).output.splitlines()
    looks = _until_error_is_shown(pi)
    pi.machine.run(f"rm {_UNPLUGGED}")
    back = 'import json, sys; sys.exit(json.load(sys.stdin)["camera"]["fps"] < 1)'
    pi.machine.until(f"gated status --json | python3 -c {shlex.quote(back)}", timeout_s=180)
    pi.must_be_ready()
    return (
        f"camera unplugged: the status lamp said error at look {looks}, the journal"
        f" {words[0]!r}, gated status {' / '.join(status[:3])!r}; plugged in: it came back"
    )


def _until_error_is_shown(pi: Pi) -> int:
    """Look at the status lamp for 8 s at a time; at which look it showed two quick flashes a time.

    Between two tries to open the camera it shows the start, or nothing.
    """
    seen = []
    for look in range(1, 16):
        lamp = pi.pins(8)[STATUS]
        if 10 <= lamp["rises"] <= 14 and lamp["on"] < 1 / 3:
            return look
        seen.append(f"{lamp['rises']} times, {lamp['on']:.0%}")
    raise WentWrongError(f"without a camera the status lamp never said error: {'; '.join(seen)}")
