"""The organiser's evening: checkout-all, and repair for whoever the server has inside still."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from gated.cli.base import cli, config_option, print_lines, run_async, until_the_pipe_closes
from gated.errors import GatedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gated import config
    from gated.store.closings import Person


@cli.command("checkout-all")
@config_option
@click.option("--list", "lists", type=int, multiple=True, help="Only this check-in list.")
@click.option("--bulk", is_flag=True, help="Have the server do it in one request (the fork).")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts.")
@click.option("--resume", is_flag=True, help="Go on with whoever the last one left inside.")
@click.option("--stop", is_flag=True, help="Let whoever is not checked out yet be.")
@click.option(
    "--report",
    type=click.Choice(["table", "csv", "jsonl"]),
    help="Tell what became of each person the last time, and do nothing.",
)
def checkout_all(
    settings: config.Config,
    *,
    lists: tuple[int, ...],
    bulk: bool,
    yes: bool,
    resume: bool,
    stop: bool,
    report: str | None,
) -> None:
    """Check out everybody who is inside, through the running gate.

    It shows first how many are inside, then asks. Each gets one exit as of the moment you say yes,
    in the background: Ctrl-C ends the watching only. Nobody who comes in later is checked out.
    """
    if report:
        _report(settings, report)
        return
    if stop:
        run_async(_one(settings, "checkout_all_stop", {}))
        click.echo("stopped")
        return
    if not resume:
        preview = run_async(_one(settings, "checkout_all_preview", {"lists": list(lists)}))
        _show(preview["lists"])
    if not yes:
        click.confirm("Check them all out?", abort=True, err=True)
    arguments = {"lists": list(lists), "bulk": bulk, "resume": resume}
    last = run_async(_watch(settings, arguments))
    click.echo(f"{last['state']}: {last['words']}")
    if last["state"] != "done":
        sys.exit(1)


@cli.command()
@config_option
@click.argument("positions", type=int, nargs=-1, required=True, metavar="POSITION...")
def repair(settings: config.Config, positions: tuple[int, ...]) -> None:
    """Check out at the server whoever left here but is inside there.

    "gated stats" names each such difference with its position and the likely reason. One exit is
    told, dated a microsecond after the entry. Leave alone who may really have come back in.
    """
    for position in positions:
        run_async(_one(settings, "repair", {"position_id": position}))
        click.echo(f"position {position}: one exit is told to the server")


async def _one(settings: config.Config, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from gated.web.control import call  # noqa: PLC0415

    silence_s = 30 + settings.server.timeout_s
    async for answer in call(settings.control_socket, command, arguments, silence_s=silence_s):
        return answer
    raise GatedError("the daemon gave no answer")


async def _watch(settings: config.Config, arguments: dict[str, Any]) -> dict[str, Any]:
    from gated.web.control import call  # noqa: PLC0415

    last: dict[str, Any] = {"state": "unknown", "words": ""}
    bar = Progress(
        TextColumn("checked out"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True)
    )
    with bar:
        task = bar.add_task("", total=None)
        async for last in call(settings.control_socket, "checkout_all", arguments, silence_s=60):
            bar.update(task, completed=last["done"], total=last["total"])
    return last


def _show(lists: list[dict[str, Any]]) -> None:
    for one in lists:
        servers = "the server does not say" if one["servers"] is None else one["servers"]
        click.echo(f"{one['name']}: {one['ours']} inside by this gate, by the server: {servers}")


def _report(settings: config.Config, style: str) -> None:
    from gated.store import closings, open_read_only  # noqa: PLC0415

    with open_read_only(Path(settings.store.path)) as db, until_the_pipe_closes():
        closing = closings.latest(db)
        if closing is None:
            raise GatedError("nobody was ever checked out at closing time here")
        print_lines(_lines(closings.people(db, closing), style))
        if style == "table":
            click.echo(f"{closing.at:%Y-%m-%d %H:%M:%S} UTC {closing.state}: {closing.words}")


def _lines(people: Iterable[Person], style: str) -> Iterator[str]:
    from gated.store.closings import Person  # noqa: PLC0415

    names = [field.name for field in fields(Person)]
    if style == "csv":
        yield ",".join(names)
    for one in people:
        if style == "jsonl":
            yield json.dumps(asdict(one), ensure_ascii=False)
        elif style == "csv":
            text = io.StringIO()
            csv.DictWriter(text, names, lineterminator="").writerow(asdict(one))
            yield text.getvalue()
        else:
            place = f"list {one.list_id}  {one.order_code or one.position_id:<8}"
            yield f"{place}  {one.outcome:<10}  {one.words}".rstrip()
