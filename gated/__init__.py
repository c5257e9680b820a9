"""gated: a ticket gate on a Raspberry Pi."""

__version__ = "0.1.0"
