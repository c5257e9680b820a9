"""Opens where people reach the gate: its page, where the config asks for one, and its socket."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gated.web.commands import status_command
from gated.web.control import Control
from gated.web.credentials import Credentials
from gated.web.enrolling import enrolment_actions, enrolment_commands
from gated.web.page import Page
from gated.web.panel import panel_actions, panel_commands
from gated.web.preflight import preflight_commands
from gated.web.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AsyncExitStack

    from gated.camera.eyes import Eyes
    from gated.config import Config, Web
    from gated.desk import Desk
    from gated.emergency import Emergency
    from gated.enrolment import Enrolment
    from gated.health import Bell
    from gated.tryouts import Tryouts
    from gated.web.actions import Action
    from gated.web.control import Command
    from gated.web.state import Overview


def sessions_of(web: Web) -> Sessions:
    """Nobody logged in yet."""
    return Sessions(Credentials(Path(web.login_file)))


async def open_page_and_socket(
    stack: AsyncExitStack,
    config: Config,
    overview: Overview,
    eyes: Eyes,
    desk: Desk,
    *,
    emergency: Emergency,
    enrolment: Enrolment,
    tryouts: Tryouts,
    actions: Sequence[Action] = (),
    commands: Mapping[str, Command] | None = None,
    rung_by: tuple[Bell, Bell],
    sessions: Sessions | None,
) -> Page | None:
    """Open both, with what every gate does there, and what this one does besides.

    The page follows these bells; `sessions` are of those who logged in to the page before this
    one. Raises ConfigError.
    """
    buttons = (*panel_actions(desk, emergency), *enrolment_actions(enrolment), *actions)
    page = await _open_page(
        stack, config.web, overview, eyes, desk, buttons, rung_by=rung_by, sessions=sessions
    )
    table = {
        **status_command(overview),
        **panel_commands(desk, emergency),
        **preflight_commands(desk, tryouts),
        **enrolment_commands(enrolment),
        **(commands or {}),
    }
    await stack.enter_async_context(Control(config.control_socket, table))
    return page


async def _open_page(
    stack: AsyncExitStack,
    web: Web,
    overview: Overview,
    eyes: Eyes,
    desk: Desk,
    buttons: Sequence[Action],
    *,
    rung_by: tuple[Bell, Bell],
    sessions: Sessions | None,
) -> Page | None:
    if not web.enabled:
        return None
    page = Page(
        host=web.host,
        port=web.port,
        state=overview.state,
        lamps=overview.lamps,
        picture=eyes.jpeg,
        aiming=eyes.aiming,
        actions=buttons,
        sessions=sessions or sessions_of(web),
        record=desk.record_press,
        name=web.name,
        tls=(Path(web.certificate), Path(web.key)) if web.certificate else None,
    )
    changed, lamps_changed = rung_by
    changed.on_ring(page.changed)
    lamps_changed.on_ring(page.lamps_changed)
    return await stack.enter_async_context(page)
