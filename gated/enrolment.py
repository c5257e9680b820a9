"""Makes this gate a device of a server's, for an event and lists; on the disk at every step."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from gated import __version__
from gated.choices import Choice, clear_choice, offered
from gated.errors import CodeUsed, EnrolmentRefused, GatedError, ServerError, ServerUnreachable
from gated.identity import Identity, Intent
from gated.logs import printable
from gated.server.device import DeviceClient
from gated.store import home
from gated.sync.pace import Pace
from gated.tenure import ANSWER_LOST, BY_CONFIG, Tenure, host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gated.clock import Clock
    from gated.config import Config
    from gated.server.device import Enrolled
    from gated.server.handshake import Handshake
    from gated.store.database import Store

logger = logging.getLogger(__name__)


class Enrolment(Tenure):
    """The ways into a tenure: by a code, by a person's choice, by taking up what was cut off.

    Every act and every refusal is in the ledger. `choices` are what a person has to choose from,
    `words` the newest that whoever enrols should know; `on_words` is called when they are said.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        clock: Clock,
        *,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(config, store, clock, on_change=on_change)
        self.choices: tuple[Choice, ...] = ()
        self.words = ""
        self.on_words: Callable[[], None] = lambda: None

    @property
    def expects(self) -> str:
        """The server that the config names, if it does."""
        return self._config.server.url

    async def enrol(
        self,
        code: Handshake,
        *,
        origin: str,
        event: str = "",
        lists: Sequence[int] = (),
        other_server: bool = False,
        replace: bool = False,
    ) -> Identity:
        """Exchange the code for a token of our own, then see what it is for.

        `event` and `lists` say it where there is a choice; `other_server` confirms a server that
        is not the config's, `replace` that the gate is to leave the one it is enrolled at.
        """
        async with self._lock:
            try:
                await self._check(code, other_server=other_server, replace=replace)
                intent = Intent("initialize", origin, code.url, code.token, replaces=self._at_hand)
                await self._initialize(intent)
            except GatedError as error:
                await self.refuse(f"{code.host}: {error}", origin=origin)
                raise
            finally:
                self._cut_off.set()
            return await self._pick(origin, event, lists)

    async def run(self) -> None:
        """Take up what a stop or a lost answer cut off, whenever there is such a thing."""
        pace = Pace(first_s=1, longest_s=5)
        while True:
            await self._cut_off.wait()
            try:
                await self.resume()
                await self._tell_version()
            except EnrolmentRefused as refusal:
                self.say(str(refusal))
            except ServerError as error:
                self.say(f"{error}: trying again")
                await asyncio.sleep(pace.next())
            else:
                pace.reset()
                self._cut_off.clear()

    async def resume(self) -> None:
        """Take up what the last stop, or a lost answer, cut off."""
        async with self._lock:
            intent = self.folder.intent()
            identity = self.identity
            if intent is None:
                if identity and not identity.chosen and not identity.spent and not self.choices:
                    await self._pick("start")
            elif intent.what == "initialize":
                if self._at_hand in {"", intent.replaces}:
                    await self._initialize(intent)
                else:
                    # Adopted already: only that it is done was not on the disk yet.
                    await self._written(self.folder.done)
                await self._pick(intent.origin)
            elif intent.what == "roll":
                await self._settle_roll(intent)
            else:
                await self._leave(intent.origin, offline=False)

    def say(self, words: str) -> None:
        """Keep the newest thing that whoever enrols should know."""
        if words and words != self.words:
            logger.warning("enrolment: %s", words)
        self.words = words
        self.on_words()

    async def choose(self, event: str, lists: Sequence[int], *, origin: str) -> Identity:
        """Work for these lists of this event from now on."""
        async with self._lock:
            identity = self._standing()
            async with self._device(identity) as device:
                there = await device.lists(identity.organizer, event)
            wrong = [one for one in lists if one not in there]
            if wrong or not lists:
                known = ", ".join(f"{one} {printable(name)}" for one, name in there.items())
                raise EnrolmentRefused(
                    f"event {printable(event)} has no check-in list"
                    f" {wrong[0] if wrong else ''}: choose of {known or 'none'}"
                )
            return await self._take(identity, event, lists, origin)

    async def refuse(self, why: str, *, origin: str) -> None:
        """Write down that somebody tried. Raises StoreError."""
        await self._note("enrol_refused", origin, why)

    async def _check(self, code: Handshake, *, other_server: bool, replace: bool) -> None:
        if not self.enrols:
            raise EnrolmentRefused(BY_CONFIG)
        identity = self.identity
        if identity and not identity.spent and not replace:
            raise EnrolmentRefused(
                f"this gate is enrolled at {host_of(identity.url)} as {printable(identity.name)!r}"
                " already: gated unenrol comes first, or --replace"
            )
        expected = self._config.server.url
        if expected and _origin(expected) != _origin(code.url) and not other_server:
            raise EnrolmentRefused(
                f"the code is of {printable(code.host)}, but the config expects"
                f" {host_of(expected)}: an admin can confirm the other one, on the page or with"
                " --other-server"
            )
        await self._check_home(f"{code.url} ", f"at {printable(code.host)}")

    async def _check_home(self, begins: str, where: str) -> None:
        """Scans of one event must never be told to another."""
        known, owed = await self._store.read(lambda db: (home.home(db), home.unsettled(db)))
        if owed and known and not known.startswith(begins):
            server, organizer, event = [*known.split(" "), "", ""][:3]
            raise EnrolmentRefused(
                f"{owed} scans are still to be told to {host_of(server)} ({organizer}/{event}), and"
                f" cannot be told {where}: enrol there again, or take them away with"
                " gated unenrol --export FILE"
            )

    @property
    def _at_hand(self) -> str:
        """The token file of the identity that there is."""
        identity = self.identity
        return identity.token_file if identity else ""

    async def _initialize(self, intent: Intent) -> None:
        """Ask for the token; that it was asked for is on the disk before."""
        before = self.folder.intent()
        asked_before = bool(
            before and before.what == "initialize" and before.code == intent.code and before.sent
        )
        await self._written(partial(self.folder.intend, msgspec.structs.replace(intent, sent=True)))
        try:
            timeout_s = self._config.server.timeout_s
            async with DeviceClient(intent.url, timeout_s=timeout_s) as device:
                enrolled = await device.initialize(intent.code)
        except CodeUsed:
            await self._written(self.folder.done)
            if not asked_before:
                raise
            await self._note("token_lost", intent.origin, host_of(intent.url))
            raise EnrolmentRefused(ANSWER_LOST) from None
        except EnrolmentRefused:
            await self._written(self.folder.done)
            raise
        except ServerUnreachable as error:
            if not error.sent and not asked_before:
                await self._written(self.folder.done)
            raise
        await self._adopt(intent, enrolled)

    async def _adopt(self, intent: Intent, enrolled: Enrolled) -> None:
        before = self.identity
        is_same = before and (before.url, before.organizer) == (intent.url, enrolled.organizer)
        token_file = await self._written(partial(self.folder.put_token, enrolled.token))
        await self._save(
            Identity(
                url=intent.url,
                organizer=enrolled.organizer,
                token_file=token_file,
                device_id=enrolled.device_id,
                name=enrolled.name,
                profile=enrolled.profile,
                gate=enrolled.gate,
                software=__version__,
                former_event=before.event if is_same and before else "",
                former_lists=before.lists if is_same and before else (),
            )
        )
        await self._written(self.folder.done)
        what = f"{host_of(intent.url)}, organizer {enrolled.organizer}, device {enrolled.device_id}"
        await self._note("enrolled", intent.origin, what)
        logger.info("enrolled by %s at %s", intent.origin, what)

    async def _pick(self, origin: str, event: str = "", lists: Sequence[int] = ()) -> Identity:
        """Take the only list there is, or have a person choose."""
        identity = self._standing()
        async with self._device(identity) as device:
            found = await offered(self._config.server, identity, device, event)
        if chosen := clear_choice(self._config.server, identity, found, lists):
            return await self._take(identity, *chosen, origin)
        self.choices = tuple(found)
        self.say("")
        logger.info("enrolled; which of %d check-in lists is it for?", len(found))
        return identity

    async def _take(
        self, identity: Identity, event: str, lists: Sequence[int], origin: str
    ) -> Identity:
        name = home_of(identity.url, identity.organizer, event)
        await self._check_home(name, f"for {printable(event)}")
        act = self._act("chosen", origin, f"{event}, lists {', '.join(map(str, lists))}")
        await self._store.write(partial(home.move, name=name, act=act))
        chosen = msgspec.structs.replace(identity, event=event, lists=tuple(lists))
        await self._save(chosen)
        self.choices = ()
        logger.info("works for event %s, lists %s, by %s", event, list(lists), origin)
        self._on_change()
        return chosen

    async def _tell_version(self) -> None:
        """Tell the server when this gate runs another version than it was told of."""
        identity = self.identity if self.enrols else None
        if identity and identity.chosen and not identity.spent and identity.software != __version__:
            async with self._lock, self._device(identity) as device:
                await device.update()
                await self._save(msgspec.structs.replace(identity, software=__version__))

    async def _leave(self, origin: str, *, offline: bool) -> None:
        await super()._leave(origin, offline=offline)
        self.choices = ()


def home_of(url: str, organizer: str, event: str) -> str:
    """Whose scans are made here: server, organizer and event in one text."""
    return f"{url} {organizer} {event}"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port
