"""The scripts and the unit for a Pi, as far as they can be held without one."""

from __future__ import annotations

import configparser
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = [
    *sorted((ROOT / "deploy").glob("*.sh")),
    *(ROOT / "deploy" / "debian" / name for name in ("postinst", "prerm", "postrm")),
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_can_be_run_and_understood_by_bash(script: Path) -> None:
    assert os.access(script, os.X_OK)
    checked = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert checked.stderr == ""


def test_the_installer_says_what_it_does() -> None:
    script = ROOT / "deploy" / "install.sh"
    said = subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout

    assert "--uninstall" in said
    assert "--purge" in said


@pytest.mark.parametrize("options", [["--nonsense"], ["--purge"]])
def test_the_installer_does_nothing_on_a_mistake(options: list[str]) -> None:
    script = ROOT / "deploy" / "install.sh"
    done = subprocess.run([script, *options], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("install: ")


def test_the_service_runs_what_the_installer_puts_in_place() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.read(ROOT / "systemd" / "gated.service", encoding="utf-8")
    script = (ROOT / "deploy" / "install.sh").read_text(encoding="utf-8")

    command, *_ = unit["Service"]["ExecStart"].split()
    assert command == "/opt/gated/current/bin/gated"
    assert "prefix=/opt/gated\n" in script
    assert unit["Service"]["User"] == "gated"
    assert "useradd --system --user-group" in script
    assert unit["Service"]["DevicePolicy"] == "closed"
