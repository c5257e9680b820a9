"""Opens the local page, where the config asks for one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gated.web.credentials import Credentials
from gated.web.page import Page
from gated.web.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AsyncExitStack

    from gated.camera.eyes import Eyes
    from gated.config import Web
    from gated.desk import Desk
    from gated.health import Bell
    from gated.web.actions import Action
    from gated.web.state import Overview


def sessions_of(web: Web) -> Sessions:
    """Nobody logged in yet."""
    return Sessions(Credentials(Path(web.login_file)))


async def open_page(
    stack: AsyncExitStack,
    web: Web,
    overview: Overview,
    eyes: Eyes,
    desk: Desk,
    buttons: Sequence[Action],
    *,
    rung_by: tuple[Bell, Bell],
    sessions: Sessions | None = None,
) -> Page | None:
    """Open the local page where there is one; it follows these bells. Raises ConfigError.

    `sessions` are of those who logged in to the page before this one.
    """
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
