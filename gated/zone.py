"""The gate's own time zone: local time is what schedules and quiet hours are written in."""

from __future__ import annotations

import os
from pathlib import Path
from zoneinfo import ZoneInfo

_LOCALTIME = Path("/etc/localtime")


def local_zone(name: str = "") -> ZoneInfo:
    """The zone of this name; without one the box's own, and UTC where it has none."""
    for key in (name, os.environ.get("TZ", "").lstrip(":")):
        try:
            if key:
                return ZoneInfo(key)
        except (KeyError, ValueError, OSError):
            continue
    try:
        with _LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file, key="local")
    except (OSError, ValueError):
        return ZoneInfo("UTC")
