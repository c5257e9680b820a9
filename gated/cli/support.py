"""What to send to somebody who helps: support-bundle."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gated import config
from gated.cli.base import cli, config_path_option, run_async
from gated.errors import GatedError
from gated.identity import laid_over


@cli.command("support-bundle")
@config_path_option
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
def support_bundle(path: Path, file: Path | None) -> None:
    """Pack what somebody needs who helps from afar: state, versions, the last lines of the log.

    No guests are in it: no codes, orders or names; and no token. Run it with sudo.
    """
    from gated import support  # noqa: PLC0415  each command loads what it needs

    problems = ""
    try:
        settings = laid_over(config.load(path))
    except GatedError as error:
        settings, problems = config.Config(), str(error)
    bundle = run_async(support.gather(settings, path, problems=problems))
    file = file or support.default_name(datetime.now(UTC))
    bundle.write(file)
    click.echo(file)
    for name, why in bundle.missing.items():
        click.echo(f"without {name}: {why}", err=True)
