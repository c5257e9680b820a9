"""The table of all checks, and the run through it. A new check is a function and a row here."""

from __future__ import annotations

import asyncio
import inspect
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gated.errors import GatedError
from gated.preflight import box, disk, eyes, files, network, pins, records
from gated.preflight.finding import Finding, Outcome, red, unknown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from gated.preflight.here import Here

logger = logging.getLogger(__name__)

_LONGEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """A line of the sheet.

    `stops_update`: a new version would not get over it, so it is not put in place.
    """

    name: str
    run: Callable[[Here], Finding | Awaitable[Finding]]
    stops_update: bool = False
    needs_config: bool = True


CHECKS = (
    Check("config", files.config, stops_update=True, needs_config=False),
    Check("enrolment", files.enrolment),
    Check("secrets", files.secrets, stops_update=True),
    Check("data folder", files.data_folder, stops_update=True),
    Check("disk space", disk.space, stops_update=True),
    Check("disk writes", disk.writable, stops_update=True),
    Check("card", disk.card, needs_config=False),
    Check("temperature", box.temperature, needs_config=False),
    Check("power", box.power, needs_config=False),
    Check("network", network.network),
    Check("name", network.name),
    Check("connection", network.connection),
    Check("certificate", network.certificate),
    Check("rights", network.rights),
    Check("page certificate", files.page_certificate),
    Check("clock", box.clock),
    Check("database", records.database, stops_update=True),
    Check("list", records.guests),
    Check("decision", records.decision, stops_update=True),
    Check("running gate", box.gate),
    Check("service", box.service, needs_config=False),
    Check("watchdog", box.watchdog, needs_config=False),
    Check("decoder", eyes.decoder, stops_update=True, needs_config=False),
    Check("camera", eyes.camera),
    Check("test code", eyes.code),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A check and what it found."""

    check: Check
    finding: Finding

    @property
    def is_red(self) -> bool:
        """Whether something is to be done."""
        return self.finding.outcome is Outcome.RED


def checks(here: Here) -> Iterator[Check]:
    """Every check that applies here: with a broken config only those that need none."""
    if here.problems:
        yield from (one for one in CHECKS if not one.needs_config)
        return
    yield from CHECKS
    if here.config.scanner:
        yield Check("scanners", eyes.scanners)
    yield Check("pins", pins.pins)
    if here.config.panel.kind != "gpio":
        return
    if here.person is None:
        yield Check("lamps", pins.untried)
        return
    for part in here.config.panel.pins():
        run = pins.contact if part in pins.INPUTS else pins.output
        yield Check(part, partial(run, part=part, person=here.person))


async def go_through(here: Here) -> AsyncIterator[Line]:
    """Run one check after the other; none can keep the next from being run."""
    for check in checks(here):
        yield Line(check, await _run(check, here))


async def _run(check: Check, here: Here) -> Finding:
    try:
        # A person may take as long as they like.
        async with asyncio.timeout(None if here.person or here.show else _LONGEST_S):
            found = check.run(here)
            return await found if inspect.isawaitable(found) else found
    except TimeoutError:
        return red(f"no answer for {_LONGEST_S:.0f} s", "run gated check again")
    except PermissionError as error:
        return unknown(f"{error.filename} may not be looked at", "run it with sudo")
    except GatedError as error:
        return red(str(error), "run gated check again")
    except Exception as error:
        # The one broad except: one check that breaks must not hide what the others find.
        logger.debug("%s", check.name, exc_info=True)
        return red(f"the check itself failed: {error!r:.200}", "tell us, with gated check --json")
