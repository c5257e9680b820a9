"""Run the steps, or boot a virtual Pi to do something with: python -m virtual_pi --help."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from . import image, kernel, releases, report
from .image import ROOT
from .kept import NotHereError, need, say
from .machine import Machine, WentWrongError, ask, new_folder, running, wait_for
from .pi import Pi
from .pictures import tickets
from .steps import HELD_UP, STEPS

# What every other step stands on.
_FIRST = ("boot", "install", "ready")
_HERE = Path("/tmp/gated-virtual-pi")


def main() -> int:
    arguments = _arguments()
    try:
        # All at once: the kernel alone takes minutes to build.
        need(kernel.TOOLS | image.TOOLS)
        if arguments.command == "boot":
            return _boot(arguments.folder)
        if arguments.command == "run":
            return _run(arguments.folder, arguments.script, arguments.timeout)
        return _steps(arguments.only.split(",") if arguments.only else [], keep=arguments.keep)
    except NotHereError as missing:
        say(str(missing))
        return 0 if str(missing).startswith("skipped") else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m virtual_pi", description=__doc__)
    parser.add_argument("--only", metavar="STEP,...", help=f"of {', '.join(STEPS)}")
    parser.add_argument("--keep", action="store_true", help="keep the machine's folder")
    commands = parser.add_subparsers(dest="command")
    boot = commands.add_parser(
        "boot", help="a fresh Pi, the release in /root, until powered off or Ctrl-C"
    )
    run = commands.add_parser("run", help="run bash in the Pi that was booted")
    run.add_argument("script")
    run.add_argument("--timeout", type=float, default=600, metavar="SECONDS")
    for command in (boot, run):
        command.add_argument("--folder", type=Path, default=_HERE, help=f"where it lies ({_HERE})")
    return parser.parse_args()


def _steps(only: list[str], *, keep: bool) -> int:
    if unknown := set(only) - set(STEPS):
        sys.exit(f"no such step: {', '.join(unknown)}; there are {', '.join(STEPS)}")
    folder = new_folder()
    pi = Pi(Machine(folder))
    lines: list[report.Line] = []
    try:
        for name, step in STEPS.items():
            if only and name not in {*only, *_FIRST}:
                continue
            began = time.monotonic()
            try:
                found, passed = step(pi), True
            except WentWrongError as error:
                found, passed = str(error), False
            line = report.Line(
                name, (step.__doc__ or "").rstrip("."), passed, time.monotonic() - began, found
            )
            lines.append(line)
            say(f"{'passed' if passed else 'FAILED'} {name} ({line.seconds:.0f} s): {found}")
            if not passed and name in _FIRST:
                break
    finally:
        pi.machine.cut_power()
        if keep:
            say(f"kept in {folder}")
        else:
            shutil.rmtree(folder)
    path = ROOT / "dist" / "virtual-pi-report.md"
    report.write(path, lines, f"{len(lines)} steps on {time.strftime('%Y-%m-%d')}.")
    say(f"the report is {path.relative_to(ROOT)}")
    return 0 if all(line.passed for line in lines) else 1


def _boot(folder: Path) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    machine = Machine(folder)
    release = releases.release(folder / "releases")
    try:
        took_s = machine.switch_on()
        machine.copy_in(release, "/root")
        Pi(machine).show([None, *tickets()[:HELD_UP]])
        say(f"up after {took_s:.0f} s; {release.name} is in /root, and before the camera")
        say(f"are {HELD_UP} tickets of gated simulate-server. In another terminal:")
        say("make virtual-pi ARGS=\"run 'ls -l'\"")
        machine.wait()
    except KeyboardInterrupt:
        machine.switch_off()
    finally:
        machine.cut_power()
    return 0


def _run(folder: Path, script: str, timeout_s: float) -> int:
    share = running(folder)
    answer = wait_for(share, ask(share, script), timeout_s=timeout_s)
    sys.stdout.write(answer.output)
    return answer.status


if __name__ == "__main__":
    sys.exit(main())
