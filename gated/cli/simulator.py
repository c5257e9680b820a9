"""The ticket server to try things with: simulate-server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gated.cli.base import cli, run_async
from gated.errors import GatedError
from gated.simulator.dialects import Dialect

if TYPE_CHECKING:
    from gated.simulator.faults import ActiveFault
    from gated.simulator.received import ReceivedRequest
    from gated.simulator.server import TicketServer

_CONFIG = """\
[server]
url = "{url}"
organizer = "{organizer}"
event = "{event}"
checkin_lists = [{list}]
token_file = "{token_file}"
"""


def _list_faults(context: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001
    from gated.simulator.wishes import fault_lines  # noqa: PLC0415

    if not wanted:
        return
    for typed, words in fault_lines():
        click.echo(f"{typed:<28} {words}")
    click.echo(
        "\nAdd what is needed, with commas: 5% (how likely), a number (how much), x3 (how often),\n"
        "/checkout/ (only where the path has it). For example --fault latency=0.5,10%,/orders/"
    )
    context.exit()


def _read_faults(
    _: click.Context, __: click.Parameter, texts: tuple[str, ...]
) -> list[ActiveFault]:
    from gated.simulator.wishes import read_fault  # noqa: PLC0415

    try:
        return [read_fault(text) for text in texts]
    except GatedError as error:
        raise click.UsageError(str(error)) from None


@cli.command("simulate-server")
@click.option(
    "--dialect",
    type=click.Choice([each.value for each in Dialect]),
    default=Dialect.FORK.value,
    show_default=True,
    help="Whose answers, down to their mistakes: the eventyay fork's or pretix's.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Any free one if not given.")
@click.option(
    "--tickets", type=click.IntRange(min=1), default=300, show_default=True, help="How many."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Repeat tickets and faults.")
@click.option(
    "--profile",
    default="full",
    show_default=True,
    help="What the token may do: a device's security profile such as pretixscan, or team,"
    " team-checkin, team-view.",
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    callback=_read_faults,
    metavar="NAME[=PART,...]",
    help="What shall go wrong, such as latency=0.02 or reset-after-commit=5%; repeatable.",
)
@click.option(
    "--list-faults",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_faults,
    help="What can go wrong.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Remember here what happened; a restart goes on from it.",
)
@click.option("--verbose", "-v", is_flag=True, help="Print every request.")
def simulate_server(
    *,
    dialect: str,
    port: int,
    tickets: int,
    seed: int,
    profile: str,
    faults: list[ActiveFault],
    data: Path | None,
    verbose: bool,
) -> None:
    """Simulate a ticket server with made-up tickets, faults included, until Ctrl-C."""
    from gated.simulator.process import Wish, serve  # noqa: PLC0415
    from gated.simulator.wishes import profiles  # noqa: PLC0415

    known = profiles(Dialect(dialect))
    if profile not in known:
        raise click.UsageError(f"--profile {profile}: {dialect} has only {', '.join(known)}")
    wish = Wish(
        dialect=Dialect(dialect),
        tickets=tickets,
        seed=seed,
        profile=profile,
        faults=faults,
        port=port,
        data=data,
    )
    run_async(
        serve(
            wish,
            on_ready=lambda server: _introduce(server, data),
            on_answer=_print if verbose else None,
        )
    )


def _introduce(server: TicketServer, data: Path | None) -> None:
    from gated.simulator.process import SPARE, examples  # noqa: PLC0415

    world = server.world
    rights = world.tokens[server.token]
    lists = world.lists_of(world.event)
    kind = "device" if rights.device_id else "team"
    token = server.token if rights.device_id else f"{rights.kind} {server.token}"
    token_file = (data or Path()).resolve() / "token"
    inside = len(world.inside(lists[0].id))
    for name, words in (
        ("address", server.url),
        ("server", f"{server.dialect}, version {server.dialect.traits.version}"),
        (f"{kind} token", token),
        ("to enrol", f"{SPARE} (initialization token of a device of its own)"),
        ("organizer", world.organizer),
        ("event", world.event),
        ("lists", ", ".join(f"{one.id} {one.name}" for one in lists)),
        ("tickets", f"{len(world.positions)}, {inside} inside"),
        *((words, position.secret) for words, position in examples(world)),
    ):
        click.echo(f"{name + ':':<17} {words}")
    config = _CONFIG.format(
        url=server.url,
        organizer=world.organizer,
        event=world.event,
        list=lists[0].id,
        token_file=token_file,
    )
    if data:
        token_file.touch(mode=0o600)
        token_file.write_text(token + "\n", encoding="ascii")
    else:
        config += f"# printf '%s\\n' '{token}' > {token_file}; chmod 600 {token_file}\n"
    click.echo(f"\n{config}")


def _print(request: ReceivedRequest) -> None:
    status = str(request.status or "dropped") + ("" if request.sent else ", answer lost")
    faults = f" ({', '.join(request.faults)})" if request.faults else ""
    click.echo(f"{request.method:<5}{request.path} {status}{faults}")
