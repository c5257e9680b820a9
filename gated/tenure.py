"""What a gate does with its identity: has another token, takes leave, hears that it is revoked."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import msgspec

from gated.errors import (
    DeviceRevoked,
    EnrolmentRefused,
    NotAuthorized,
    ServerError,
    ServerUnreachable,
)
from gated.identity import Identity, IdentityFolder, Intent, enrols
from gated.logs import printable
from gated.model import Act
from gated.server.device import DeviceClient
from gated.store import home, ledger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gated.clock import Clock
    from gated.config import Config
    from gated.store.database import Store

logger = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_LOST = (
    "the server's answer with the token was lost on the way, and it is told only once:"
    " make a new device at the server and show its code"
)
BY_CONFIG = (
    "this gate has its token from its config ([server] token_file, or a credential of systemd's),"
    " which is for the admin to change"
)


class Tenure:
    """One gate's time at its server. Every act is in the ledger.

    `on_change` is called when identity, event or token became others: the gate's parts are then
    to be built anew. What the server cannot be asked raises ServerError, what must not be done
    EnrolmentRefused.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        clock: Clock,
        *,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.folder = IdentityFolder(config.identity_folder)
        self._config = config
        self._store = store
        self._clock = clock
        self._on_change = on_change
        self._lock = asyncio.Lock()
        self._cut_off = asyncio.Event()
        """Something may be left to be taken up: what a stop or a lost answer cut off."""
        self._cut_off.set()

    @property
    def identity(self) -> Identity | None:
        """Who the gate is, as far as it was enrolled."""
        return self.folder.load()

    @property
    def enrols(self) -> bool:
        """Whether the gate gets its token by being enrolled, not from its config."""
        return enrols(self._config)

    async def roll(self, *, origin: str) -> None:
        """Have another token of the server's. Raises EnrolmentRefused if its answer is lost."""
        async with self._lock:
            identity = self._standing()
            intent = Intent("roll", origin)
            await self._written(partial(self.folder.intend, intent))
            try:
                async with self._device(identity) as device:
                    rolled = await device.roll()
            except NotAuthorized:
                await self._written(self.folder.done)
                raise
            except ServerError as error:
                if isinstance(error, ServerUnreachable) and not error.sent:
                    await self._written(self.folder.done)
                    raise
                # It may have been done: only the old token can tell.
                self._cut_off.set()
                await self._settle_roll(intent)
                raise
            token_file = await self._written(partial(self.folder.put_token, rolled.token))
            await self._save(msgspec.structs.replace(identity, token_file=token_file))
            await self._written(self.folder.done)
            await self._note("rolled", origin, identity.name)
            self._on_change()

    async def unenrol(self, *, origin: str, offline: bool = False) -> None:
        """Revoke the device at the server, forget token and list; the scans stay.

        `offline` does it without the server, at which somebody then has to revoke the device.
        """
        async with self._lock:
            if self.identity is None:
                raise EnrolmentRefused("this gate is not enrolled" if self.enrols else BY_CONFIG)
            await self._written(partial(self.folder.intend, Intent("unenrol", origin)))
            try:
                await self._leave(origin, offline=offline)
            except ServerError:
                await self._written(self.folder.done)
                raise

    async def revoked(self, *, origin: str = "server") -> None:
        """The server took the device's access away: forget token and list, keep the scans."""
        async with self._lock:
            identity = self.identity if self.enrols else None
            if identity:
                await self._save(msgspec.structs.replace(identity, spent="revoked", token_file=""))
            await self._wipe("revoked", origin)
            if identity:
                self._on_change()

    async def wipe_if_revoked(self) -> None:
        """Finish what a power cut between revoking and wiping left. Raises StoreError."""
        identity = self.identity
        if identity and identity.spent == "revoked":
            tickets = await self._store.write(home.wipe)
            if tickets:
                logger.warning("%d tickets wiped: the server revoked this device", tickets)

    async def let_go(self, nonces: Sequence[str], why: str, *, origin: str) -> int:
        """Owe these scans to no server any more. Raises StoreError."""
        act = self._act("let_go", origin, why)
        return await self._store.write(partial(home.let_go, nonces=nonces, act=act))

    async def _settle_roll(self, intent: Intent) -> None:
        """Find out, by the old token, whether the server gave out a new one that was lost."""
        identity = self.identity
        if identity and not identity.spent:
            try:
                async with self._device(identity) as device:
                    await device.selection()
            except DeviceRevoked:
                pass  # which is heard, and dealt with, elsewhere
            except NotAuthorized:
                await self._save(msgspec.structs.replace(identity, spent="lost"))
                await self._written(self.folder.done)
                await self._note("token_lost", intent.origin, host_of(identity.url))
                self._on_change()
                raise EnrolmentRefused(ANSWER_LOST) from None
        await self._written(self.folder.done)

    async def _leave(self, origin: str, *, offline: bool) -> None:
        identity = self.identity
        if identity and not identity.spent and not offline:
            try:
                async with self._device(identity) as device:
                    await device.revoke()
            except NotAuthorized as error:
                logger.info("the server took the access away before: %s", error)
        await self._written(self.folder.remove)
        await self._wipe("unenrolled", origin)
        await self._written(self.folder.done)
        self._on_change()

    async def _wipe(self, what: str, origin: str) -> None:
        owed = await self._store.read(home.unsettled)
        act = self._act(what, origin, f"{owed} scans kept")
        tickets = await self._store.write(partial(home.wipe_by, act=act))
        logger.warning("%s by %s: %d tickets wiped, %d scans kept", what, origin, tickets, owed)

    def _standing(self) -> Identity:
        """The identity whose token is good. Raises EnrolmentRefused."""
        identity = self.identity if self.enrols else None
        if identity is None or identity.spent:
            raise EnrolmentRefused(
                "this gate is not enrolled: show it a device's code, or run gated enrol"
                if self.enrols
                else BY_CONFIG
            )
        return identity

    def _device(self, identity: Identity) -> DeviceClient:
        token = self.folder.token(identity)
        return DeviceClient(identity.url, token, timeout_s=self._config.server.timeout_s)

    async def _save(self, identity: Identity) -> None:
        await self._written(partial(self.folder.save, identity))

    async def _written(self, write: Callable[[], T]) -> T:
        """Beside the loop, for a card takes its time; a caller who goes does not stop it."""
        return await asyncio.shield(asyncio.to_thread(write))

    async def _note(self, what: str, origin: str, detail: str) -> None:
        logger.info("%s by %s: %s", what, origin, printable(detail, 500))
        act = self._act(what, origin, detail)
        await self._store.write(partial(ledger.write_act, act=act))

    def _act(self, what: str, origin: str, detail: str) -> Act:
        return Act(what=what, origin=origin, at=self._clock.wall(), detail=printable(detail, 500))


def host_of(url: str) -> str:
    """The server's name, as a person compares it."""
    return printable(urlsplit(url).netloc, 100)
