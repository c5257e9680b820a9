"""What must work on a Pi, a step each: its docstring is its line in the report."""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from .image import GUEST
from .machine import Machine, WentWrongError
from .manual import commands
from .pi import ENTRY, EXIT, GREEN, Pi
from .pictures import tickets
from .releases import next_package, package, version
from .walk import walk

Step = Callable[[Pi], str]

_WORST_EXPOSURE = 2.0


def boots(pi: Pi) -> str:
    """A fresh card boots to a running system."""
    took_s = pi.machine.switch_on()
    said = pi.machine.run(
        "uname -r; systemctl is-system-running --wait || systemctl --failed --plain", timeout_s=180
    )
    kernel, state = said.split("\n", 1)
    _expect(state.strip() == "running", f"the system is {state}")
    return f"Linux {kernel}, up after {took_s:.0f} s"


def installs_offline(pi: Pi) -> str:
    """install.sh of the release tarball installs everything without network."""
    _expect(
        pi.machine.run("ip route; ip -6 route | grep -v ' dev lo'", check=False).strip() == "",
        "there is a network",
    )
    said = pi.install()
    _expect("MISSING" not in said, said)
    pi.set_up()
    versions = pi.machine.run("gated version --all; gated --version").splitlines()
    return "; ".join(versions)


def becomes_ready(pi: Pi) -> str:
    """The service becomes READY under its hardened unit, with camera and pins."""
    pi.show([None, *tickets()[:HELD_UP]])
    pi.machine.answer("systemctl start gated", timeout_s=120)
    state = pi.must_be_ready()
    _expect(state["NRestarts"] == "0", f"restarted {state['NRestarts']} times")
    who = pi.machine.run(f"ps -o user= -p {state['MainPID']}").strip()
    ready = re.search(r"ready, mode .*", pi.journal())
    _expect(ready is not None, "the journal does not say ready")
    return f"as {who}: {ready[0] if ready else ''}"


def unit_is_tight(pi: Pi) -> str:
    """systemd-analyze security says 2.0 or less."""
    said = pi.machine.run(
        "systemd-analyze security --no-pager gated | tail -n 1;"
        "systemd-analyze verify --man=no gated.service"
    )
    score = re.search(r"gated.service: ([0-9.]+)", said)
    _expect(score is not None and float(score[1]) <= _WORST_EXPOSURE, said)
    denies = pi.unit("MemoryDenyWriteExecute")["MemoryDenyWriteExecute"]
    return f"{score[1] if score else ''}; MemoryDenyWriteExecute={denies}"


def pins_work(pi: Pi) -> str:
    """Lamp lines of a real gpiochip change; the mode button is pressed from the other side."""
    label = pi.machine.run("gpiodetect").strip()
    before = pi.pins(1)
    pi.press()
    after = pi.pins(1)
    held = {number: (before[number]["now"], after[number]["now"]) for number in (ENTRY, EXIT)}
    _expect(held[ENTRY][0] != held[ENTRY][1] and held[EXIT][0] != held[EXIT][1], f"{held}")
    _expect(held[ENTRY][1] != held[EXIT][1], f"{held}")
    return f"{label}; entry lamp {held[ENTRY]}, exit lamp {held[EXIT]}, before and after the press"


def camera_reads(pi: Pi) -> str:
    """picamera2's pictures of tickets are read, let in with green, and settle at the server."""
    pi.set_mode("entry")
    entered = pi.machine.until(
        f"count=$(gated scans | grep -c ' entry  admit ');"
        f" [ $count -ge {HELD_UP - 2} ] && echo $count"
    )
    watching = pi.watch_pins(8)
    pi.set_mode("exit")
    green = pi.watched(watching)[GREEN]
    _expect(green["on"] > 0, f"the green lamp stayed dark: {green}")
    pi.must_settle()
    states = Counter(scan["state"] for scan in pi.scans() if scan["verdict"] != "refuse")
    fps = json.loads(pi.machine.run("gated status --json"))["camera"]["fps"]
    return (
        f"{entered.strip()} of {HELD_UP} tickets went in; green was on {green['on']:.0%} of 8 s"
        f" while they left; {dict(states)}; {fps} pictures a second"
    )


def watchdog_bites(pi: Pi) -> str:
    """A daemon that hangs is killed by systemd and is READY again."""
    before = pi.must_be_ready()
    pi.machine.run(f"kill -STOP {before['MainPID']}")
    began = time.monotonic()
    pi.machine.until(
        f"[ $(systemctl show gated -P NRestarts) -gt {before['NRestarts']} ] &&"
        " [ $(systemctl is-active gated) = active ]",
        timeout_s=90,
    )
    back_s = time.monotonic() - began
    after = pi.must_be_ready()
    said = re.search(r"Watchdog timeout[^\n]*", pi.journal("-n 60"))
    _expect(said is not None and after["MainPID"] != before["MainPID"], pi.journal("-n 20"))
    return f"{said[0] if said else ''}; back after {back_s:.0f} s"


def updates_and_rolls_back(pi: Pi) -> str:
    """The next version goes in beside this one; `gated rollback` brings this one back."""
    done = pi.update("0.999.1")
    _expect(done.status == 0, done.output)
    pi.must_be_ready()
    after = _versions(pi)
    _expect(after["0.999.1"] == "current", f"{after}")
    said = pi.machine.run("gated rollback", timeout_s=180)
    pi.must_be_ready()
    back = _versions(pi)
    _expect(back["0.999.1"] == "previous" and back[version()] == "current", f"{back}")
    return f"{done.output.splitlines()[-1]}; {said.splitlines()[-1]}"


def failed_update_undoes_itself(pi: Pi) -> str:
    """A next version that does not become ready is taken back, database and all."""
    before, database = len(pi.scans()), _versions(pi)
    done = pi.update("0.999.2", new_schema=True, broken=True)
    _expect(done.status != 0, "the broken release was taken for a good one")
    pi.must_be_ready()
    after = _versions(pi)
    _expect(after[version()] == "current", f"{after}; before: {database}")
    _expect(len(pi.scans()) >= before, f"{before} scans before, {len(pi.scans())} after")
    return (
        f"install.sh ended with {done.status}: {done.output.splitlines()[-1]}; no scan is missing"
    )


def survives_power_cuts(pi: Pi) -> str:
    """The plug is pulled in the middle of scanning; what guests were shown is in the ledger."""
    shown: dict[str, str] = {}
    greens = []
    for number in range(CUTS):
        pi.machine.until("[ $(systemctl is-active gated) = active ]", timeout_s=120)
        log = pi.follow_journal(f"shown-{number}")
        pi.set_mode("exit" if number % 2 else "entry")
        answers = _until_the_cut(pi, log, after_s=random.Random(number).uniform(0.1, 1.5))
        shown |= answers
        greens.append(_greens(answers))
        pi.machine.switch_on()
        ledger = {scan["nonce"]: scan["verdict"] for scan in pi.scans()}
        lost = [nonce for nonce, verdict in shown.items() if ledger.get(nonce) != verdict]
        _expect(not lost, f"forgotten after cut {number + 1}: {lost}")
        sound = pi.machine.run(f"python3 -c {shlex.quote(_SOUND)}").strip()
        _expect(sound == "ok", f"the database after cut {number + 1}: {sound}")
    pi.machine.until("[ $(systemctl is-active gated) = active ]", timeout_s=120)
    pi.must_settle()
    wrong = pi.compare_books(shown)
    _expect(not wrong, "; ".join(wrong[:5]))
    return (
        f"{CUTS} cuts; {sum(greens)} greens and {len(shown) - sum(greens)} reds seen before them,"
        f" {len(shown)} of {len(shown)} in the ledger after (greens by cut:"
        f" {', '.join(map(str, greens))}); integrity ok; the server's books agree"
    )


def takes_a_read_only_system(pi: Pi) -> str:
    """The manual's read-only system: what was scanned outlives the plug, what was changed does not.

    Where the overlay is left to cover the data as well, `gated check` is red.
    """
    manual = commands("deploy/manual/system.md", "A read-only system")
    data = pi.machine.folder / "data"
    with data.open("wb") as disk:
        disk.truncate(2 << 30)
    pi.machine.run("mkdir -p /media/root-ro /media/root-rw /usr/local/sbin")
    shutil.copy(GUEST / "overlay_root.sh", pi.machine.share)
    pi.machine.run("install -m 0755 /host/overlay_root.sh /usr/local/sbin/overlay-root")
    pi.machine.switch_off()
    pi.machine.disks = [data]
    pi.machine.switch_on()
    partition, overlay = manual
    pi.machine.run("set -e\n" + partition.replace("/dev/mmcblk0p3", "/dev/ubdb"), timeout_s=300)
    wanted = re.search(r"overlayroot=[^/\s]+(?=/')", overlay)
    _expect(wanted is not None, f"the manual's command has changed: {overlay}")
    findings = {}
    for parameter in ("overlayroot=tmpfs", wanted[0] if wanted else ""):
        pi.machine.switch_off()
        pi.machine.boots_with = ["ro", "init=/usr/local/sbin/overlay-root", parameter]
        pi.machine.switch_on()
        pi.machine.until("[ $(systemctl is-active gated) = active ]", timeout_s=120)
        said = json.loads(pi.machine.answer("gated check --json 2>/dev/null", timeout_s=180).output)
        (findings[parameter],) = (one for one in said["checks"] if one["check"] == "disk writes")
    covered, bare = findings.values()
    _expect((covered["outcome"], bare["outcome"]) == ("red", "good"), f"{findings}")
    place = pi.machine.run("findmnt -no SOURCE,FSTYPE /; findmnt -no SOURCE,FSTYPE /var/lib/gated")
    pi.machine.run("touch /etc/changed")
    log = pi.follow_journal("shown-read-only")
    pi.set_mode("exit" if pi.mode() == "entry" else "entry")
    shown = _until_the_cut(pi, log, after_s=1)
    pi.machine.switch_on()
    ledger = {scan["nonce"]: scan["verdict"] for scan in pi.scans()}
    lost = [nonce for nonce, verdict in shown.items() if ledger.get(nonce) != verdict]
    _expect(not lost, f"forgotten: {lost}")
    pi.machine.run("[ ! -e /etc/changed ]")
    pi.machine.switch_off()
    pi.machine.boots_with = ["rw"]
    pi.machine.switch_on()
    pi.machine.run(
        "systemctl stop gated gated-failed; cp -a /var/lib/gated /srv/kept; umount /var/lib/gated;"
        "sed -i /gated-data/d /etc/fstab; systemctl daemon-reload;"
        "cp -a /srv/kept/. /var/lib/gated/; systemctl start gated"
    )
    return (
        f"{' '.join(place.split())}; {len(shown)} of {len(shown)} answers in the ledger after the"
        f" plug was pulled; with overlayroot=tmpfs alone gated check says: {covered['words']}"
    )


def uninstalls(pi: Pi) -> str:
    """--uninstall leaves config and scans, --purge nothing."""
    script = f"./gated-{version()}/deploy/install.sh --uninstall"
    unit = "/etc/systemd/system/gated.service"
    pi.machine.run(script)
    left = pi.machine.run(
        f"ls /etc/gated/gated.toml /var/lib/gated/gated.db; ! ls -d /opt/gated {unit}"
    )
    pi.machine.run(f"{script} --purge")
    gone = f"/opt/gated /etc/gated /var/lib/gated /usr/local/bin/gated {unit}"
    pi.machine.run(f"for one in {gone}; do [ ! -e $one ] || exit 1; done; ! getent passwd gated")
    return f"left by --uninstall: {' '.join(left.split()[:2])}; by --purge: nothing"


def package_updates_and_undoes_itself(pi: Pi) -> str:
    """As a package: a version that does not become ready is taken back, by dpkg's rules."""
    folder = pi.machine.folder / "packages"
    pi.machine.answer(f"./gated-{version()}/deploy/install.sh --uninstall --purge")
    first = package(folder)
    done = pi.dpkg(first)
    _expect(done.status == 0, done.output)
    pi.set_up()
    pi.machine.answer("systemctl start gated", timeout_s=120)
    pi.must_be_ready()

    state = "dpkg-query -W -f '${db:Status-Status}' gated"
    broken = next_package(folder, "0.999.3", new_schema=True, broken=True)
    done = pi.dpkg(broken)
    _expect(done.status != 0, "dpkg took a broken version for a good one")
    failed = pi.machine.run(state)
    _expect(failed == "half-configured", failed)
    pi.must_be_ready()
    _expect(_versions(pi)[version()] == "current", f"{_versions(pi)}")
    # As the next run of apt would: it fails once more, and the gate is at work once more.
    again = pi.machine.answer("dpkg --configure -a", timeout_s=300)
    _expect(again.status != 0, again.output)
    pi.must_be_ready()

    done = pi.dpkg(first)
    _expect(done.status == 0, done.output)
    mended = pi.machine.run(state)
    _expect(mended == "installed", mended)
    pi.must_be_ready()
    versions = _versions(pi)
    pi.machine.run("dpkg --purge gated", timeout_s=120)
    gone = "/opt/gated /etc/gated /var/lib/gated /usr/bin/gated /usr/share/gated"
    pi.machine.run(f"for one in {gone}; do [ ! -e $one ] || exit 1; done; ! getent passwd gated")
    return f"broken: {failed}, gate ready; the old package again: {mended}, {versions}; purged"


def walks_by_the_manual(pi: Pi) -> str:
    """deploy/README.md leads from a fresh Pi to a settled scan; then no network, then no camera."""
    pi.machine.switch_off()
    return walk(Machine(pi.machine.folder / "walk"))


# Not more: the virtual camera reads them all at the start, and stops every thread meanwhile.
HELD_UP = 16
CUTS = int(os.environ.get("CUTS", "20"))

STEPS: dict[str, Step] = {
    "boot": boots,
    "install": installs_offline,
    "ready": becomes_ready,
    "security": unit_is_tight,
    "pins": pins_work,
    "camera": camera_reads,
    "watchdog": watchdog_bites,
    "update": updates_and_rolls_back,
    "failed-update": failed_update_undoes_itself,
    "powercut": survives_power_cuts,
    "read-only": takes_a_read_only_system,
    "uninstall": uninstalls,
    "package": package_updates_and_undoes_itself,
    "walk": walks_by_the_manual,
}

_SOUND = """\
import sqlite3
print(sqlite3.connect("/var/lib/gated/gated.db").execute("PRAGMA integrity_check").fetchone()[0])
"""


def _until_the_cut(pi: Pi, log: Path, *, after_s: float) -> dict[str, str]:
    """Wait for the first green, then a little; pull the plug; nonce and verdict shown by then."""
    until = time.monotonic() + 60
    while not _greens(pi.shown(log)):
        _expect(time.monotonic() < until, "no green in a minute")
        time.sleep(0.05)
    time.sleep(after_s)
    pi.machine.cut_power()
    return pi.shown(log)


def _greens(answers: dict[str, str]) -> int:
    return sum(verdict != "refuse" for verdict in answers.values())


def _versions(pi: Pi) -> dict[str, str]:
    said = json.loads(pi.machine.run("gated version --all --json"))
    return {
        one["version"]: "current" if one["current"] else "previous" if one["previous"] else ""
        for one in said["releases"]
    }


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise WentWrongError(otherwise)
