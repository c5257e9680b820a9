"""What faces the guest: panel and screen, opened so that neither can keep the gate from working."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gated.config import Emergency, Passage
from gated.errors import PanelError
from gated.panel import open_panel
from gated.schedule import is_within
from gated.signals import Book, book
from gated.words import Words
from gated.zone import local_zone

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from gated import config
    from gated.clock import Clock
    from gated.gate import Shown
    from gated.health import Bell, Health
    from gated.model import ScanType
    from gated.panel import Input, Panel
    from gated.panel.display import Screen

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Front:
    """The panel, the screen where there is one, and what both say."""

    panel: Panel
    screen: Screen | None
    signals: Book
    words: Words
    health: Health
    wired: config.Panel
    """The panel as it could be opened: one that could not has no pins."""

    def refresh(self, mode: ScanType) -> None:
        """Show how the gate is, and tell the next guest what it does."""
        _show_status(self.panel, self.health, self.signals, self.health.pattern)
        if self.screen:
            emergency = self.health.pattern == "emergency"
            self.screen.rest(self.words.free_flow() if emergency else self.words.rest(mode))

    def answer(self, shown: Shown) -> None:
        """Tell the guest in words what the lamps said."""
        if self.screen:
            decision = shown.decision
            text = self.words.answer(decision.verdict, decision.reason, shown.sighting.type)
            self.screen.answer(text)

    def torch_switch(self, wanted: config.Panel) -> Callable[[bool], None] | None:
        """Who switches the torch while the gate runs: the camera, or nobody."""
        if wanted.torch is None:
            return None
        if wanted.torch_mode == "always":
            self._torch(True)  # noqa: FBT003  a switch
            return None
        return self._torch

    def _torch(self, lit: bool) -> None:  # noqa: FBT001  a switch
        try:
            self.panel.set_torch(lit)
        except PanelError as error:
            self.health.fail("panel", str(error))


def volume(settings: config.Config, clock: Clock) -> Callable[[], int]:
    """How loud the buzzer is at the moment, in percent."""
    panel, quiet, zone = settings.panel, settings.panel.quiet, local_zone(settings.gate.timezone)

    def now() -> int:
        if quiet and is_within(quiet, clock.wall().astimezone(zone).time()):
            return min(panel.volume, panel.quiet_volume)
        return panel.volume

    return now


async def open_front(
    stack: AsyncExitStack,
    settings: config.Config,
    clock: Clock,
    health: Health,
    *,
    on_input: Callable[[Input], None],
    lamps_changed: Bell,
    pin_factory: object | None = None,
    way_open: bool = False,
) -> Front:
    """Open what is configured; where it does not open, scanning goes on and the page says so.

    With `way_open` the relay is open from the first moment, as in an emergency before a restart.
    """
    signals = book(settings)

    def failed(error: PanelError) -> None:
        health.fail("panel", str(error))

    def build(panel: Any) -> Panel:
        return open_panel(
            panel,
            pin_factory=pin_factory,
            way_open=way_open,
            volume=volume(settings, clock),
            on_input=on_input,
            on_change=lamps_changed.ring,
            on_failure=failed,
            on_well=partial(health.ok, "panel"),
        )

    unwired = settings.panel.model_copy(
        update={"kind": "none", "passage": Passage(), "emergency": Emergency()}
    )
    wired = settings.panel if settings.panel.kind == "gpio" else unwired
    try:
        panel = await stack.enter_async_context(build(settings.panel))
    except PanelError as error:
        logger.error("no lamps: %s", error)
        failed(error)
        wired = unwired
        panel = await stack.enter_async_context(build(wired))
    else:
        _show_status(panel, health, signals, "starting")
    screen = await _open_screen(stack, settings, health)
    return Front(panel, screen, signals, Words(settings.gate.language), health, wired)


async def _open_screen(
    stack: AsyncExitStack, settings: config.Config, health: Health
) -> Screen | None:
    if settings.display.kind == "none":
        return None
    # luma and its fonts are loaded only where there is a screen.
    try:
        from gated.panel.display import Screen, open_screen  # noqa: PLC0415
    except ImportError as error:
        health.warn("display", f"needs a library ({error}): pip install 'gated[display]'")
        return None
    return await stack.enter_async_context(
        Screen(
            partial(open_screen, settings.display),
            on_trouble=partial(health.warn, "display"),
            on_well=partial(health.ok, "display"),
        )
    )


def _show_status(panel: Panel, health: Health, signals: Book, pattern: str) -> None:
    try:
        panel.set_status(signals.status[pattern])
    except PanelError as error:
        health.fail("panel", str(error))
