"""A gate at work without a gate: the daemon itself, a drawn scene and a simulated server."""

from gated.demo.show import run

__all__ = ["run"]
