"""Config, secrets, and the rights on them."""

from __future__ import annotations

import ssl
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from gated.identity import IdentityFolder
from gated.preflight.finding import Finding, good, red

if TYPE_CHECKING:
    from gated.preflight.here import Here

_SOON = timedelta(days=14)
_SHOW_IT = "show the gate the QR code that the server has for its device, or run gated enrol"


def config(here: Here) -> Finding:
    """Every problem of the config file."""
    if here.problems:
        return red(here.problems, f"sudo nano {here.config_path}, then gated check-config")
    with suppress(OSError):  # it was read just now; by whom, is another matter
        if not here.account.may(here.config_path.stat(), read=True):
            name = here.account.name
            remedy = f"sudo chgrp {name} {here.config_path} && sudo chmod 0640 {here.config_path}"
            return red(f"{name} may not read {here.config_path}", remedy)
    return good(f"{here.config_path} is fine")


def enrolment(here: Here) -> Finding:
    """Whether the gate is a device of a server's, and what it is for there."""
    server = here.config.server
    folder = here.config.identity_folder
    identity = IdentityFolder(folder).load()
    if identity and identity.spent and server.token_file in {"", str(folder / identity.token_file)}:
        return red(f"the token of this gate's device is {identity.spent}", _SHOW_IT)
    if not server.token_file:
        return red("not enrolled", _SHOW_IT)
    if not Path(server.token_file).exists():
        return red(f"there is no token in {server.token_file}", "put the device's token there")
    if not (server.event and server.checkin_lists):
        remedy = "choose on the gate's page, or: sudo gated enrol --event SLUG --list NUMBER"
        return red("for which event and check-in list is not chosen yet", remedy)
    return good(f"{server.organizer}/{server.event} at {server.url}")


def secrets(here: Here) -> Finding:
    """Secret files: read by the service, and by nobody else."""
    seen = []
    for path in _secret_files(here):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        if status.st_mode & 0o007:
            return red(f"everybody on this box may read {path}", f"sudo chmod o= {path}")
        if not here.account.may(status, read=True):
            remedy = f"sudo chown root:{here.account.name} {path} && sudo chmod 0640 {path}"
            return red(f"{here.account.name} may not read {path}", remedy)
        seen.append(path.name)
    return good(f"nobody else reads {', '.join(seen)}" if seen else "there are no secrets yet")


def _secret_files(here: Here) -> list[Path]:
    named = (here.config.server.token_file, here.config.web.login_file, here.config.web.key)
    folder = here.config.identity_folder
    return [*(Path(name) for name in named if name), here.config.key_file, folder]


def page_certificate(here: Here) -> Finding:
    """The page's own certificate: fits its key, and for how much longer."""
    web = here.config.web
    if not (web.enabled and web.certificate):
        return good("the page has none: one logs in on this box only")
    renew = f"put a new one into {web.certificate}, its key into {web.key}; restart gated"
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            web.certificate, web.key
        )
        found = x509.load_pem_x509_certificates(Path(web.certificate).read_bytes())[0]
    except (OSError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        return red(f"{web.certificate} and {web.key} cannot be used: {why}", renew)
    until = found.not_valid_after_utc
    left = until - here.clock.wall()
    if left < timedelta():
        return red(f"the page's certificate ended on {until:%Y-%m-%d}", renew)
    if left < _SOON:
        return red(f"the page's certificate ends in {left.days} days, on {until:%Y-%m-%d}", renew)
    return good(f"good for {left.days} more days")


def data_folder(here: Here) -> Finding:
    """The service must be able to make files beside its database."""
    folder, name = Path(here.config.store.path).parent, here.account.name
    try:
        status = folder.stat()
    except FileNotFoundError:
        remedy = f"sudo install -d -o {name} -g {name} -m 0750 {folder}"
        return red(f"there is no {folder}", remedy)
    if not here.account.may(status, read=True, write=True):
        return red(f"{name} may not write into {folder}", f"sudo chown -R {name}: {folder}")
    for file in folder.glob(f"{Path(here.config.store.path).name}*"):
        if file.is_file() and not here.account.may(file.stat(), read=True, write=True):
            return red(f"{name} may not write {file}", f"sudo chown {name}: {file}")
    return good(f"{name} may write into {folder}")
