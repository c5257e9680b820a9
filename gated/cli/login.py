"""Who may log in to the gate's page: page-login."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gated.cli.base import cli, config_path_option, inherited_config
from gated.web.credentials import Credentials, new_token
from gated.web.guard import Role

if TYPE_CHECKING:
    from gated import config


@cli.group("page-login")
@config_path_option
def page_login(path: Path) -> None:
    """Say who may log in to the gate's page; run it as root."""
    del path


@page_login.command("set-pin")
@inherited_config
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the PIN from standard input.")
def set_pin(settings: config.Config, *, from_stdin: bool) -> None:
    """Set the staff PIN: for the mode, the emergency opening, the aiming view."""
    if from_stdin:
        pin = sys.stdin.readline().strip()
    else:
        pin = click.prompt("New staff PIN", hide_input=True, confirmation_prompt="Once more")
    credentials = _credentials(settings)
    credentials.put(Role.STAFF, pin)
    click.echo(f"the staff PIN is set in {credentials.path}; it counts at once")


@page_login.command("new-token")
@inherited_config
def make_token(settings: config.Config) -> None:
    """Make a new admin token, for everything the page can do, and print it this once."""
    token = new_token()
    _credentials(settings).put(Role.ADMIN, token)
    click.echo(token)


@page_login.command()
@inherited_config
@click.argument("role", type=click.Choice([Role.STAFF.value, Role.ADMIN.value]))
def remove(settings: config.Config, role: str) -> None:
    """Take a login away; whoever used it is logged out."""
    _credentials(settings).remove(Role(role))
    click.echo(f"nobody logs in as {role} any more")


def _credentials(settings: config.Config) -> Credentials:
    return Credentials(Path(settings.web.login_file))
