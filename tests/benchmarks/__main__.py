"""Runs the named benchmarks, or all: `python -m tests.benchmarks [NAME...]`."""

from __future__ import annotations

import logging
import os
import platform
import sqlite3
from collections.abc import Callable

import click

from . import export, harmless, lookup, reading, resident, scan, sync
from .table import Table

BENCHMARKS: dict[str, Callable[[], list[Table]]] = {
    "reading": reading.run,
    "scan": scan.run,
    "lookup": lookup.run,
    "sync": sync.run,
}
LONG: dict[str, Callable[[], list[Table]]] = {
    "harmless": harmless.run,
    "resident": resident.run,
    "export": export.run,
}
"""Take many minutes each, and run only when they are named."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice([*BENCHMARKS, *LONG]))
def main(names: tuple[str, ...]) -> None:
    """Measure and print Markdown tables. Ratios hold on any machine, times only on this one."""
    logging.getLogger("gated").setLevel(logging.ERROR)
    click.echo(machine())
    for name in names or BENCHMARKS:
        for table in (BENCHMARKS | LONG)[name]():
            click.echo(f"\n{table.markdown()}", nl=False)


def machine() -> str:
    """What the times depend on, and how busy the machine was with other things."""
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()},"
        f" SQLite {sqlite3.sqlite_version}, load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
