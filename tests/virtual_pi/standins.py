"""Stand in for two packages of the Raspberry Pi's own archive: the same files, from PyPI."""

from __future__ import annotations

import gzip
import hashlib
import shutil
from pathlib import Path

from .kept import run

TOOLS = {"swig": "swig", "gcc": "gcc", "/usr/include/stdio.h": "libc6-dev"}

_PICAMERA2 = "0.3.38"
# What it imports, from Debian and, where Debian has no package, from PyPI.
_PICAMERA2_NEEDS = (
    "python3-libcamera, libcamera-ipa, python3-prctl, python3-numpy, python3-pil, python3-piexif,"
    " python3-jsonschema, python3-tqdm, python3-libarchive-c"
)
_PICAMERA2_WHEELS = ("av==19.0.2", "simplejpeg==1.9.0", "videodev2==0.0.4")
_LGPIO = "0.2.2.0"
_PYTHON = "python3.13"
_LIBRARIES = Path("usr/lib/python3/dist-packages")


def offer(root: Path) -> Path:
    """Put a repository with both before the apt of a system; return its list, to be taken away."""
    scratch = root.parent / "standins"
    packages = [_picamera2(scratch), _lgpio(scratch, root)]
    folder = root / "srv" / "offered"
    folder.mkdir(parents=True)
    with gzip.open(folder / "Packages.gz", "wt") as index:
        for package in packages:
            shutil.copy(package, folder)
            content = package.read_bytes()
            index.write(
                f"{run('dpkg-deb', '--field', package).strip()}\nFilename: ./{package.name}\n"
                f"Size: {len(content)}\nSHA256: {hashlib.sha256(content).hexdigest()}\n\n"
            )
    sources = root / "etc" / "apt" / "sources.list.d" / "offered.list"
    sources.write_text("deb [trusted=yes] copy:/srv/offered ./\n")
    return sources


def _picamera2(scratch: Path) -> Path:
    tree = scratch / "python3-picamera2"
    platforms = [f"--platform=manylinux_{glibc}_x86_64" for glibc in ("2_17", "2_28", "2_34")]
    run(
        *("python3", "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"),
        "--ignore-requires-python",  # of this machine's own Python
        *("--only-binary", ":all:", "--python-version", "3.13", *platforms),
        *("--platform", "manylinux2014_x86_64", "--platform", "any"),
        *("--target", tree / _LIBRARIES, f"picamera2=={_PICAMERA2}", *_PICAMERA2_WHEELS),
    )
    return _pack(tree, _PICAMERA2, _PICAMERA2_NEEDS)


def _lgpio(scratch: Path, root: Path) -> Path:
    """Built here for the Python there: PyPI has no wheel."""
    sources = scratch / "lgpio"
    sources.mkdir(parents=True)
    run(
        *("python3", "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "lgpio"),
        *("--dest", sources, f"lgpio=={_LGPIO}"),
        env={"PYPI": "1"},
    )
    run("tar", "-xzf", *sources.glob("*.tar.gz"), "--strip-components=1", cwd=sources)
    run("chroot", root, "sh", "-c", f"cd /tmp && apt-get download -qq lib{_PYTHON}-dev")
    (headers,) = (root / "tmp").glob("*.deb")
    run("dpkg-deb", "-x", headers, scratch / "headers")
    headers.unlink()
    run("swig", "-python", "lgpio.i", cwd=sources)
    tree = scratch / "python3-lgpio"
    libraries = tree / _LIBRARIES
    libraries.mkdir(parents=True)
    shutil.copy(sources / "lgpio.py", libraries)
    include = scratch / "headers" / "usr" / "include"
    run(
        *(
            "gcc",
            "-shared",
            "-fPIC",
            "-O2",
            "-w",
            "-pthread",
            f"-I{sources / 'src'}",
            f"-I{include}",
        ),
        *(f"-I{include / _PYTHON}", *sorted((sources / "src").glob("lg*.c"))),
        *(sources / "src" / "rgpiod.c", sources / "lgpio_wrap.c"),
        *("-o", libraries / "_lgpio.so"),
    )
    return _pack(tree, _LGPIO, "python3")


def _pack(tree: Path, version: str, needs: str) -> Path:
    control = tree / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        f"Package: {tree.name}\nVersion: {version}\nArchitecture: amd64\n"
        f"Maintainer: gated's virtual Pi <root@localhost>\nDepends: {needs}\n"
        "Description: stands in for the package of the Raspberry Pi's archive\n"
    )
    package = tree.parent / f"{tree.name}_{version}_amd64.deb"
    run("dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", tree, package)
    return package
