"""The ticket server: what it says as values, what goes wrong as our errors."""

from gated.server.client import Client
from gated.server.dialects import Capabilities, probe

__all__ = ["Capabilities", "Client", "probe"]
