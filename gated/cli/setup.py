"""Getting a gate ready: check-config."""

from __future__ import annotations

from pathlib import Path

import click

from gated import config
from gated.cli.base import cli
from gated.errors import ConfigError, Problem


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
