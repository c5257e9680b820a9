"""Looking at the ledger, and dealing with what lies on the shelf: scans."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gated import config
from gated.cli.base import (
    cli,
    config_path_option,
    inherited_config,
    print_lines,
    run_async,
    time_of,
    until_the_pipe_closes,
)
from gated.model import Reason
from gated.printing import scan_lines, shelf_lines

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from gated.desk import Desk


@cli.group(invoke_without_command=True)
@config_path_option
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "jsonl"]),
    default="table",
    show_default=True,
)
@click.option("--since", type=time_of, metavar="TIME", help="Only scans from this time on.")
@click.option("--until", type=time_of, metavar="TIME", help="Only scans before this time.")
@click.option("--reason", type=click.Choice([one.value for one in Reason]), help="Only these.")
@click.option("--shelved", is_flag=True, help="Only those that need a person, with their names.")
@click.pass_context
def scans(
    context: click.Context,
    path: Path,
    *,
    style: str,
    since: datetime | None,
    until: datetime | None,
    reason: str | None,
    shelved: bool,
) -> None:
    """List every scan and what became of it, oldest first.

    Times are as in 2026-11-22T18:00, this box's local time unless they end in Z or an offset.
    """
    if context.invoked_subcommand:
        return
    from gated.store import ledger, open_read_only, shelf  # noqa: PLC0415

    settings = config.load(path)
    # Here too, or the database would take a closed pipe for trouble of its own.
    with open_read_only(Path(settings.store.path)) as db, until_the_pipe_closes():
        every = ledger.every(db, since=since, until=until, reason=reason or "")
        found = shelf.shelved(db) if shelved else every
        lines = shelf_lines(found) if shelved and style == "table" else scan_lines(found, style)
        print_lines(lines)


@scans.command()
@inherited_config
@click.argument("nonce")
def retry(settings: config.Config, nonce: str) -> None:
    """Have a scan from the shelf told to the server again.

    NONCE is its name in "gated scans --shelved", or the beginning of it.
    """
    _act(settings, "retry", {"nonce": nonce}, lambda desk: desk.retry(nonce, origin="command"))
    click.echo("it is told to the server again")


@scans.command()
@inherited_config
@click.argument("nonce")
@click.option("--why", required=True, metavar="WORDS", help="What was done about it.")
def settle(settings: config.Config, nonce: str, why: str) -> None:
    """Take a scan from the shelf for dealt with: the server is told no more.

    NONCE is its name in "gated scans --shelved", or the beginning of it.
    """
    arguments = {"nonce": nonce, "why": why}
    _act(settings, "settle", arguments, lambda desk: desk.settle(nonce, why, origin="command"))
    click.echo("settled")


@scans.command()
@inherited_config
@click.argument("nonce")
def annul(settings: config.Config, nonce: str) -> None:
    """Say that whoever was let through by a scan did not pass: it never was.

    NONCE is its name in "gated scans --format csv". What was told is taken back at the server.
    """
    arguments = {"nonce": nonce}
    _act(settings, "annul", arguments, lambda desk: desk.annul(nonce, origin="command"))
    click.echo("annulled")


def _act(
    settings: config.Config,
    command: str,
    arguments: dict[str, str],
    alone: Callable[[Desk], Awaitable[object]],
) -> None:
    """Have the running gate do it; without one, take the database and do it here."""
    from gated.web.control import call, is_running  # noqa: PLC0415

    async def through_the_gate() -> None:
        async for _ in call(settings.control_socket, command, arguments):
            pass

    async def here() -> None:
        from gated.clock import Clock  # noqa: PLC0415
        from gated.desk import Desk  # noqa: PLC0415
        from gated.health import Health  # noqa: PLC0415
        from gated.panel import open_panel  # noqa: PLC0415
        from gated.store import Store  # noqa: PLC0415

        dark = open_panel(
            config.Panel(kind="none"),
            on_input=lambda _: None,
            on_change=lambda: None,
            on_failure=lambda _: None,
        )
        async with Store(Path(settings.store.path), settings.key_file) as store, dark as panel:
            desk = Desk(store, panel, Clock.system(), Health(), on_change=lambda: None)
            await alone(desk)

    run_async(through_the_gate() if is_running(settings.control_socket) else here())
