"""The commands: a file for each group of them, all hanging on `base.cli`."""

from gated.cli import gate, ledger, login, pictures, setup, simulator
from gated.cli.base import cli, main

__all__ = ["cli", "gate", "ledger", "login", "main", "pictures", "setup", "simulator"]
