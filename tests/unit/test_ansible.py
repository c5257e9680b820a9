"""The playbook for a fleet, as far as it can be held without gates."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from gated import config

ANSIBLE = Path(__file__).parents[2] / "deploy" / "ansible"


def program(name: str) -> str:
    """The path of one of Ansible's programs; skips the test where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}: pip install ansible-core ansible-lint")
    return found


def test_ansible_understands_the_playbook() -> None:
    done = subprocess.run(
        [program("ansible-playbook"), "--syntax-check", "-i", "inventory.example.yml", "gates.yml"],
        cwd=ANSIBLE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_ansible_lint_finds_nothing_even_for_production() -> None:
    done = subprocess.run(
        [program("ansible-lint"), "--offline", "--profile", "production"],
        cwd=ANSIBLE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_example_of_an_inventory_makes_configs_that_a_gate_takes() -> None:
    command = [program("ansible-inventory"), "-i", "inventory.example.yml", "--list"]
    done = subprocess.run(command, cwd=ANSIBLE, capture_output=True, text=True, check=True)
    names = set()
    for gate in json.loads(done.stdout)["_meta"]["hostvars"].values():
        sections: dict[str, dict[str, object]] = {}
        for source in (gate["gated_config"], gate["gated_config_here"]):
            for section, keys in source.items():
                sections.setdefault(section, {}).update(keys)
        names.add(config.parse(sections).gate.name)

    assert names == {"North", "South", "Garden"}
