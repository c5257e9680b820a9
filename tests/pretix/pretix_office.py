"""Somebody at pretix' own pages, who makes devices and takes their access away."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from pretix_server import ORGANIZER, Pretix

_HIDDEN = re.compile(r"name=.csrfmiddlewaretoken. value=.(\w+)")
_SHOWN_AS_QR = re.compile(r"<script[^>]*data-replace-with-qr>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True)
class NewDevice:
    """A device that waits for its gate."""

    number: int
    """In the addresses of pretix' pages; its API counts otherwise."""
    code: str
    """The text of the QR code on its page."""

    @property
    def token(self) -> str:
        """The initialization token."""
        return str(json.loads(self.code)["token"])


class Office:
    """A browser with somebody logged in."""

    def __init__(self, pretix: Pretix) -> None:
        self._pretix = pretix
        self._browser = aiohttp.ClientSession(
            pretix.url,
            # Else none are kept of an address that is a number.
            cookie_jar=aiohttp.CookieJar(unsafe=True),
            raise_for_status=True,
        )

    async def __aenter__(self) -> Self:
        await self._send("/control/login", email="office@example.org", password="office")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._browser.close()

    async def make_device(self, name: str, *, profile: str, event: str = "") -> NewDevice:
        """Make a device for one event, else for all; pretix then shows its code."""
        events = (
            {"limit_events": str(self._pretix.events[event])} if event else {"all_events": "on"}
        )
        landed, page = await self._send(
            f"/control/organizer/{ORGANIZER}/device/add",
            name=name,
            security_profile=profile,
            **events,
        )
        shown = _SHOWN_AS_QR.search(page)
        assert shown, page
        code = json.loads(shown[1])
        return NewDevice(int(landed.split("/device/")[1].split("/")[0]), code)

    async def revoke(self, device: NewDevice) -> None:
        """Take its access away."""
        await self._send(f"/control/organizer/{ORGANIZER}/device/{device.number}/revoke")

    async def _send(self, path: str, **fields: str) -> tuple[str, str]:
        """Fill in the form of a page; where that led to, and what is there."""
        async with self._browser.get(path) as answer:
            hidden = _HIDDEN.search(await answer.text())
        assert hidden, path
        fields["csrfmiddlewaretoken"] = hidden[1]
        async with self._browser.post(path, data=fields) as answer:
            return str(answer.url), await answer.text()
