"""What the lamps say, and trying them out: panel list, panel test, panel status."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from gated import config
from gated.cli.base import cli, config_option, config_path_option, run_async
from gated.errors import GatedError
from gated.signals import Signal, StatusPattern, book

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from gated.panel import Panel
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


@panel.command()
@config_path_option
@click.argument("pattern")
@click.option("--seconds", type=click.FloatRange(min=0), default=10.0, show_default=True)
def status(path: Path, pattern: str, seconds: float) -> None:
    """Let the status lamp say PATTERN for a while, where no gate is running.

    Touches no other pin, and works with a config whose other sections are wrong: so the lamp can
    say "error" for a gate that does not start.
    """
    from gated.web.control import is_running  # noqa: PLC0415

    settings = config.load(path, only=("panel", "status", "store", "control"))
    known = book(settings).status
    if pattern not in known:
        raise GatedError(f"no pattern is called {pattern}: {', '.join(known)}")
    if settings.panel.status is None:
        raise GatedError("this gate has no status lamp: [panel] status is false")
    if is_running(settings.control_socket):
        raise GatedError("the gate is running, and the lamp is its own: sudo systemctl stop gated")
    run_async(_status_alone(settings.panel.status_alone(), known[pattern], seconds))


@cli.command()
@config_option
@click.argument("state", type=click.Choice(["on", "off"]))
def emergency(settings: config.Config, state: str) -> None:
    """Open the running gate for everybody (on), or end that (off).

    Nobody is refused meanwhile; who is known is recorded as always.
    """
    from gated.web.control import call  # noqa: PLC0415

    async def switch() -> None:
        async for now in call(settings.control_socket, "emergency", {"on": state == "on"}):
            click.echo(now["words"] or "the way is closed again")

    run_async(switch())


async def _through_the_gate(settings: config.Config, due: list[Signal]) -> None:
    from gated.web.control import call  # noqa: PLC0415

    for signal in due:
        async for _ in call(settings.control_socket, "panel_test", {"signal": signal.name}):
            click.echo(f"{signal.name}: {signal.meaning}")
        await asyncio.sleep(signal.seconds + _GAP_S)


async def _alone(settings: config.Config, due: list[Signal]) -> None:
    from gated.clock import Clock  # noqa: PLC0415
    from gated.front import volume  # noqa: PLC0415

    async with _pins(settings.panel, volume(settings, Clock.system())) as lamps:
        for signal in due:
            click.echo(f"{signal.name}: {signal.meaning}")
            lamps.show(signal)
            await asyncio.sleep(signal.seconds + _GAP_S)


async def _status_alone(wired: config.Panel, pattern: StatusPattern, seconds: float) -> None:
    async with _pins(wired) as lamps:
        click.echo(f"{pattern.name}: {pattern.meaning}")
        lamps.set_status(pattern)
        await asyncio.sleep(seconds)


@asynccontextmanager
async def _pins(wired: config.Panel, volume: Callable[[], int] = lambda: 0) -> AsyncIterator[Panel]:
    """The panel without a gate; raises what failed in between at the end."""
    from gated.panel import open_panel  # noqa: PLC0415

    failures: list[Exception] = []
    lamps = open_panel(
        wired,
        volume=volume,
        on_input=lambda _: None,
        on_change=lambda: None,
        on_failure=failures.append,
    )
    async with lamps as opened:
        yield opened
    if failures:
        raise failures[0]


def _line(row: Row, what: str) -> str:
    return f"{row.name + ':':<14} {what}\n{'':<14} {row.meaning}"
