"""The kernel: user-mode Linux from Debian's own source, an ordinary program of this machine."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from .kept import NotHereError, kept, need, run

_SOURCE = "linux-source-6.12"
_CONFIG = Path(__file__).with_name("kernel.config")
# The host's floating-point state in bytes. With AMX it is larger than Linux 6.12 leaves room for,
# and init dies of "ptrace set fp regs failed". The room is on the kernel's stacks: kernel.config.
_FP_STATE = ("arch/x86/um/user-offsets.c", "HOST_FP_SIZE, 2696", "HOST_FP_SIZE, 11008")
TOOLS = {
    "make": "make",
    "gcc": "gcc",
    "/usr/include/stdio.h": "libc6-dev",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "xz": "xz-utils",
}


def kernel() -> Path:
    """Raises NotHereError."""
    need(TOOLS)
    return kept("linux", [_CONFIG, _SOURCE, *_FP_STATE], _build)


def _build(path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="virtual-pi-kernel-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        run("apt-get", "download", "-qq", _SOURCE, cwd=folder)
        (package,) = folder.glob("*.deb")
        _unpack(package, folder)
        _replace(folder / _SOURCE, *_FP_STATE)
        make = ["nice", "-n", "10", "make", "-s", "-C", folder / _SOURCE, "ARCH=um"]
        run(*make, "defconfig")
        with (folder / _SOURCE / ".config").open("a") as config:
            config.write(_CONFIG.read_text())
        run(*make, "olddefconfig")
        run(*make, "-j2", "linux")
        (folder / _SOURCE / "linux").rename(folder / "linux")
        run("strip", folder / "linux")
        run("cp", folder / "linux", path)


def _replace(source: Path, name: str, old: str, new: str) -> None:
    text = (source / name).read_text()
    if old not in text:
        raise NotHereError(f"{name} of {_SOURCE} has no {old!r} any more: see kernel.py")
    (source / name).write_text(text.replace(old, new))


def _unpack(package: Path, folder: Path) -> None:
    inside = f"./usr/src/{_SOURCE}.tar.xz"
    with (
        subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE) as outer,
        subprocess.Popen(
            ["tar", "-xO", inside], stdin=outer.stdout, stdout=subprocess.PIPE
        ) as inner,
    ):
        subprocess.run(["tar", "-xJ", "-C", folder], stdin=inner.stdout, check=True)
