"""Running a gate and talking to a running one: run, demo, status, mode, sync."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from gated import __version__, config, logs
from gated.cli.base import cli, config_alone_option, config_option, run_async
from gated.clock import Clock
from gated.errors import GatedError
from gated.printing import aim_text, state_text, stats_text

if TYPE_CHECKING:
    from collections.abc import Callable


@cli.command()
@config_alone_option
def run(settings: config.Config) -> None:
    """Run the gate. This is what the systemd service starts."""
    from gated import daemon  # noqa: PLC0415  each command loads what it needs

    logs.set_up(settings.log.level)
    run_async(daemon.run(settings))


@cli.command()
@click.option("--guests", type=click.IntRange(min=1), help="End after so many guests.")
@click.option("--seed", type=int, default=1, show_default=True, help="Repeat a run.")
@click.option("--web/--no-web", default=True, show_default=True, help="Serve the gate's page.")
@click.option("--port", type=click.IntRange(0, 65535), help="The page's port; 8080 if free.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the database here instead of in a folder that is deleted.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show the log as well.")
def demo(
    *, guests: int | None, seed: int, web: bool, port: int | None, data: Path | None, verbose: bool
) -> None:
    """See a gate at work: no camera, no pins, no account needed."""
    from gated import demo as show  # noqa: PLC0415

    logs.set_up("info" if verbose else "error")
    if data:
        data.mkdir(parents=True, exist_ok=True)
    run_async(show.run(guests=guests, seed=seed, web=web, port=port, data=data))


@cli.command()
@config_option
def sync(settings: config.Config) -> None:
    """Download the attendee list now, through the running gate or without one."""
    from gated.web.control import is_running  # noqa: PLC0415

    logs.set_up("error")
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console
    )
    with ExitStack() as stack:
        tasks: dict[str, Any] = {}

        def progress(name: str, done: int, total: int) -> None:
            if not tasks:
                stack.enter_context(bar)
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        work = _sync_through if is_running(settings.control_socket) else _sync_alone
        result = run_async(work(settings, progress))
    click.echo(
        f"{result['tickets']} tickets, {result['changed']} changed, {result['vanished']} vanished"
    )


@cli.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def status(settings: config.Config, *, as_json: bool) -> None:
    """Say how the gate is: mode, counts, what is owed to the server."""
    from gated.web.control import is_running  # noqa: PLC0415

    running = is_running(settings.control_socket)
    state = run_async(_ask_state(settings)) if running else _read_state(settings)
    state["running"] = running
    if as_json:
        click.echo(json.dumps(state, indent=1, ensure_ascii=False))
        return
    click.echo(state_text(state))


@cli.command()
@config_option
@click.option("--once", is_flag=True, help="Look once, and do not go on.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a look.")
def aim(settings: config.Config, *, once: bool, as_json: bool) -> None:
    """Say how well the running gate's camera is aimed, and what to change; until Ctrl-C.

    Hold up a ticket as guests will. Scores go from 0 to 100; from 60 on all is well. The gate's
    page shows the same with the picture.
    """
    from gated.web.control import call  # noqa: PLC0415

    async def look() -> None:
        with Live(console=Console(), auto_refresh=False) as live:
            async for state in call(settings.control_socket, "aim", {"once": once}):
                if as_json:
                    click.echo(json.dumps(state))
                elif live.console.is_terminal:
                    live.update(Text(aim_text(state)), refresh=True)
                else:
                    click.echo(aim_text(state))

    run_async(look())


@cli.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def stats(settings: config.Config, *, as_json: bool) -> None:
    """Say how many came, went and are inside: this gate, and the whole list by the server."""
    from gated.web.control import is_running  # noqa: PLC0415

    running = is_running(settings.control_socket)
    state = run_async(_ask_state(settings)) if running else _read_state(settings)
    if as_json:
        parts = {"running": running, "list_age_s": state["list"]["age_s"], **state["counts"]}
        parts |= state.get("census", {})
        click.echo(json.dumps(parts, indent=1, ensure_ascii=False))
        return
    click.echo(stats_text(state))


@cli.command()
@config_option
@click.argument("mode", type=click.Choice(["entry", "exit", "lock", "unlock"]))
def mode(settings: config.Config, mode: str) -> None:
    """Switch the running gate to check-in (entry) or check-out (exit).

    "lock" keeps the button on the box from changing it, "unlock" lets it again.
    """
    from gated.web.control import call  # noqa: PLC0415

    async def switch() -> None:
        if mode in {"lock", "unlock"}:
            order: str = "lock"
            arguments: dict[str, Any] = {"locked": mode == "lock"}
        else:
            order, arguments = "mode", {"mode": mode}
        async for _ in call(settings.control_socket, order, arguments):
            pass

    run_async(switch())


async def _sync_through(
    settings: config.Config, progress: Callable[[str, int, int], None]
) -> dict[str, Any]:
    from gated.web.control import call  # noqa: PLC0415

    result: dict[str, Any] = {}
    # Between two pages of the list the server may take its time, and more than once.
    silence_s = 60 + 10 * settings.server.timeout_s
    async for line in call(settings.control_socket, "sync", silence_s=silence_s):
        if "list" in line:
            progress(line["list"], line["done"], line["total"])
        else:
            result = line
    return result


async def _sync_alone(
    settings: config.Config, progress: Callable[[str, int, int], None]
) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415

    from gated.health import Health  # noqa: PLC0415
    from gated.server.client import Client  # noqa: PLC0415
    from gated.server.token import read_token  # noqa: PLC0415
    from gated.store import Store  # noqa: PLC0415
    from gated.store.tickets import Keeper  # noqa: PLC0415
    from gated.sync.pull import Pull  # noqa: PLC0415

    token = read_token(settings.server)
    async with (
        Store(Path(settings.store.path), settings.key_file) as store,
        Client(settings.server, token) as client,
    ):
        keeper = Keeper(store.vault, names=settings.privacy.names)
        pull = Pull(
            client, store, keeper, Clock.system(), Health(), every_s=settings.server.complete_s
        )
        result = await pull.once(lambda step: progress(step.list_name, step.done, step.total))
        return asdict(result)


async def _ask_state(settings: config.Config) -> dict[str, Any]:
    from gated.web.control import call  # noqa: PLC0415

    async for state in call(settings.control_socket, "status"):
        return state
    raise GatedError("the daemon gave no answer")


def _read_state(settings: config.Config) -> dict[str, Any]:
    from gated.store import open_read_only  # noqa: PLC0415
    from gated.store.figures import figures  # noqa: PLC0415
    from gated.web.state import describe  # noqa: PLC0415

    with open_read_only(Path(settings.store.path)) as db:
        now = Clock.system().wall()
        found = figures(db, settings.server.checkin_lists, now)
    return {
        "gate": {"name": settings.gate.name, "mode": found.mode, "version": __version__},
        **describe(found, now),
    }
