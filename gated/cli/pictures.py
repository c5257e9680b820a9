"""Reading codes in pictures: read."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import click

from gated import logs
from gated.cli.base import cli
from gated.errors import GatedError


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
    """Read the QR codes in pictures, as the gate would, and say which pass read them.

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
            click.echo(f"{file}: {shown}" + (f"  ({by})" if by else ""))
    if failed:
        sys.exit(1)
