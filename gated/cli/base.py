"""What all commands share: the group they hang on, the config option, how errors are told."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gated import __version__, config
from gated.errors import ConfigError, GatedError
from gated.identity import laid_over

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

T = TypeVar("T")
F = TypeVar("F", bound="Callable[..., Any]")

DEFAULT_CONFIG = Path("/etc/gated/gated.toml")
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _load(_: click.Context, __: click.Parameter, path: Path) -> config.Config:
    return laid_over(config.load(path))


def _load_alone(_: click.Context, __: click.Parameter, path: Path) -> config.Config:
    return config.load(path)


def _inherit(context: click.Context, _: click.Parameter, path: Path | None) -> config.Config:
    group = context.parent.params if context.parent else {}
    return laid_over(config.load(path or group.get("path") or DEFAULT_CONFIG))


def _config_option(load: Callable[..., config.Config]) -> Callable[[F], F]:
    return click.option(
        "--config",
        "-c",
        "settings",
        type=click.Path(path_type=Path),
        callback=load,
        default=DEFAULT_CONFIG,
        show_default=True,
        envvar="GATED_CONFIG",
        help="The config file.",
    )


config_option = _config_option(_load)
"""The config that the gate works by: the file's, and what its enrolment found out."""

config_alone_option = _config_option(_load_alone)
"""The config as it stands in the file."""


# A group of commands knows where the config is; whichever command is run in the end loads it.
config_path_option = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    envvar="GATED_CONFIG",
    help="The config file.",
)

inherited_config = click.option(
    "--config",
    "-c",
    "settings",
    type=click.Path(path_type=Path),
    callback=_inherit,
    help="The config file; that of the command before it unless given.",
)


def time_of(text: str) -> datetime:
    """A time as people write it: ISO 8601, of this box's zone where it names none."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError):
        raise click.BadParameter(f"{text!r} is no time: write it as 2026-11-22T18:00") from None


@contextmanager
def until_the_pipe_closes() -> Iterator[None]:
    """Whoever pipes a command into head hears no complaint, and of no failure."""
    try:
        yield
        click.echo(nl=False)  # flushes what csv wrote, while it can still be caught
    except BrokenPipeError:
        # Not an error, but stdout must not be flushed again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def print_lines(lines: Iterable[str]) -> None:
    """Print very many lines: click.echo would flush each."""
    sys.stdout.writelines(f"{line}\n" for line in lines)


class _Commands(click.Group):
    """The commands, each of which may be piped."""

    def invoke(self, ctx: click.Context) -> Any:
        with until_the_pipe_closes():
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


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end in a loop of its own."""
    return asyncio.run(work)
