"""Whether a gate is ready for its guests: check."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gated import __version__, config
from gated.cli.base import cli, config_path_option, run_async
from gated.errors import ConfigError, StoreError
from gated.identity import laid_over
from gated.logs import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gated.preflight import Here, Line

_WORDS = {
    "good": ("good", "green"),
    "red": ("RED", "red"),
    "cannot tell": ("cannot tell", "yellow"),
}


@cli.command()
@config_path_option
@click.option("--ask", is_flag=True, help="Try each lamp and the button, and ask whether it works.")
@click.option("--show", is_flag=True, help="Show a code here, to be held before the camera.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, when all is checked.")
@click.option(
    "--patience",
    "patience_s",
    type=click.FloatRange(0.1, 300),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a code or a press.",
)
def check(path: Path, *, ask: bool, show: bool, as_json: bool, patience_s: float) -> None:
    """Go through everything a gate needs, and say what is to be done where it is red.

    Works beside the running gate, which then lends its camera and its pins, and without one.
    Nothing is changed, and no scan is made. Run it with sudo: it looks at files that are secret.

    Exit status 0 when nothing is red; what cannot be told on this machine is not red.
    """
    lines = run_async(
        _go_through(
            path,
            person=_Person() if ask else None,
            show=_show if show else None,
            patience_s=patience_s,
            hear=None if as_json else _print,
        )
    )
    if as_json:
        click.echo(json.dumps(_report(lines), indent=1, ensure_ascii=False))
    else:
        counts = Counter(line.finding.outcome.value for line in lines)
        said = ", ".join(f"{counts[word]} {label}" for word, (label, _) in _WORDS.items())
        click.echo(f"{len(lines)} checks: {said}")
    if any(line.is_red for line in lines):
        sys.exit(1)


async def _go_through(
    path: Path,
    *,
    person: _Person | None,
    show: Callable[[str], None] | None,
    patience_s: float,
    hear: Callable[[Line], None] | None,
) -> list[Line]:
    from gated import preflight  # noqa: PLC0415

    problems = ""
    try:
        settings = laid_over(config.load(path))
    except StoreError as error:  # what enrolment left behind cannot be read
        settings, problems = config.Config(), str(error)
    except ConfigError as error:
        settings, problems = config.Config(), "; ".join(str(one) for one in error.problems)
    here: Here = await preflight.look_around(
        settings, path, problems=problems, person=person, show=show, patience_s=patience_s
    )
    lines = []
    async for line in preflight.go_through(here):
        lines.append(line)
        if hear:
            hear(line)
    return lines


@dataclass(frozen=True)
class _Person:
    """Whoever sits at the terminal."""

    def asks(self, question: str) -> Awaitable[bool]:
        return asyncio.to_thread(click.confirm, question, err=True)

    def told(self, words: str) -> None:
        click.echo(words, err=True)


def _print(line: Line) -> None:
    word, colour = _WORDS[line.finding.outcome]
    label = click.style(f"{word:<12}", fg=colour, bold=line.is_red)
    click.echo(f"{label} {line.check.name:<13} {printable(line.finding.words, 1000)}")
    if line.finding.remedy:
        click.echo(f"{'':<12} {'':<13} -> {printable(line.finding.remedy, 1000)}")


def _report(lines: list[Line]) -> dict[str, object]:
    return {
        "version": __version__,
        "ready": not any(line.is_red for line in lines),
        "checks": [
            {
                "check": line.check.name,
                "outcome": line.finding.outcome.value,
                "words": line.finding.words,
                "remedy": line.finding.remedy,
            }
            for line in lines
        ],
    }


def _show(text: str) -> None:
    """A QR code of half blocks, two rows of modules a line; light on dark, as terminals are."""
    import segno  # noqa: PLC0415

    rows = [list(row) for row in segno.make(text, micro=False).matrix_iter(border=3)]
    blank = [0] * len(rows[0])
    colours = ("\x1b[97;40m", "\x1b[0m") if sys.stderr.isatty() else ("", "")
    halves = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
    for number in range(0, len(rows), 2):
        below = rows[number + 1] if number + 1 < len(rows) else blank
        line = "".join(halves[bool(a), bool(b)] for a, b in zip(rows[number], below, strict=True))
        click.echo(line.join(colours), err=True)
