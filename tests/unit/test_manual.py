"""The documents for venue IT, held against the config, the signals and the commands."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import click
import pytest
from gpiozero import PiBoardInfo

from gated import signal_table
from gated.cli import cli
from gated.config import Panel

DEPLOY = Path(__file__).parents[2] / "deploy"
PAGES = [DEPLOY / "README.md", *sorted((DEPLOY / "manual").glob("*.md"))]
WIRING = DEPLOY / "wiring.svg"
A_PI_4 = 0xC03111
SUGGESTED = {"passage.relay", "passage.sensor", "emergency.input"}
"""Drawn, but with no pin of their own in the config."""

COMMAND = re.compile(r"\bgated ([a-z][^`|#\n]*)")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def drawn() -> dict[str, tuple[int, int]]:
    """Each part of the drawing with its GPIO and its pin of the header."""
    parts = ET.parse(WIRING).getroot().iter()
    return {
        part.attrib["data-part"]: (int(part.attrib["data-gpio"]), int(part.attrib["data-pin"]))
        for part in parts
        if "data-part" in part.attrib
    }


def commands_of(page: Path) -> list[str]:
    """What follows "gated" in code on this page, in blocks and between backticks."""
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"```\n(.*?)```", text, flags=re.DOTALL) + re.findall(r"`([^`\n]+)`", text)
    return [
        said.strip()
        for piece in code
        for line in piece.splitlines()
        if re.match(r"\s*(sudo )?gated ", line)
        for said in COMMAND.findall(line)
    ]


def test_the_drawing_has_every_pin_as_the_config_has_it() -> None:
    pins = {name: gpio for name, (gpio, _) in drawn().items() if name not in SUGGESTED}

    assert pins == Panel().pins()


def test_what_has_no_pin_by_default_is_drawn_on_free_ones() -> None:
    gpios = [gpio for gpio, _ in drawn().values()]

    assert set(drawn()) >= SUGGESTED
    assert len(set(gpios)) == len(gpios)


def test_the_numbers_of_the_header_are_those_of_a_pi() -> None:
    header = PiBoardInfo.from_revision(A_PI_4).headers["J8"]

    for name, (gpio, pin) in drawn().items():
        assert header.pins[pin].name == f"GPIO{gpio}", name


def test_what_stands_at_the_wires_is_what_they_are() -> None:
    for part in ET.parse(WIRING).getroot().iter():
        if "data-part" in part.attrib:
            words = [text.text for text in part if text.text]
            assert f"GPIO{part.attrib['data-gpio']}" in words, part.attrib["data-part"]


def test_the_table_of_the_wiring_is_that_of_the_drawing() -> None:
    page = (DEPLOY / "manual" / "box.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `(\w+)` \| (\d+) \| (\d+) \|", page)

    assert {name: (int(gpio), int(pin)) for name, gpio, pin in rows} == {
        name: pins for name, pins in drawn().items() if name not in SUGGESTED
    }


def test_the_manual_explains_the_lamps_as_the_code_has_them() -> None:
    page = (DEPLOY / "manual" / "day.md").read_text(encoding="utf-8")

    assert signal_table.markdown_table() in page
    assert signal_table.markdown_status() in page
    # What to do about each pattern that is not as it should be.
    remedies = page[page.index("## What to do when") :]
    for row in signal_table.status_table():
        if row.name != "ready":
            assert f"| status: {row.lights}" in remedies, row.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_it_can_be_given(page: Path) -> None:
    said = commands_of(page)

    assert said
    for line in said:
        command: click.Command = cli
        words = line.rstrip("'").split()
        while words and isinstance(command, click.Group) and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        assert command is not cli, f"there is no gated {line}"
        known = {option for each in command.params for option in each.opts}
        assert {word for word in words if word.startswith("-")} <= known, f"gated {line}"
