"""What the lamps say, and trying them out: panel list, panel test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from gated.cli.base import cli, config_option, run_async
from gated.errors import GatedError
from gated.signals import Signal, book

if TYPE_CHECKING:
    from gated import config
    from gated.signal_table import Row

_GAP_S = 0.6


@cli.group()
def panel() -> None:
    """What lamps and buzzer say, and whether they do."""


@panel.command("list")
@config_option
def list_(settings: config.Config) -> None:
    """List every signal and every pattern of the status lamp."""
    from gated.signal_table import status_table, table  # noqa: PLC0415

    known = book(settings)
    for row in table(known.signals.values()):
        click.echo(_line(row, f"{row.lights}; sound {row.sound}"))
    click.echo()
    for row in status_table(known.status.values()):
        click.echo(_line(row, row.lights))


@panel.command()
@config_option
@click.argument("signal", required=False)
def test(settings: config.Config, signal: str | None) -> None:
    """Play SIGNAL, or all of them one after another.

    Through the running gate, or on the pins themselves where none is running.
    """
    from gated.web.control import is_running  # noqa: PLC0415

    known = book(settings).signals
    if signal and signal not in known:
        raise GatedError(f"no signal is called {signal}: {', '.join(known)}")
    due = [known[signal]] if signal else list(known.values())
    work = _through_the_gate if is_running(settings.control_socket) else _alone
    run_async(work(settings, due))


async def _through_the_gate(settings: config.Config, due: list[Signal]) -> None:
    from gated.web.control import call  # noqa: PLC0415

    for signal in due:
        async for _ in call(settings.control_socket, "panel_test", {"signal": signal.name}):
            click.echo(f"{signal.name}: {signal.meaning}")
        await asyncio.sleep(signal.seconds + _GAP_S)


async def _alone(settings: config.Config, due: list[Signal]) -> None:
    from gated.clock import Clock  # noqa: PLC0415
    from gated.front import volume  # noqa: PLC0415
    from gated.panel import open_panel  # noqa: PLC0415

    failures: list[Exception] = []
    lamps = open_panel(
        settings.panel,
        volume=volume(settings, Clock.system()),
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=failures.append,
    )
    async with lamps as opened:
        for signal in due:
            click.echo(f"{signal.name}: {signal.meaning}")
            opened.show(signal)
            await asyncio.sleep(signal.seconds + _GAP_S)
    if failures:
        raise failures[0]


def _line(row: Row, what: str) -> str:
    return f"{row.name + ':':<14} {what}\n{'':<14} {row.meaning}"
