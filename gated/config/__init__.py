"""The config: TOML, typed, and every problem told at once."""

from gated.config.panel import Blink, Display, Mode, Panel, SignalStep, SignalSteps
from gated.config.reading import keys, load, parse
from gated.config.sections import (
    Camera,
    Config,
    Control,
    Gate,
    Log,
    Metrics,
    Policy,
    Privacy,
    Scanner,
    Schedule,
    Server,
    Store,
    Web,
    server_url,
)

__all__ = [
    "Blink",
    "Camera",
    "Config",
    "Control",
    "Display",
    "Gate",
    "Log",
    "Metrics",
    "Mode",
    "Panel",
    "Policy",
    "Privacy",
    "Scanner",
    "Schedule",
    "Server",
    "SignalStep",
    "SignalSteps",
    "Store",
    "Web",
    "keys",
    "load",
    "parse",
    "server_url",
]
