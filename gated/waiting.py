"""A gate that nobody enrolled yet: it lets nobody in, and reads its device's code, no keyboard."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.camera.eyes import Eyes, open_eyes
from gated.desk import Desk
from gated.emergency import was_on
from gated.enrolment import Enrolment
from gated.errors import GatedError, PanelError
from gated.front import Front, open_front
from gated.health import Bell, Health
from gated.panel import Input
from gated.server.handshake import read_handshake
from gated.steering import open_way
from gated.store import home
from gated.store.database import Store
from gated.tryouts import Tryouts
from gated.web.afar import Afar, open_afar
from gated.web.enrolling import enrolment_state
from gated.web.opening import open_page_and_socket
from gated.web.state import Overview
from gated.zone import local_zone

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AsyncExitStack

    from gated.config import Config
    from gated.emergency import Emergency
    from gated.model import Sighting
    from gated.parts import Extras
    from gated.passage import Passage
    from gated.web.page import Page

logger = logging.getLogger(__name__)

_NOT_YET = "not enrolled: show this gate the QR code that the server has for its device"
_REVOKED = (
    "the server revoked this device, and the list was wiped: make a new device there and show"
    " this gate its code"
)


@dataclass(frozen=True)
class Waiting:
    """What such a gate is made of: no server, no list, and so no decisions."""

    store: Store
    front: Front
    desk: Desk
    eyes: Eyes
    enrolment: Enrolment
    overview: Overview
    page: Page | None
    afar: Afar
    health: Health
    sightings: asyncio.Queue[Sighting | None]
    tryouts: Tryouts
    inputs: asyncio.Queue[Input]
    passage: Passage
    emergency: Emergency
    stop: asyncio.Event
    anew: asyncio.Event

    @property
    def background(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What goes on beside."""
        return {
            "enrolment": self.enrolment.run,
            "inputs": self.follow,
            "passage": self.passage.run,
        }

    async def follow(self) -> None:
        """Open the way when the fire panel says so: there is no mode to change yet."""
        while True:
            given = await self.inputs.get()
            if given in {Input.ALARM, Input.NO_ALARM}:
                await self.emergency.alarm(on=given is Input.ALARM)

    async def answer(self) -> None:
        """Take what is held up for the device's code, one at a time, until a None comes."""
        looking: asyncio.Task[None] | None = None
        try:
            while sighting := await self.sightings.get():
                if self.tryouts.takes(sighting):
                    continue
                if looking is None or looking.done():
                    looking = asyncio.create_task(self.look(sighting), name="look")
            if looking:
                await asyncio.wait({looking})
        finally:
            if looking:
                looking.cancel()

    async def look(self, sighting: Sighting) -> None:
        """Enrol by what was held up, or say why not; never green."""
        try:
            try:
                code = read_handshake(sighting.text)
            except GatedError as refusal:
                await self.enrolment.refuse(str(refusal), origin=sighting.eye)
                raise
            await self.enrolment.enrol(code, origin=sighting.eye)
        except GatedError as error:
            self._show("error")
            self.enrolment.say(str(error))
        except Exception:
            logger.exception("what was held up could not be looked at")
            self._show("error")
        else:
            self._show("enrolled")

    def _show(self, name: str) -> None:
        try:
            self.front.panel.show(self.front.signals.signals[name])
        except PanelError as error:
            self.health.fail("panel", str(error))


async def open_waiting(
    stack: AsyncExitStack, config: Config, extras: Extras, *, stop: asyncio.Event
) -> Waiting:
    """Build and open what is needed to be enrolled, the store first."""
    clock = extras.clock
    changed, lamps_changed = Bell(), Bell()
    health, anew, tryouts = Health(changed), asyncio.Event(), Tryouts()
    sightings: asyncio.Queue[Sighting | None] = asyncio.Queue(4)

    inputs: asyncio.Queue[Input] = asyncio.Queue()

    def pressed(given: Input) -> None:
        if not tryouts.takes_input(given):
            inputs.put_nowait(given)

    store = await stack.enter_async_context(Store(Path(config.store.path), config.key_file))
    front = await open_front(
        stack,
        config,
        clock,
        health,
        on_input=pressed,
        lamps_changed=lamps_changed,
        pin_factory=extras.pin_factory,
        way_open=await was_on(store, config.panel),
    )
    passage, emergency = await open_way(
        stack, front, store, clock, local_zone(config.gate.timezone)
    )
    desk = Desk(store, front.panel, clock, health, on_change=changed.ring, signals=front.signals)
    await desk.start("last")
    eyes = open_eyes(
        config,
        extras.source,
        sightings,
        health,
        mode=lambda: desk.mode,
        clock=clock.monotonic,
        light=front.torch_switch(config.panel),
    )
    enrolment = Enrolment(config, store, clock, on_change=anew.set)
    await enrolment.wipe_if_revoked()
    owed = await store.read(home.unsettled)
    enrolment.on_words = partial(_say, health, enrolment, owed)
    enrolment.on_words()
    overview = Overview(
        config,
        store,
        clock,
        health,
        desk=desk,
        coming=lambda: "",
        lamps=front.panel.lamps,
        signals=front.signals,
        eyes=eyes.state,
        capabilities=lambda: None,
        closing=_no_closing,
        census=dict,
        passage=passage.state,
        emergency=emergency.state,
        enrolment=partial(enrolment_state, enrolment),
        demo=extras.demo,
    )
    afar = await open_afar(
        stack,
        config,
        store,
        clock,
        health,
        desk=desk,
        eyes=eyes,
        differences=lambda: 0,
        overview=overview,
    )
    page = await open_page_and_socket(
        stack,
        config,
        overview,
        eyes,
        desk,
        emergency=emergency,
        enrolment=enrolment,
        tryouts=tryouts,
        rung_by=(changed, lamps_changed),
        sessions=extras.sessions,
    )
    changed.on_ring(lambda: front.refresh(desk.mode))
    front.refresh(desk.mode)
    return Waiting(
        store=store,
        front=front,
        desk=desk,
        eyes=eyes,
        enrolment=enrolment,
        overview=overview,
        page=page,
        afar=afar,
        health=health,
        sightings=sightings,
        tryouts=tryouts,
        inputs=inputs,
        passage=passage,
        emergency=emergency,
        stop=stop,
        anew=anew,
    )


def _say(health: Health, enrolment: Enrolment, owed: int) -> None:
    """What to do, what came of the last try, and what waits for it."""
    identity = enrolment.identity
    words = _REVOKED if identity and identity.spent == "revoked" else _NOT_YET
    if enrolment.choices:
        words = "enrolled; choose the check-in list, on the page or with gated enrol --list"
    if enrolment.words:
        words += f" ({enrolment.words})"
    if owed:
        words += f"; {owed} scans are kept until then"
    health.warn("enrolment", words)


async def _no_closing() -> dict[str, Any] | None:
    return None
