"""The config: TOML, typed, and every problem told at once."""

from gated.config.reading import keys, load, parse
from gated.config.sections import (
    Camera,
    Config,
    Control,
    Gate,
    Log,
    Panel,
    Policy,
    Privacy,
    Scanner,
    Server,
    Store,
    Web,
)

__all__ = [
    "Camera",
    "Config",
    "Control",
    "Gate",
    "Log",
    "Panel",
    "Policy",
    "Privacy",
    "Scanner",
    "Server",
    "Store",
    "Web",
    "keys",
    "load",
    "parse",
]
