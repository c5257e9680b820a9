"""The report of a run, as Markdown and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Line:
    """One step and what came of it."""

    step: str
    words: str
    passed: bool
    seconds: float
    found: str


def write(path: Path, lines: list[Line], about: str) -> None:
    """To `path`, and beside it as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        f"| {line.step} | {_cell(line.words)} | {'passed' if line.passed else '**failed**'}"
        f" | {line.seconds:.0f} | {_cell(line.found)} |"
        for line in lines
    ]
    table = [
        "| step | what must work | | s | what was found |",
        "| --- | --- | --- | ---: | --- |",
        *rows,
    ]
    path.write_text("\n".join(["# The virtual Pi", "", about, "", *table, ""]))
    content = {"about": about, "steps": [asdict(line) for line in lines]}
    path.with_suffix(".json").write_text(json.dumps(content, indent=2) + "\n")


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|").replace("\n", "<br>")
