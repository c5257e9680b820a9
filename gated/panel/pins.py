"""The pins of the GPIO header: gpiozero's factories of them, and what fails, in a sentence."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gpiozero import GPIOPinInUse, PinUnknownPi
from gpiozero.pins.mock import MockFactory, MockPWMPin

from gated.errors import PanelError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHERWISE = 'or set [panel] kind = "console"'


def open_factory(name: str) -> Any:
    """Open the pins of a Pi (`lgpio`), or some that are none (`mock`). Raises PanelError."""
    if name == "mock":
        return mock_pins()
    try:
        # lgpio exists on a Pi only.
        from gpiozero.pins.lgpio import LGPIOFactory  # noqa: PLC0415
    except (ImportError, AttributeError) as error:  # its placeholder on PyPI is an empty module
        raise PanelError(
            f"lgpio is missing ({sentence(error)}): install python3-lgpio {_OTHERWISE}."
        ) from error
    except OSError as error:
        raise PanelError(
            f"lgpio cannot keep its files in the working directory ({sentence(error)}): "
            "set LG_WD to a directory that gated may write to."
        ) from error
    try:
        return LGPIOFactory()
    except PinUnknownPi as error:
        raise PanelError(
            f"This is not a Raspberry Pi ({sentence(error)}): run gated on one {_OTHERWISE}."
        ) from error
    except Exception as error:
        raise PanelError(
            f"The GPIO pins cannot be opened ({sentence(error)}): "
            f"let the user of gated into the group gpio {_OTHERWISE}."
        ) from error


def mock_pins() -> MockFactory:
    """Pins of gpiozero's mock factory, which remember what was written and can be pressed."""
    return MockFactory(pin_class=MockPWMPin)


@contextmanager
def told_taking(name: str, pin: int) -> Iterator[None]:
    """Every exception becomes a PanelError that says which pin could not be had for what."""
    try:
        yield
    except Exception as error:
        why = sentence(error)
        if isinstance(error, GPIOPinInUse) or "busy" in why.lower():
            advice = f"stop what else uses it or give [panel] {name} another pin"
        else:
            advice = f"check [panel] {name} {_OTHERWISE}"
        raise PanelError(f"Pin {pin} cannot be the {name} ({why}): {advice}.") from error


@contextmanager
def told(what: str, advice: str) -> Iterator[None]:
    """Every exception becomes a PanelError: lgpio's own can be imported on a Pi only."""
    try:
        yield
    except Exception as error:
        raise PanelError(f"{what} ({sentence(error)}): {advice}.") from error


def sentence(error: Exception) -> str:
    """What a library has to say, on one line."""
    words = " ".join(str(error).split()).strip(". ")
    if words[:1] == words[-1:] == "'":  # as lgpio's errors are
        words = words[1:-1].strip(". ")
    return words or type(error).__name__
