"""The pins: whether they can be taken, and with a person whether what hangs on them works."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from gated.errors import GatedError, PanelError
from gated.panel import open_panel
from gated.preflight.finding import Finding, good, red, unknown
from gated.tryouts import AWAITED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gated.panel import Input, Panel
    from gated.preflight.here import Here, Person

_NAMES = {
    "green": "green lamp",
    "red": "red lamp",
    "blue": "blue lamp",
    "mode_entry": "check-in lamp",
    "mode_exit": "check-out lamp",
    "status": "status lamp",
    "torch": "torch",
}
_DOES = {"buzzer": "sound", "relay": "click"}
_WIRING = "check its wire, its resistor, and that it is the right way round; the README has a table"
_CONTACTS = {
    "button": ("button", "Press the button now."),
    "key": ("key", "Turn the key now."),
    "sensor": ("sensor", "Step into the passage now."),
    "emergency": ("fire panel", "Open its contact now; a gate that runs opens the way."),
}
INPUTS = frozenset(AWAITED)
"""Parts of the panel that are heard; all others light up, sound or move."""


async def pins(here: Here) -> Finding:
    """Whether the pins can be taken, or the running gate has them."""
    panel = here.config.panel
    if panel.kind != "gpio":
        return unknown(f'[panel] kind = "{panel.kind}": there are no pins')
    if panel.pin_factory == "mock" and here.pin_factory is None:
        return unknown('[panel] pin_factory = "mock": nothing lights up')
    named = ", ".join(f"{name} {pin}" for name, pin in panel.pins().items())
    if here.state is not None:
        condition = here.condition("panel")
        if condition and condition["level"] == "error":
            return red(condition["words"], "put the wiring right, then restart gated")
        return good(f"the running gate has them: {named}")
    try:
        async with _panel(here):
            return good(f"they can be taken: {named}")
    except PanelError as error:
        return red(str(error), "sudo usermod -aG gpio gated, and the right pins in [panel]")


def untried(_: Here) -> Finding:
    """Only a person can tell whether a lamp is lit."""
    words = "nobody looked whether lamps, buzzer and button work"
    return unknown(words, "gated check --ask")


async def output(here: Here, *, part: str, person: Person) -> Finding:
    """Have one part blink or sound three times, and ask whether it did."""
    name = _NAMES.get(part, part)
    did = _DOES.get(part, "blink" if part in _NAMES else "work")
    question = f"Did the {name} {did} three times?"
    try:
        if here.state is not None:
            told = await here.answer("try_part", {"part": part})
            await asyncio.sleep(told["seconds"])
            yes = await person.asks(question)
        else:
            async with _panel(here) as panel:
                await asyncio.sleep(panel.try_part(part))
                yes = await person.asks(question)
    except GatedError as error:
        return red(str(error), _WIRING)
    pin = here.config.panel.pins()[part]
    if not yes:
        return red(f"the {name} on pin {pin} did not {did}", _WIRING)
    return good(f"the {name} on pin {pin} does {did}")


async def contact(here: Here, *, part: str, person: Person) -> Finding:
    """Have the button pressed, the key turned, the passage entered or the fire loop opened."""
    is_key = part == "button" and here.config.panel.mode.kind == "key_switch"
    name, act = _CONTACTS["key" if is_key else part]
    person.told(act)
    wait_s = here.patience_s
    try:
        if here.state is not None:
            told = await here.answer(
                "try_press", {"patience_s": wait_s, "part": part}, silence_s=wait_s + 10
            )
            came = told["input"]
        else:
            came = await _own_input(here, wait_s, part)
    except GatedError as error:
        return red(str(error), _WIRING)
    pin = here.config.panel.pins()[part]
    if came is None:
        remedy = "check its wires: one goes to the pin, the other to ground"
        return red(f"nothing came from the {name} on pin {pin} within {wait_s:.0f} s", remedy)
    return good(f"the {name} on pin {pin} was heard")


async def _own_input(here: Here, wait_s: float, part: str) -> Input | None:
    inputs: asyncio.Queue[Input] = asyncio.Queue()
    async with _panel(here, inputs):
        await asyncio.sleep(0)  # where a key stands is told at the start
        while not inputs.empty():
            inputs.get_nowait()
        try:
            async with asyncio.timeout(wait_s):
                while (given := await inputs.get()) not in AWAITED[part]:
                    pass
                return given
        except TimeoutError:
            return None


@asynccontextmanager
async def _panel(here: Here, inputs: asyncio.Queue[Input] | None = None) -> AsyncIterator[Panel]:
    """The panel itself, where no gate holds it. Raises PanelError, also for failures in between."""
    failures: list[PanelError] = []
    panel = open_panel(
        here.config.panel,
        on_input=inputs.put_nowait if inputs else lambda _: None,
        on_change=lambda: None,
        on_failure=failures.append,
        pin_factory=here.pin_factory,
    )
    async with panel as opened:
        yield opened
    if failures:
        raise failures[0]
