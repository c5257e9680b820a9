"""The attendee list, the ledger and the outbox in one SQLite file."""

from gated.store.database import Store, open_read_only
from gated.store.vault import Vault

__all__ = ["Store", "Vault", "open_read_only"]
