"""64-bit ARM without a Pi: the wheels that a Pi installs, and tests run in an emulated one.

python -m virtual_pi.arm64 wheels         every library resolves for a Pi's Pythons
python -m virtual_pi.arm64 tests [PATH]   pytest in an arm64 Debian; tests/unit if none is given
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .image import ROOT, mirror
from .kept import NotHereError, kept, need, run, say

_SYSTEMS = {"3.11": "bookworm", "3.13": "trixie"}
_PLATFORMS = ("2_17", "2_28")
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_QEMU = Path("/usr/bin/qemu-aarch64-static")
_TOOLS = {str(_QEMU): "qemu-user-static", "mmdebstrap": "mmdebstrap", "arch-test": "arch-test"}
# The slow half of the default processor is its pointer authentication, which a Pi 4 has not.
_CPU = "cortex-a72"
_TREE = (
    *("gated", "tests", "config", "deploy", "systemd", "pyproject.toml", "Makefile"),
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
)
# The browser's tests do not run there.
_NO_BROWSER = re.compile(r"playwright", re.IGNORECASE)


def wheels() -> int:
    """Raises NotHereError with pip's words where one is missing."""
    for python, system in _SYSTEMS.items():
        limits = ["-c", ROOT / "deploy" / "bookworm.txt"] if system == "bookworm" else []
        with tempfile.TemporaryDirectory() as folder:
            run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ROOT)
            (gated,) = Path(folder).iterdir()
            run(*_pip("download", python), *limits, "--dest", folder, gated)
            found = sorted(path.name for path in Path(folder).iterdir())
        ours = [name for name in found if "aarch64" in name]
        say(f"Python {python} ({system}): {len(found)} wheels, {len(ours)} of them for aarch64:")
        for name in ours:
            say(f"  {name}")
    return 0


def tests(paths: list[str]) -> int:
    """Run pytest in an arm64 trixie. Raises NotHereError."""
    need(_TOOLS)
    _teach_kernel()
    archive = kept("arm64", [Path(__file__), ROOT / "pyproject.toml"], _build)
    with tempfile.TemporaryDirectory(prefix="arm64-") as scratch:
        root = Path(scratch) / "root"
        root.mkdir()
        run("tar", "-xf", archive, "-C", root)
        run("cp", "-r", *(ROOT / name for name in _TREE), root / "srv")
        run("mount", "-t", "proc", "proc", root / "proc")
        began = time.monotonic()
        try:
            pytest = "python3 -m pytest -q -p no:cacheprovider --timeout=1200"
            command = f"cd /srv && exec {pytest} {' '.join(paths or ['tests/unit'])}"
            done = subprocess.run(
                ["chroot", root, "/usr/bin/env", "-i", *_environment(), "/bin/sh", "-c", command],
                check=False,
            )
        finally:
            run("umount", "-l", root / "proc")
    say(f"took {time.monotonic() - began:.0f} s as {_CPU}")
    return done.returncode


def _environment() -> list[str]:
    return [
        f"QEMU_CPU={_CPU}",
        "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH=/srv:/opt/libraries",
        "LC_ALL=C.UTF-8",
        "HOME=/root",
    ]


def _pip(command: str, python: str) -> list[str]:
    platforms = [f"--platform=manylinux_{glibc}_aarch64" for glibc in _PLATFORMS]
    return [
        *(sys.executable, "-m", "pip", command, "--quiet", "--only-binary", ":all:"),
        *("--python-version", python, *platforms),
    ]


def _teach_kernel() -> None:
    """Have this machine's kernel start programs for aarch64, as the package does under systemd."""
    if any(_BINFMT.glob("qemu-aarch64")):
        return
    if not (_BINFMT / "register").exists():
        run("mount", "-t", "binfmt_misc", "binfmt_misc", _BINFMT)
    magic = r"\x7fELF\x02\x01\x01" + r"\x00" * 9 + r"\x02\x00\xb7\x00"
    mask = r"\xff" * 7 + r"\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff"
    (_BINFMT / "register").write_text(f":qemu-aarch64:M::{magic}:{mask}:{_QEMU}:F")


def _build(path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="arm64-") as scratch:
        root = Path(scratch) / "root"
        run(
            *("mmdebstrap", "--mode=root", "--variant=minbase", "--architectures=arm64"),
            *("--include=python3,git", "--aptopt=APT::Install-Recommends false"),
            *("trixie", root, f"deb {mirror()} trixie main"),
            env={"QEMU_CPU": _CPU},
        )
        libraries = root / "opt" / "libraries"
        listed = subprocess.run(
            [sys.executable, "-c", _NEEDED], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\n")
        wanted = [one for one in listed if one and not _NO_BROWSER.search(one)]
        run(*_pip("install", "3.13"), "--target", libraries, *wanted)
        run("tar", "-cf", path, "-C", root, ".")


_NEEDED = """
import tomllib
project = tomllib.load(open("pyproject.toml", "rb"))
print(*project["project"]["dependencies"], *project["dependency-groups"]["test"], sep="\\n")
"""


if __name__ == "__main__":
    what, *rest = sys.argv[1:] or ["wheels"]
    try:
        sys.exit(tests(rest) if what == "tests" else wheels())
    except NotHereError as missing:
        say(str(missing))
        sys.exit(0 if str(missing).startswith("skipped") else 1)
