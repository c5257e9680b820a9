"""Looking at the ledger: scans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gated.cli.base import cli, config_option, until_the_pipe_closes
from gated.printing import scan_lines

if TYPE_CHECKING:
    from gated import config


@cli.command()
@config_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "jsonl"]),
    default="table",
    show_default=True,
)
def scans(settings: config.Config, *, style: str) -> None:
    """List every scan and what became of it, oldest first."""
    from gated.store import ledger, open_read_only  # noqa: PLC0415

    # Here too, or the database would take a closed pipe for trouble of its own.
    with open_read_only(Path(settings.store.path)) as db, until_the_pipe_closes():
        for line in scan_lines(ledger.every(db), style):
            click.echo(line)
