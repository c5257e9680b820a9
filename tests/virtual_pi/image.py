"""The card: Debian trixie, as bare as Raspberry Pi OS Lite, and what a connected Pi fetches."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from . import standins
from .kept import CACHE, NotHereError, forget_all_but_newest, kept, need, run, say

GUEST = Path(__file__).with_name("guest")
ROOT = Path(__file__).parents[2]
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "mke2fs": "e2fsprogs",
    "dpkg-deb": "dpkg",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    **standins.TOOLS,
}
_SYSTEM = (
    "systemd,systemd-sysv,dbus,udev,kmod,procps,iproute2,ca-certificates,python3,gpiod,sudo,curl,"
    "e2fsprogs"
)
# trixie's own libcamera has a virtual camera that never completes a frame.
_PIN = """\
Package: *libcamera*
Pin: release n=trixie-backports
Pin-Priority: 600
"""
_SIZE = "3G"
_PUT = {
    "board.sh": ("usr/local/sbin/virtual-board", 0o755),
    "board.service": ("etc/systemd/system/virtual-board.service", 0o644),
    "agent.py": ("usr/local/sbin/virtual-agent", 0o755),
    "agent.service": ("etc/systemd/system/virtual-agent.service", 0o644),
    "99-com.rules": ("etc/udev/rules.d/99-com.rules", 0o644),
    "camera.yaml": ("usr/share/libcamera/pipeline/virtual/virtual.yaml", 0o644),
    "sitecustomize.py": ("etc/python3.13/sitecustomize.py", 0o644),
}


def image() -> Path:
    """The disk of a fresh Pi, with /srv/debs as deploy/fetch-debs.sh filled it. NotHereError."""
    need(TOOLS)
    made_of: list[Path | str] = [
        Path(__file__),
        Path(standins.__file__),
        ROOT / "deploy" / "fetch-debs.sh",
        *(GUEST / name for name in _PUT),
    ]
    return kept("pi", made_of, _build)


def debs() -> Path:
    """What deploy/fetch-debs.sh fetched when the image was built."""
    return CACHE / f"debs-{image().name.removeprefix('pi-')}"


def _build(path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="virtual-pi-image-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        root = folder / "root"
        (folder / "pin").write_text(_PIN)
        debian = mirror()
        run(
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--include={_SYSTEM}",
            "--aptopt=APT::Install-Recommends false",
            "--aptopt=Acquire::Languages none",
            *(f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("man", "locale", "doc")),
            "--setup-hook=mkdir -p $1/etc/apt/preferences.d",
            f"--setup-hook=cp {folder / 'pin'} $1/etc/apt/preferences.d/backports",
            "trixie",
            root,
            f"deb {debian} trixie main",
            f"deb {debian} trixie-backports main",
        )
        fetched = _fetch_debs(root)
        _furnish(root)
        run("mke2fs", "-q", "-t", "ext4", "-d", root, "-L", "pi", path, _SIZE)
        target = CACHE / f"debs-{path.name.removeprefix('.pi-')}"
        forget_all_but_newest("debs")
        shutil.copytree(fetched, target)


def mirror() -> str:
    """The mirror that this machine's apt uses."""
    for line in run("apt-get", "indextargets", "--format", "$(REPO_URI)").splitlines():
        if line.rstrip("/").endswith("/debian"):
            return line.rstrip("/")
    raise NotHereError("skipped: this machine's apt has no Debian mirror")


def _fetch_debs(root: Path) -> Path:
    """Run the real script as on a connected Pi."""
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    run("chroot", root, "apt-get", "update", "-qq")
    offered = standins.offer(root)
    release = root / "tmp" / "release"
    shutil.copytree(ROOT / "deploy", release / "deploy")
    say(run("chroot", root, "/tmp/release/deploy/fetch-debs.sh").strip())
    offered.unlink()
    fetched = root.parent / "debs"
    shutil.move(release / "debs", fetched)
    for leftover in (release, root / "srv" / "offered", root / "var" / "lib" / "apt" / "lists"):
        shutil.rmtree(leftover)
    (root / "etc" / "resolv.conf").unlink()
    return fetched


def _furnish(root: Path) -> None:
    """What makes the system a Pi without a Pi; nothing of it is gated's."""

    for name, (where, mode) in _PUT.items():
        target = root / where
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(GUEST / name, target)
        target.chmod(mode)
    wants = root / "etc" / "systemd" / "system" / "multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for unit in ("virtual-board.service", "virtual-agent.service"):
        (wants / unit).symlink_to(f"../{unit}")
    for unit in (
        *("getty@tty1.service", "serial-getty@ttyS0.service", "console-getty.service"),
        *("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_reap.service"),
        *("systemd-timesyncd.service", "modprobe@drm.service"),
        # Of no use to a kernel that starts no other machine's programs.
        *(
            "systemd-binfmt.service",
            "proc-sys-fs-binfmt_misc.mount",
            "proc-sys-fs-binfmt_misc.automount",
        ),
    ):
        link = root / "etc" / "systemd" / "system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    (root / "etc" / "hostname").write_text("virtual-pi\n")
    (root / "etc" / "fstab").write_text("/dev/ubda / ext4 defaults,noatime 0 1\n")
    for group in ("gpio", "i2c", "spi"):
        run("chroot", root, "groupadd", "--system", "--force", group)
