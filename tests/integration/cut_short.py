"""A process that enrols, rolls or unenrols, and kills itself at a point of its way.

The points are the moments before each change of a file in the identity's folder, and before each
connection to the server: between two of them the disk and the server stay as they are.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

from enrolling import code, standing

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["gated.enrolment", "gated.store", "gated.panel.gpio"])
_CHANGES = {"os.rename", "os.remove", "os.mkdir"}


async def cut_short(what: str, folder: Path, url: str, token: str, *, point: int) -> str:
    """Do it until the point of this number; gives what was about to happen there, or ""."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_go, args=(theirs, what, folder, url, token, point))
    process.start()
    theirs.close()
    await asyncio.to_thread(process.join, 60)
    try:
        said = str(ours.recv())
    except EOFError:  # it ended by itself
        said = ""
    assert process.exitcode == (-signal.SIGKILL if said else 0)
    return said


def _go(told: Any, what: str, folder: Path, url: str, token: str, point: int) -> None:
    passed = 0
    identity = str(folder / "identity")

    def pass_by(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal passed
        if words := _change(event, arguments, identity):
            passed += 1
            if passed == point:
                told.send(words)
                os.kill(os.getpid(), signal.SIGKILL)

    async def go() -> None:
        async with standing(folder) as alone:
            sys.addaudithook(pass_by)
            if what == "enrol":
                await alone.enrolment.enrol(code(url, token), origin="command")
            elif what == "roll":
                await alone.enrolment.roll(origin="command")
            else:
                await alone.enrolment.unenrol(origin="command")

    asyncio.run(go())


def _change(event: str, arguments: tuple[Any, ...], identity: str) -> str:
    if event == "socket.connect":
        return "connect"
    is_ours = bool(arguments) and str(arguments[0]).startswith(identity)
    # A folder is opened to be synced, a file to be read or written.
    is_change = event in _CHANGES or (event == "open" and arguments[2] & (os.O_CREAT | os.O_WRONLY))
    is_sync = event == "open" and str(arguments[0]) == identity
    return f"{event} {Path(arguments[0]).name}" if is_ours and (is_change or is_sync) else ""
