"""The commands: a file for each group of them, all hanging on `base.cli`."""

from gated.cli import (
    check,
    closing,
    enrolling,
    gate,
    ledger,
    login,
    panel,
    pictures,
    releases,
    setup,
    simulator,
    support,
)
from gated.cli.base import cli, main

__all__ = [
    "check",
    "cli",
    "closing",
    "enrolling",
    "gate",
    "ledger",
    "login",
    "main",
    "panel",
    "pictures",
    "releases",
    "setup",
    "simulator",
    "support",
]
