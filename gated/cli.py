"""The commands."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from gated import __version__, config, logs
from gated.clock import Clock
from gated.errors import ConfigError, GatedError, Problem
from gated.printing import scan_lines, state_text

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")

DEFAULT_CONFIG = Path("/etc/gated/gated.toml")
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _load(_: click.Context, __: click.Parameter, path: Path) -> config.Config:
    return config.load(path)


_config_option = click.option(
    "--config",
    "-c",
    "settings",
    type=click.Path(path_type=Path),
    callback=_load,
    default=DEFAULT_CONFIG,
    show_default=True,
    envvar="GATED_CONFIG",
    help="The config file.",
)


@contextmanager
def _until_the_pipe_closes() -> Iterator[None]:
    """Whoever pipes a command into head hears no complaint, and of no failure."""
    try:
        yield
        click.echo(nl=False)  # flushes what csv wrote, while it can still be caught
    except BrokenPipeError:
        # Not an error, but stdout must not be flushed again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


class _Commands(click.Group):
    """The commands, each of which may be piped."""

    def invoke(self, ctx: click.Context) -> Any:
        with _until_the_pipe_closes():
            return super().invoke(ctx)


@click.group(cls=_Commands, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="gated")
def cli() -> None:
    """A ticket gate: reads QR codes, answers with lamps, works offline, settles with the server.

    To see it work without any hardware: gated demo

    \b
    Exit status: 0 done, 1 failed, 2 wrong usage, 69 camera or pins, 74 database,
    75 try again later, 76 the server, 77 not authorized, 78 config.
    """  # noqa: D301  \b is click's mark for "do not wrap"


@cli.command()
@_config_option
def run(settings: config.Config) -> None:
    """Run the gate. This is what the systemd service starts."""
    from gated import daemon  # noqa: PLC0415  each command loads what it needs

    logs.set_up(settings.log.level)
    _run(daemon.run(settings))


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
    _run(show.run(guests=guests, seed=seed, web=web, port=port, data=data))


@cli.command()
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="PATH...",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a file.")
def read(paths: tuple[Path, ...], *, as_json: bool) -> None:
    """Read the QR codes in pictures, as the gate would.

    Exit status 1 when a picture cannot be opened.
    """
    from gated.camera.passes import read_still  # noqa: PLC0415
    from gated.camera.pictures import PICTURES, find, read_picture  # noqa: PLC0415

    failed = False
    for file in (file for path in paths for file in find(path)):
        if file.suffix.lower() not in PICTURES and file not in paths:
            continue
        try:
            pixels = read_picture(file)
        except GatedError as error:
            click.echo(f"gated: {error}", err=True)
            failed = True
            continue
        started = time.perf_counter()
        codes, by = read_still(pixels)
        ms = (time.perf_counter() - started) * 1000
        texts = [code.text for code in codes]
        if as_json:
            found = {"file": str(file), "texts": texts, "ms": round(ms, 3), "pass": by}
            click.echo(json.dumps(found))
        else:
            shown = " | ".join(logs.printable(text) for text in texts) or "-"
            click.echo(f"{file}: {shown}")
    if failed:
        sys.exit(1)


@cli.command()
@_config_option
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
        result = _run(work(settings, progress))
    click.echo(
        f"{result['tickets']} tickets, {result['changed']} changed, {result['vanished']} vanished"
    )


@cli.command()
@_config_option
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def status(settings: config.Config, *, as_json: bool) -> None:
    """Say how the gate is: mode, counts, what is owed to the server."""
    from gated.web.control import is_running  # noqa: PLC0415

    running = is_running(settings.control_socket)
    state = _run(_ask_state(settings)) if running else _read_state(settings)
    state["running"] = running
    if as_json:
        click.echo(json.dumps(state, indent=1, ensure_ascii=False))
        return
    click.echo(state_text(state))


@cli.command()
@_config_option
@click.argument("mode", type=click.Choice(["entry", "exit"]))
def mode(settings: config.Config, mode: str) -> None:
    """Switch the running gate to check-in (entry) or check-out (exit)."""
    from gated.web.control import call  # noqa: PLC0415

    async def switch() -> None:
        async for _ in call(settings.control_socket, "mode", {"mode": mode}):
            pass

    _run(switch())


@cli.command()
@_config_option
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
    with open_read_only(Path(settings.store.path)) as db, _until_the_pipe_closes():
        for line in scan_lines(ledger.every(db), style):
            click.echo(line)


@cli.command("check-config")
@click.argument("file", type=click.Path(path_type=Path))
def check_config(file: Path) -> None:
    """Check a config file and tell all its problems at once."""
    settings = config.load(file)
    if not settings.server.url:
        problem = Problem("[server] url", "is needed: the address of the ticket server")
        raise ConfigError([problem], path=str(file))
    token = Path(settings.server.token_file)
    click.echo(f"{file} is fine" + ("" if token.exists() else f"; {token} is not there yet"))


def main() -> None:
    """Run a command; what goes wrong is one sentence on stderr and an exit status."""
    try:
        cli(standalone_mode=False)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigError as error:
        for problem in error.problems:
            where = f"{error.path}: " if error.path and error.path != problem.key else ""
            click.echo(f"gated: {where}{problem}", err=True)
        sys.exit(error.exit_status)
    except GatedError as error:
        click.echo(f"gated: {error}", err=True)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


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
        found = figures(db, settings.server.checkin_lists)
    return {
        "gate": {"name": settings.gate.name, "mode": found.mode, "version": __version__},
        **describe(found, Clock.system().wall()),
    }
