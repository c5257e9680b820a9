"""Every act at the gate as a plain method: button, page and commands call nothing else."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from gated.errors import GatedError, PanelError
from gated.logs import printable
from gated.model import Act, ScanType
from gated.signals import Book
from gated.store import facts, granted, ledger, shelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from gated.clock import Clock
    from gated.health import Health
    from gated.model import Scan
    from gated.panel import Panel
    from gated.signals import Signal
    from gated.store.database import Store

logger = logging.getLogger(__name__)


class Desk:
    """Holds the mode, which any thread may read; changes are recorded before they show."""

    def __init__(
        self,
        store: Store,
        panel: Panel,
        clock: Clock,
        health: Health,
        *,
        on_change: Callable[[], None],
        on_owed: Callable[[], None] = lambda: None,
        signals: Book | None = None,
    ) -> None:
        self._signals = signals or Book()
        self.mode = ScanType.EXIT
        self.locked = False
        self.on_mode: Callable[[], None] = lambda: None
        self._store = store
        self._panel = panel
        self._clock = clock
        self._health = health
        self._on_change = on_change
        self._on_owed = on_owed
        self._lock = asyncio.Lock()

    async def start(self, mode: Literal["exit", "entry", "last"]) -> None:
        """Take up the configured mode, or the one from before the restart. Raises StoreError."""
        self.locked = await self._store.read(partial(facts.get, name="mode_locked")) == "locked"
        last = await self._store.read(partial(facts.get, name="mode"))
        wanted = ScanType(mode) if mode != "last" else ScanType(last or ScanType.EXIT)
        if wanted != last:
            await self._record_mode(wanted, "config")
        self.mode = wanted
        self._light(tone=False)

    async def set_mode(self, mode: ScanType, *, origin: str) -> None:
        """Switch between check-in and check-out; recorded, kept, then shown. Raises StoreError."""
        async with self._lock:
            await self._switch(mode, origin)

    async def press(self) -> None:
        """One press of the button: the other mode, unless it is locked. Raises StoreError."""
        async with self._lock:
            if self.locked:
                self._show("mode_locked")
                logger.info("the button was pressed, but the mode is locked")
            else:
                await self._switch(self.mode.other, "button")

    async def lock(self, *, locked: bool, origin: str) -> None:
        """Keep the button from changing the mode, or let it again. Raises StoreError."""
        async with self._lock:
            if locked is self.locked:
                return
            word = "locked" if locked else "unlocked"
            act = Act(what="mode_lock", origin=origin, at=self._clock.wall(), detail=word)
            await self._store.write(partial(ledger.write_fact, name="mode_locked", act=act))
            self.locked = locked
            logger.info("mode %s by %s", word, origin)
            self._show(f"mode_{word}")
            self._on_change()

    async def record_press(self, origin: str, what: str) -> None:
        """Write down who asked for what at the page, before it is done. Raises StoreError."""
        act = Act(what="press", origin=origin, at=self._clock.wall(), detail=what[:500])
        await self._store.write(partial(ledger.write_act, act=act))

    async def retry(self, nonce: str, *, origin: str) -> Scan:
        """Have a shelved scan told to the server again. Raises NotOnShelf or StoreError."""
        act = Act(what="retry", origin=origin, at=self._clock.wall(), detail=nonce)
        scan = await self._store.write(partial(shelf.retry, nonce=nonce, act=act))
        logger.info("%s %s off the shelf by %s", scan.type, scan.order_code, origin)
        self._on_owed()
        self._on_change()
        return scan

    async def annul(self, nonce: str, *, origin: str) -> list[Scan]:
        """Whoever was let through by this scan did not pass. Raises NothingToAnnul, StoreError."""
        act = Act(what="annul", origin=origin, at=self._clock.wall(), detail=nonce)
        scans = await self._store.write(partial(granted.annul, nonce=nonce, act=act))
        logger.info("%s %s annulled by %s", scans[0].type, scans[0].order_code, origin)
        self._on_owed()
        self._on_change()
        return scans

    async def settle(self, nonce: str, why: str, *, origin: str) -> Scan:
        """Take a shelved scan for dealt with. Raises GatedError without a reason given."""
        why = " ".join(why.split())
        if not why:
            raise GatedError("say why the scan is settled: somebody will want to know")
        act = Act(what="settle", origin=origin, at=self._clock.wall(), detail=f"{nonce}: {why}")
        scan = await self._store.write(partial(shelf.settle_by_hand, nonce=nonce, why=why, act=act))
        logger.info("%s %s settled by %s: %s", scan.type, scan.order_code, origin, printable(why))
        self._on_owed()
        self._on_change()
        return scan

    async def test(self, name: str, *, origin: str) -> Signal:
        """Play a signal to whoever stands before the panel. Raises GatedError."""
        signal = self._signals.signals.get(name)
        if signal is None:
            raise GatedError(f"no signal is called {printable(name)}: gated panel list has them")
        act = Act(what="panel_test", origin=origin, at=self._clock.wall(), detail=name)
        await self._store.write(partial(ledger.write_act, act=act))
        self._show(name)
        return signal

    async def try_part(self, name: str, *, origin: str) -> float:
        """Blink or sound one part of the panel; for how long. Raises GatedError."""
        act = Act(what="panel_try", origin=origin, at=self._clock.wall(), detail=printable(name))
        await self._store.write(partial(ledger.write_act, act=act))
        return self._panel.try_part(name)

    async def _switch(self, mode: ScanType, origin: str) -> None:
        if mode is self.mode:
            return
        await self._record_mode(mode, origin)
        self.mode = mode
        logger.info("mode %s by %s", mode, origin)
        self._light(tone=True)
        self.on_mode()
        self._on_change()

    async def _record_mode(self, mode: ScanType, origin: str) -> None:
        act = Act(what="mode", origin=origin, at=self._clock.wall(), detail=mode)
        await self._store.write(partial(ledger.write_fact, name="mode", act=act))

    def _light(self, *, tone: bool) -> None:
        try:
            self._panel.set_mode(self.mode)
        except PanelError as error:
            self._health.fail("panel", str(error))
        if tone:
            self._show(self._signals.mode(self.mode).name)

    def _show(self, name: str) -> None:
        try:
            self._panel.show(self._signals.signals[name])
        except PanelError as error:
            self._health.fail("panel", str(error))
