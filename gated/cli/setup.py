"""Getting a gate ready: check-config."""

from __future__ import annotations

from pathlib import Path

import click

from gated import config
from gated.cli.base import cli
from gated.identity import IdentityFolder, enrols


@cli.command("check-config")
@click.argument("file", type=click.Path(path_type=Path))
def check_config(file: Path) -> None:
    """Check a config file and tell all its problems at once."""
    settings = config.load(file)
    if enrols(settings):
        identity = IdentityFolder(settings.identity_folder).load()
        known = identity and identity.chosen and not identity.spent
        click.echo(f"{file} is fine" + ("" if known else "; the gate is still to be enrolled"))
        return
    token = Path(settings.server.token_file)
    click.echo(f"{file} is fine" + ("" if token.exists() else f"; {token} is not there yet"))
