"""The demo's own parts around a real daemon: the world, the guests, the switches of the page."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated import config, daemon
from gated.camera.scene import Guest, Scene
from gated.demo.cast import LIST, STORIES, Cast
from gated.demo.terminal import Terminal
from gated.errors import GatedError
from gated.model import ScanType, State
from gated.panel.pins import mock_pins
from gated.simulator.server import TicketServer
from gated.simulator.world import World
from gated.web.actions import Action
from gated.web.credentials import Credentials
from gated.web.guard import Role

if TYPE_CHECKING:
    from gated.daemon import Parts
    from gated.demo.cast import Story
    from gated.gate import Shown

_GUESTS = 300
_INSIDE = 180
_BUTTON = 25
_PRESS_EVERY = 12
_SETTLE_S = 10.0
_PIN = "135790"
"""Of the demo's page. Its link logs in: what stands behind # no browser sends anywhere."""


async def run(
    *, guests: int | None, seed: int, web: bool, port: int | None, data: Path | None
) -> None:
    """Show the demo until `guests` have come, or for ever. Raises GatedError."""
    with contextlib.ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gated-")))
        world = World.made_up(_GUESTS, seed=seed)
        async with TicketServer(world) as server:
            show = Show(server, world, guests=guests, seed=seed)
            await show.run(demo_config(server, folder, web=web, port=port))


def demo_config(
    server: TicketServer, folder: Path, *, web: bool, port: int | None
) -> config.Config:
    """The config of the demo's gate; everything it writes lies in `folder`."""
    store, socket_ = folder / "gated.db", folder / "control.sock"
    look = f'[store]\npath = "{store}"\n[control]\nsocket = "{socket_}"\n'
    (folder / "gated.toml").write_text(look, encoding="utf-8")
    token = folder / "token"
    token.write_text(server.token, encoding="ascii")
    token.chmod(0o600)
    login = folder / "page-login"
    Credentials(login).put(Role.STAFF, _PIN)
    return config.parse(
        {
            "gate": {"name": "Demo gate", "mode": "exit"},
            "server": {
                "url": server.url,
                "organizer": server.world.organizer,
                "event": server.world.event,
                "checkin_lists": [LIST],
                "token_file": str(token),
                "timeout_s": 5.0,
                "pull_s": 10.0,
            },
            "camera": {"source": "scene"},
            "panel": {"kind": "gpio", "pin_factory": "mock", "button": _BUTTON},
            "store": {"path": str(folder / "gated.db")},
            "control": {"socket": str(folder / "control.sock")},
            "web": {
                "enabled": web,
                "port": _free_port() if port is None else port,
                "login_file": str(login),
            },
        }
    )


class Show:
    """The guests before the gate, the line a guest, the page's two extra switches."""

    def __init__(
        self, server: TicketServer, world: World, *, guests: int | None, seed: int
    ) -> None:
        self.parts: Parts | None = None
        """The gate, once it is open."""
        self._server = server
        self._limit = guests
        self._terminal = Terminal()
        self._pins = mock_pins()
        for position in _some_inside(world):
            world.enter(position, LIST)
        self._cast = Cast(world, seed=seed)
        self._wanted: list[str] = []
        self._next: queue.SimpleQueue[Guest] = queue.SimpleQueue()
        self._here: tuple[Guest, Story, int | None] | None = None
        self._come = 0
        self._answered = False
        self._done = asyncio.Event()
        self._all_told = asyncio.Event()
        self._scene = Scene(self._guest, seed=seed, left=self._has_left)
        self._loop = asyncio.get_running_loop()
        self._settled = 0
        self._owed = 0

    async def run(self, settings: config.Config) -> None:
        """Run the daemon and the show around it. Raises GatedError."""
        started = time.monotonic()
        directing = asyncio.create_task(self._direct())
        try:
            await daemon.run(
                settings,
                daemon.Extras(
                    source=self._scene,
                    pin_factory=self._pins,
                    actions=(
                        Action("cable", Role.STAFF, self._cable),
                        Action("guest", Role.STAFF, self._invite),
                    ),
                    demo=self._state,
                    on_shown=self._shown,
                    on_settled=lambda *_: self._tell(),
                    on_ready=self._ready,
                ),
            )
        finally:
            directing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await directing
        self._terminal.summary(told=self._told(), seconds=time.monotonic() - started)

    def _ready(self, parts: Parts) -> None:
        self.parts = parts
        url = f"{parts.page.url}#secret={_PIN}" if parts.page else None
        self._terminal.welcome(url, self._server.url)
        self._bring_in()

    async def _direct(self) -> None:
        """Wait for the last guest and for the server to know it all, then stop the gate."""
        await self._done.wait()
        assert self.parts is not None  # noqa: S101  nobody comes before it is ready
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_told.wait(), _SETTLE_S)
        self.parts.stop.set()

    # In the camera thread.

    def _guest(self) -> Guest | None:
        with contextlib.suppress(queue.Empty):
            return self._next.get_nowait()
        return None

    def _has_left(self, _: Guest) -> None:
        self._loop.call_soon_threadsafe(self._gone)

    # In the event loop.

    def _bring_in(self) -> None:
        assert self.parts is not None  # noqa: S101  nobody comes before it is ready
        if self._limit is not None and self._come >= self._limit:
            self._done.set()
            return
        story = self._wanted.pop(0) if self._wanted else ""
        self._here = self._cast.next(self.parts.desk.mode, story)
        self._come += 1
        self._answered = False
        self._next.put(self._here[0])

    def _gone(self) -> None:
        if self._here and not self._answered:
            self._terminal.unread(self._here[1])
        if self._come % _PRESS_EVERY == 0:
            asyncio.ensure_future(self._press())  # noqa: RUF006  ends by itself in 0.3 s
            return
        self._bring_in()

    async def _press(self) -> None:
        """A steward presses the mode button: an edge on the pin, as on a Pi."""
        pin = self._pins.pin(_BUTTON)
        pin.drive_low()
        await asyncio.sleep(0.15)
        pin.drive_high()
        await asyncio.sleep(0.15)
        assert self.parts is not None  # noqa: S101  the press came after it
        mode = "check-in" if self.parts.desk.mode == "entry" else "check-out"
        self._terminal.say(f"a steward presses the button: {mode}")
        self._bring_in()

    def _shown(self, answer: Shown) -> None:
        self._owed += sum(scan.state is State.WAITING for scan in answer.scans)
        if self._settled < self._owed:
            self._all_told.clear()
        if self._here is None or answer.sighting.text != self._here[0].text:
            return
        guest, story, position_id = self._here
        self._answered = True
        if position_id is not None and answer.decision.verdict.admits:
            self._cast.passed(position_id, answer.sighting.type)
        decode_ms = self.parts.eyes.decode_ms if self.parts else 0.0
        self._terminal.shown(answer, story, decode_ms=decode_ms, told=self._told())
        self._scene.answered(guest.text)

    def _tell(self) -> None:
        self._settled += 1
        if self._settled == self._owed:
            self._all_told.set()

    def _told(self) -> str:
        away = "" if self._server.plugged else " (cable out)"
        return f"{self._settled} of {self._owed}{away}"

    # The page's switches.

    async def _cable(self, arguments: dict[str, Any], _: str) -> None:
        if arguments.get("plugged"):
            await self._server.plug()
            self._terminal.say("the network cable is in")
        else:
            await self._server.unplug()
            self._terminal.say("the network cable is out")
        if self.parts:
            self.parts.health.changed.ring()

    async def _invite(self, arguments: dict[str, Any], _: str) -> None:
        story = str(arguments.get("id", ""))
        if not any(story == one.id for stories in STORIES.values() for one in stories):
            raise GatedError("there is no such guest")
        self._wanted.append(story)

    def _state(self) -> dict[str, Any]:
        mode = self.parts.desk.mode if self.parts else ScanType.EXIT
        guests = [
            {"id": story.id, "words": f"A guest who {story.words}"} for story in STORIES[mode]
        ]
        return {"cable": self._server.plugged, "guests": guests}


def _some_inside(world: World) -> list[int]:
    """Those who were let in before the demo begins, the pending and canceled left out."""
    paid = [
        one.id
        for one in world.positions.values()
        if not one.canceled and one.addon_to is None and world.order_of(one).status == "p"
    ]
    return paid[:_INSIDE]


def _free_port(wanted: int = 8080) -> int:
    """The usual port, or any where somebody else has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted
