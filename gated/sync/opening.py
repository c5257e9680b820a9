"""Opens what keeps the gate and its server in step, and tells each part what the others hear."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gated.server.client import Client
from gated.server.token import read_token
from gated.sync.ask import Asker
from gated.sync.bulk import Bulk
from gated.sync.census import Census
from gated.sync.changes import Changes
from gated.sync.checkout_all import CheckOutAll
from gated.sync.forgetting import Forgetting
from gated.sync.freshness import Freshness
from gated.sync.pull import Pull
from gated.sync.push import Push
from gated.sync.timekeeper import Timekeeper

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from contextlib import AsyncExitStack

    from gated.clock import Clock
    from gated.config import Config
    from gated.health import Health
    from gated.model import Scan
    from gated.server.dialects import Capabilities
    from gated.store.database import Store
    from gated.store.tickets import Keeper
    from gated.sync.push import Outcome


@dataclass(frozen=True)
class Sync:
    """The client, and every part that works with it."""

    client: Client
    timekeeper: Timekeeper
    changes: Changes
    pull: Pull
    asker: Asker
    push: Push
    census: Census
    closing: CheckOutAll
    freshness: Freshness
    forgetting: Forgetting

    @property
    def capabilities(self) -> Capabilities | None:
        """What the server can do; None while that is not known."""
        return self.pull.capabilities

    @property
    def background(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """What goes on beside the guests, by name."""
        return {
            "clock": self.timekeeper.run,
            "pull": self.pull.run,
            "changes": self.changes.run,
            "freshness": self.freshness.run,
            "forgetting": self.forgetting.run,
            "push": self.push.run,
            "closing": self.closing.run,
            "census": self.census.run,
        }

    def can_report(self) -> bool:
        """Whether the server takes scans that were refused."""
        return bool(self.capabilities and self.capabilities.failed_checkins)


async def open_sync(
    stack: AsyncExitStack,
    config: Config,
    store: Store,
    keeper: Keeper,
    clock: Clock,
    health: Health,
    *,
    on_settled: Callable[[Scan, Outcome], None] | None = None,
) -> Sync:
    """Build every part and open the client; nothing is asked before the background runs.

    `on_settled` hears of each scan that the server is done with. Raises ConfigError, StoreError.
    """
    settings, changed = config.server, health.changed

    def capabilities() -> Capabilities | None:
        return pull.capabilities

    def taken_in() -> None:
        census.wake()
        changed.ring()

    def pulled() -> None:
        push.back()  # a token that works again works for the upload too
        taken_in()

    def settled(scan: Scan, outcome: Outcome) -> None:
        closing.settled(scan, outcome)
        if on_settled:
            on_settled(scan, outcome)
        changed.ring()

    client = Client(settings, read_token(settings))
    timekeeper = Timekeeper(clock, store, health, ask=client.version)
    await timekeeper.start()
    client.on_date = timekeeper.learn
    await stack.enter_async_context(client)
    changes = Changes(
        client,
        store,
        keeper,
        clock,
        health,
        every_s=settings.pull_s,
        capabilities=capabilities,
        on_changed=taken_in,
    )
    pull = Pull(
        client,
        store,
        keeper,
        clock,
        health,
        every_s=settings.complete_s,
        changes=changes,
        on_pulled=pulled,
    )
    await pull.remember()
    push = Push(
        client,
        store,
        clock,
        health,
        capabilities=capabilities,
        exit_via=settings.exit_via,
        look_again=pull.probe,
        before_telling=timekeeper.before_telling,
        on_settled=settled,
    )
    client.on_reach = partial(_reached, health, push)
    census = Census(
        client,
        store,
        clock,
        health,
        capacity=config.gate.capacity,
        every_s=3 * settings.pull_s,
        on_owed=push.wake,
    )
    bulk = Bulk(
        client,
        store,
        clock,
        most=settings.bulk_most,
        capabilities=capabilities,
        read_list=pull.once,
    )
    closing = CheckOutAll(
        client,
        store,
        clock,
        health,
        bulk=bulk,
        on_owed=push.wake,
        on_change=changed.ring,
    )
    return Sync(
        client=client,
        timekeeper=timekeeper,
        changes=changes,
        pull=pull,
        asker=Asker(client, timeout_ms=settings.confirm_timeout_ms, can_list=lambda: pull.can_list),
        push=push,
        census=census,
        closing=closing,
        freshness=Freshness(store, clock, health, old_s=settings.old_after_s),
        forgetting=Forgetting(store, clock, keep_days=config.privacy.keep_days),
    )


def _reached(health: Health, push: Push, reachable: bool) -> None:  # noqa: FBT001  called so
    if reachable:
        health.ok("server", "connected")
        push.back()
    else:
        health.warn("server", "does not answer: the gate goes on by itself")
