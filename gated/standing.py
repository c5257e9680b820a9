"""How the gate stands with its server: by whose leave, and whether that was taken away."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gated.enrolment import Enrolment, home_of
from gated.store import home
from gated.sync.revocation import Revocation
from gated.tenure import ANSWER_LOST

if TYPE_CHECKING:
    from gated.clock import Clock
    from gated.config import Config, Server
    from gated.health import Health
    from gated.server.client import Client
    from gated.store.database import Store


@dataclass(frozen=True)
class Standing:
    """What follows it; `anew` is set when the gate has another identity, or none."""

    enrolment: Enrolment
    revocation: Revocation
    anew: asyncio.Event


async def stand(
    file: Config, server: Server, client: Client, store: Store, clock: Clock, health: Health
) -> Standing:
    """Follow what the server says of this device, and remember whose scans are made here."""
    where = home_of(server.url, server.organizer, server.event)
    await store.write(partial(home.remember, name=where))
    anew = asyncio.Event()
    enrolment = Enrolment(file, store, clock, on_change=anew.set)
    enrolment.on_words = partial(_say, health, enrolment)
    identity = enrolment.identity
    if identity and identity.spent == "lost":
        enrolment.say(ANSWER_LOST)
    revocation = Revocation(clock, health, believe=enrolment.revoked)
    client.on_revoked, client.on_welcome = revocation.heard, revocation.welcomed
    return Standing(enrolment, revocation, anew)


def _say(health: Health, enrolment: Enrolment) -> None:
    if enrolment.words:
        health.warn("enrolment", enrolment.words)
    else:
        health.ok("enrolment")
