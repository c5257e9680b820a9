"""Making this gate a server's device, and no longer: enrol, unenrol, roll-token."""

from __future__ import annotations

import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gated import logs
from gated.cli.base import cli, config_alone_option, run_async
from gated.errors import EnrolmentRefused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gated import config
    from gated.enrolment import Enrolment
    from gated.server.handshake import Handshake


@cli.command()
@config_alone_option
@click.option("--url", metavar="URL", help="The server's address; with --token.")
@click.option("--token", metavar="CODE", help='The initialization token; "-" reads it from stdin.')
@click.option(
    "--qr",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A picture of the QR code that the server shows for the device.",
)
@click.option("--event", metavar="SLUG", help="The event, where there are several.")
@click.option(
    "--list",
    "lists",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="NUMBER",
    help="A check-in list to work for; repeatable.",
)
@click.option("--other-server", is_flag=True, help="Yes, another server than the config's.")
@click.option("--replace", is_flag=True, help="Yes, leave the server this gate is enrolled at.")
def enrol(
    settings: config.Config,
    *,
    url: str | None,
    token: str | None,
    qr: Path | None,
    event: str | None,
    lists: tuple[int, ...],
    other_server: bool,
    replace: bool,
) -> None:
    """Make this gate a device of the ticket server's.

    By the device's QR code or address and token; or, once that is done, --event and --list say
    what the gate is for, where the server leaves a choice. --list may be given several times.
    """
    code = _code(url, token, qr)
    if code is None and not lists:
        raise click.UsageError("give --qr, or --url and --token; or --list to choose anew")
    logs.set_up("error")
    arguments: dict[str, Any] = {"event": event or "", "lists": list(lists)}
    if code:
        arguments |= {
            "url": code.url,
            "token": code.token,
            "other_server": other_server,
            "replace": replace,
        }
    click.echo(_result_text(run_async(_ask(settings, "enrol", arguments))))


@cli.command()
@config_alone_option
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Take the scans away that the server was not told of.",
)
@click.option("--offline", is_flag=True, help="Without the server: revoke the device there, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def unenrol(settings: config.Config, *, export: Path | None, offline: bool, yes: bool) -> None:
    """Take leave of the ticket server: revoke this device, forget its token and the list.

    Scans that the server was not told of stay, for this event only; with --export they are
    written to FILE, as JSON lines, and are owed to nobody any more.
    """
    from gated.store import home, ledger, open_read_only  # noqa: PLC0415

    logs.set_up("error")
    database = Path(settings.store.path)
    with open_read_only(database) as db:
        owed = home.unsettled(db)
    what = "forget this device's token" if offline else "revoke this device at the server"
    kept = f"write them to {export} and owe them to nobody" if export else "keep them here, sealed"
    click.echo(
        f"This will {what}, and wipe the list. Scans not told to the server: {owed}; {kept}."
    )
    if not yes:
        click.confirm("Go on?", abort=True)
    run_async(_ask(settings, "unenrol", {"offline": offline, "or_not": bool(export)}))
    click.echo("this gate is enrolled nowhere any more")
    if offline:
        click.echo("now revoke the device at the server: its token is good until then")
    if export:
        with open_read_only(database) as db:
            scans = [scan for scan in ledger.every(db) if not scan.state.settled]
        _export(export, scans)
        nonces = [scan.nonce for scan in scans]
        why = f"exported to {export.name}"
        run_async(_ask(settings, "let_go", {"nonces": nonces, "why": why}))
        click.echo(f"{len(nonces)} scans are in {export}")


@cli.command("roll-token")
@config_alone_option
def roll_token(settings: config.Config) -> None:
    """Have the server give this gate another token; the present one is void at once."""
    logs.set_up("error")
    run_async(_ask(settings, "roll", {}))
    click.echo("this gate has another token now")


def _code(url: str | None, token: str | None, qr: Path | None) -> Handshake | None:
    from gated.server.handshake import handshake_of, read_handshake  # noqa: PLC0415

    if bool(url) != bool(token) or (qr and url):
        raise click.UsageError("give --qr, or --url and --token together")
    if qr:
        return read_handshake(_read_picture(qr))
    if url and token:
        return handshake_of(url, sys.stdin.readline().strip() if token == "-" else token)  # noqa: S105  not one
    return None


def _read_picture(path: Path) -> str:
    from gated.camera.passes import read_still  # noqa: PLC0415
    from gated.camera.pictures import read_picture  # noqa: PLC0415

    codes, _ = read_still(read_picture(path))
    if len(codes) != 1:
        found = "several codes were" if codes else "no code was"
        raise EnrolmentRefused(f"{found} found in {path}: show the device's code alone, and sharp")
    return codes[0].text


async def _ask(settings: config.Config, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Have the running gate do it, else do it here."""
    from gated.web.control import call, is_running  # noqa: PLC0415
    from gated.web.enrolling import enrolment_commands  # noqa: PLC0415

    result: dict[str, Any] = {}
    if is_running(settings.control_socket):
        async for line in call(settings.control_socket, command, arguments, silence_s=60):
            result = line
        return result

    async def say(line: dict[str, Any]) -> None:
        result.update(line)

    _become_owner(Path(settings.store.path).parent)
    async with _enrolment(settings) as enrolment:
        do = enrolment_commands(enrolment)[command]
        await do(arguments, say)
    return result


@asynccontextmanager
async def _enrolment(settings: config.Config) -> AsyncIterator[Enrolment]:
    from gated.clock import Clock  # noqa: PLC0415
    from gated.enrolment import Enrolment  # noqa: PLC0415
    from gated.store import Store  # noqa: PLC0415

    async with Store(Path(settings.store.path), settings.key_file) as store:
        yield Enrolment(settings, store, Clock.system())


def _become_owner(folder: Path) -> None:
    """Root's files would be none that the gate can read: become whose folder it is."""
    if os.geteuid() != 0 or not folder.is_dir():
        return
    owner = folder.stat()
    if owner.st_uid:
        os.setgroups([owner.st_gid])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def _export(path: Path, scans: list[Any]) -> None:
    from gated.printing import scan_lines  # noqa: PLC0415

    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in scan_lines(iter(scans), "jsonl"))
        file.flush()
        os.fsync(file.fileno())


def _result_text(result: dict[str, Any]) -> str:
    where = f"enrolled at {result['url']} as {result['name']} (device {result['device_id']})"
    if result["lists"]:
        lists = ", ".join(map(str, result["lists"]))
        return f"{where}, for event {result['event']}, check-in lists {lists}"
    lines = [f"{where}; now say what it is for, with gated enrol --event SLUG --list NUMBER:"]
    for one in result["choices"]:
        option = f"--event {one['event']} --list {one['list_id']}"
        lines.append(f"  {option}   {one['event_name']}: {one['list_name']}")
    return "\n".join(lines)
