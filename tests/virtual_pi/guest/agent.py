#!/usr/bin/python3
"""Runs the scripts that the machine outside puts into a folder both see, several at a time.

/host/ask/NAME is run; what it prints goes to /host/answer/NAME as it comes, and its status to
/host/answer/NAME.status. The folder is the kernel's parameter virtual_pi.share.
"""

import re
import subprocess
import threading
import time
from pathlib import Path

HOST = Path("/host")


def attend(ask: Path) -> None:
    script = ask.read_text()
    ask.unlink()
    answer = HOST / "answer" / ask.name
    with answer.open("wb") as out:
        # A session of its own, as somebody at a terminal has: it may restart this agent.
        done = subprocess.run(
            ["/bin/bash", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/root",
            check=False,
        )
    draft = answer.with_suffix(".draft")
    draft.write_text(f"{done.returncode}\n")
    draft.rename(answer.with_suffix(".status"))


share = re.search(r"virtual_pi\.share=(\S+)", Path("/proc/cmdline").read_text())
assert share, "not started by make virtual-pi"
HOST.mkdir(exist_ok=True)
if not HOST.is_mount():
    # sync: what is written here is outside at once, also when the power goes a moment later.
    options = f"sync,hostfs={share[1]}"
    subprocess.run(["mount", "-t", "hostfs", "-o", options, "none", HOST], check=True)
(HOST / "up").write_text(Path("/proc/sys/kernel/random/boot_id").read_text())
while True:
    for ask in sorted((HOST / "ask").glob("*[!~]")):
        threading.Thread(target=attend, args=(ask,)).start()
    time.sleep(0.1)
