"""What `gated status` says of the eyes."""

from __future__ import annotations

from typing import Any

from gated.printing import state_text

STATE: dict[str, Any] = {
    "gate": {"name": "North gate", "mode": "exit"},
    "running": True,
    "counts": {"in": 1, "out": 2, "inside": 3, "refused": {}},
    "outbox": {"waiting": 0, "settled": 3, "shelved": 0, "refused": 0},
    "list": {"tickets": 40, "age_s": 3.0},
}
CAMERA = {
    "source": "picamera2",
    "fps": 29.97,
    "openings": 120,
    "openings_read": 101,
    "unread": 4,
    "never_located": 15,
    "to_text_ms": 183,
    "restarts": 1,
}


def test_status_says_how_well_the_camera_reads() -> None:
    lines = state_text({**STATE, "camera": CAMERA, "scanners": []}).splitlines()

    assert "camera:      picamera2, 30.0 pictures a second, restarted 1 time" in lines
    assert (
        "reading:     120 came into view: 101 read, usually within 183 ms;"
        " 4 with a code that was not read, 15 without one"
    ) in lines


def test_status_names_every_scan_engine() -> None:
    scanners = [
        {"device": "/dev/ttyACM0", "reads": 12, "there": True},
        {"device": "/dev/ttyUSB0", "reads": 0, "there": False},
    ]
    text = state_text({**STATE, "camera": None, "scanners": scanners})

    assert "scanner:     /dev/ttyACM0, 12 codes read\n" in text
    assert text.endswith("scanner:     /dev/ttyUSB0, 0 codes read, not there")
    assert "camera" not in text
