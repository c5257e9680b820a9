"""The disk: how full it is, whether it takes writes, and how worn the card says it is."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gated.preflight.finding import Finding, good, red, unknown

if TYPE_CHECKING:
    from gated.preflight.here import Here

_LEAST = 200 * 1024**2
_WORN = 0x09
"""Of life_time's tenths: 0x01 is up to 10 % used, 0x0A up to 100 %. Source: JESD84-B51, EXT_CSD."""
_URGENT = 0x03
_NEW_CARD = "copy the card to a new one before the doors open"


def space(here: Here) -> Finding:
    """Room for the scans, and for the copy that an update makes of the database."""
    folder = _nearest(Path(here.config.store.path).parent)
    usage = here.usage(folder)
    needed = max(_LEAST, 3 * _size(here.database))
    words = f"{_size_words(usage.free)} of {_size_words(usage.total)} free at {folder}"
    if usage.free < needed:
        return red(
            f"{words}; {_size_words(needed)} are needed", "sudo journalctl --vacuum-size=50M"
        )
    return good(words)


def writable(here: Here) -> Finding:
    """A card that fails is often mounted read-only by the kernel, and all looks well until then."""
    mounts = [line.split() for line in _lines(here.root / "proc/self/mounts")]
    mount = _mount_of(_nearest(Path(here.config.store.path).parent), mounts)
    if mount is None:
        return unknown("what is mounted where cannot be read")
    device, place, kind, options, *_ = mount
    if "ro" in options.split(","):
        remedy = f"sudo dmesg | grep {Path(device).name} says why; {_NEW_CARD}"
        return red(f"{_unescaped(place)}, where the scans go, is mounted read-only", remedy)
    if _in_memory(mount, mounts):
        words = "the scans go to an overlay in memory: each of them is gone at the next start"
        return red(words, "overlayroot=tmpfs:recurse=0, see A read-only system in deploy/manual")
    return good(f"{_unescaped(place)} ({kind}) takes writes")


def card(here: Here) -> Finding:
    """Errors that ext4 has counted, and what an SD card or eMMC says of its age."""
    for file in sorted(here.root.glob("sys/fs/ext4/*/errors_count")):
        if (errors := _number(file, 10)) and errors > 0:
            place = file.parent.name
            words = f"ext4 on {place} has counted {errors} errors since it was last repaired"
            return red(words, f"sudo touch /forcefsck, restart; if they come back, {_NEW_CARD}")
    told = []
    for device in sorted(here.root.glob("sys/block/mmcblk*/device")):
        name = device.parent.name
        if (_number(device / "pre_eol_info", 16) or 0) >= _URGENT:
            return red(f"{name} says that its spare blocks are used up", _NEW_CARD)
        lives = [int(one, 16) for one in _text(device / "life_time").split()]
        if lives and max(lives) > 0:
            if max(lives) > _WORN:
                return red(f"{name} says that its life is used up", _NEW_CARD)
            told.append(f"{name} has used {10 * max(lives)} % of its life at most")
    if told:
        return good("; ".join(told))
    if next(iter(here.root.glob("sys/fs/ext4/*/errors_count")), None):
        return good("no file system errors; this disk does not say how worn it is")
    return unknown("this disk says nothing of its health")


def _mount_of(folder: Path, mounts: list[list[str]]) -> list[str] | None:
    under = [one for one in mounts if len(one) > 3 and folder.is_relative_to(_unescaped(one[1]))]
    # Of two on one place the later lies on top.
    return max(enumerate(under), key=lambda one: (len(one[1][1]), one[0]), default=(0, None))[1]


def _in_memory(mount: list[str], mounts: list[list[str]]) -> bool:
    """Whether it is an overlay whose upper layer, which takes the writes, is a tmpfs."""
    _, _, kind, options, *_ = mount
    upper = [one[9:] for one in options.split(",") if one.startswith("upperdir=")]
    if kind != "overlay" or not upper:
        return False
    below = _mount_of(Path(_unescaped(upper[0])), mounts)
    return below is not None and below[2] == "tmpfs"


def _nearest(folder: Path) -> Path:
    """The folder, or what is there of the way to it."""
    folder = folder.absolute()
    return next((one for one in (folder, *folder.parents) if one.is_dir()), folder)


def _size(file: Path) -> int:
    with suppress(OSError):
        return file.stat().st_size
    return 0


def _size_words(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def _unescaped(place: str) -> str:
    """Blanks are octal there. Source: fstab(5)."""
    for octal, plain in (("\\040", " "), ("\\011", "\t"), ("\\134", "\\")):
        place = place.replace(octal, plain)
    return place


def _number(file: Path, base: int) -> int | None:
    with suppress(ValueError):
        return int(_text(file), base)
    return None


def _lines(file: Path) -> list[str]:
    return _text(file).splitlines()


def _text(file: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return file.read_text(encoding="utf-8").strip()
    return ""
