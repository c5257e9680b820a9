"""Releases to install: the tree as it is, built by deploy/release.sh, and made-up next ones."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from .image import ROOT, debs
from .kept import run

_STARTS = "    notify = systemd_notifier()"
_NEVER = '    raise RuntimeError("this release is broken on purpose")'


def version() -> str:
    """The tree's own."""
    found = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    return found[1]


def release(folder: Path) -> Path:
    """The tarball of the tree, with the packages that were fetched for it."""
    tree = _copy_tree(folder / "tree")
    shutil.copytree(debs(), tree / "debs", copy_function=_link)
    run(
        *(tree / "deploy" / "release.sh", sys.executable),
        env={"ARCHES": "x86_64", "PYTHONS": "3.13:trixie"},
    )
    (built,) = (tree / "dist").glob("*.tar.gz")
    return built.rename(folder / built.name)


def next_release(built: Path, number: str, *, new_schema: bool, broken: bool) -> Path:
    """A later version of a release, unpacked: as if the tree had been changed meanwhile."""
    folder = built.parent / f"gated-{number}"
    run("tar", "-xzf", built, "-C", built.parent)
    built.with_name(built.name.removesuffix(".tar.gz")).rename(folder)
    shutil.rmtree(folder / "debs")
    tree = _next_tree(built.parent, number, new_schema=new_schema, broken=broken)
    for old in (folder / "wheels").glob("gated-*.whl"):
        old.unlink()
    wheel = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps")
    run(*wheel, "--wheel-dir", folder / "wheels", tree)
    return folder


def package(folder: Path) -> Path:
    """The tree as a package for apt."""
    return _package(_copy_tree(folder / "tree-packaged"), folder)


def next_package(folder: Path, number: str, *, new_schema: bool, broken: bool) -> Path:
    """A later version of the package."""
    return _package(_next_tree(folder, number, new_schema=new_schema, broken=broken), folder)


def _package(tree: Path, folder: Path) -> Path:
    run(
        *(tree / "deploy" / "deb.sh", sys.executable, "amd64"),
        env={"PYTHONS": "3.13:trixie", "DEBEMAIL": "gated@localhost"},
    )
    (built,) = (tree / "dist").glob("*.deb")
    return built.rename(folder / built.name)


def _next_tree(folder: Path, number: str, *, new_schema: bool, broken: bool) -> Path:
    tree = _copy_tree(folder / f"tree-{number}")
    _change(tree / "pyproject.toml", f'version = "{version()}"', f'version = "{number}"')
    _change(tree / "gated" / "__init__.py", f'"{version()}"', f'"{number}"')
    if new_schema:
        steps = tree / "gated" / "store" / "schema"
        latest = max(int(step.stem) for step in steps.glob("*.sql"))
        (steps / f"{latest + 1:03}.sql").write_text(
            "CREATE TABLE of_a_later_version (x INTEGER);\n"
        )
    if broken:
        _change(tree / "gated" / "daemon.py", _STARTS, f"{_NEVER}\n{_STARTS}")
    return tree


def _copy_tree(to: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)
    return to


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} has changed: {old!r} is not in it once"
    path.write_text(text.replace(old, new))


def _link(source: str, target: str) -> None:
    try:
        Path(target).hardlink_to(source)
    except OSError:  # another disk
        shutil.copy2(source, target)
