"""Versions: which are installed, and going from one to another: version, activate, rollback."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gated import __version__, config, logs
from gated.cli.base import DEFAULT_CONFIG, cli, config_option
from gated.errors import ConfigError
from gated.identity import laid_over
from gated.releases import PREFIX, Releases, systemctl


@cli.command()
@click.option("--all", "every", is_flag=True, help="Every installed release.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def version(*, every: bool, as_json: bool) -> None:
    """Say which version this is, and which others are installed."""
    found = Releases().installed() if every else []
    if as_json:
        releases = [
            {
                "version": one.version,
                "schema": one.schema,
                "current": one.is_current,
                "previous": one.is_previous,
            }
            for one in found
        ]
        click.echo(json.dumps({"version": __version__, "releases": releases}))
        return
    if not every:
        click.echo(__version__)
        return
    for one in found:
        mark = "current" if one.is_current else "previous" if one.is_previous else ""
        click.echo(f"{one.version:<12} database schema {one.schema:<3} {mark}".rstrip())
    if not found:
        click.echo(f"{__version__}, not installed under {PREFIX}")


@cli.command()
@click.argument("release")
@click.option("--start/--no-start", default=True, help="Leave the service alone.")
@click.option("--config", "-c", "path", type=click.Path(path_type=Path), default=DEFAULT_CONFIG)
def activate(release: str, *, start: bool, path: Path) -> None:
    """Switch to an installed release; what deploy/install.sh ends with."""
    logs.set_up("info")
    releases = Releases(service=systemctl if start else None)
    is_update = any(one.is_current for one in releases.installed())
    settings = None
    try:
        settings = laid_over(config.load(path))
    except ConfigError:
        if is_update:
            raise  # what the release at work accepts, the next one must accept as well
    token = settings.server.token_file if settings else ""
    ready = bool(token and Path(token).exists())
    # A new gate is started by whoever sees whether it has its camera and lamps already.
    releases.activate(release, settings if ready or is_update else None)
    click.echo(f"gated {release} is installed" + ("" if ready else "; it is not enrolled yet"))


@cli.command()
@config_option
@click.option("--lose-scans", is_flag=True, help="Go back to the database from before the update.")
def rollback(settings: config.Config, *, lose_scans: bool) -> None:
    """Go back to the release that was at work before this one."""
    logs.set_up("info")
    older = Releases().roll_back(settings, lose_scans=lose_scans)
    click.echo(f"gated {older} is at work again")
