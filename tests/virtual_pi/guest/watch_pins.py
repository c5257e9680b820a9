"""Look at lines of the header from the board's side: watch_pins.py SECONDS LINE...; prints JSON."""

import json
import sys
import time
from itertools import pairwise
from pathlib import Path

seconds, lines = float(sys.argv[1]), sys.argv[2:]


def level(line: str) -> bool:
    return Path(f"/run/pins/sim_gpio{line}/value").read_text().strip() == "1"


seen = {line: [level(line)] for line in lines}
until = time.monotonic() + seconds
while time.monotonic() < until:
    for line in lines:
        seen[line].append(level(line))
    time.sleep(0.005)
sys.stdout.write(
    json.dumps(
        {
            line: {
                "now": levels[-1],
                "on": round(sum(levels) / len(levels), 3),
                "rises": sum(after and not before for before, after in pairwise(levels)),
            }
            for line, levels in seen.items()
        }
    )
)
