"""The check-ins of one ticket on one list: the server's and our own, merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gated.model import Checkin, ScanType
from gated.store.rows import moment

if TYPE_CHECKING:
    import sqlite3

# Our own scans count until the server's list was read after they were settled; from then on the
# server's word stands, but for an entry that it would not take from us: that guest is inside all
# the same. What is annulled never was, also while the server still has it; of free flow nobody
# can say who passed.
_HISTORY = """
    SELECT at, type, server_id FROM checkins
    WHERE list_id = :list AND position_id = :position AND NOT EXISTS (
        SELECT 1 FROM scans WHERE position_id = :position AND list_id = :list
          AND verdict <> 'refuse' AND state IN ('annulled', 'annulling')
          AND sent_at = checkins.at AND scans.type = checkins.type)
    UNION ALL
    SELECT COALESCE(sent_at, dated), type, 9223372036854775807 FROM scans
    WHERE position_id = :position AND list_id = :list AND verdict <> 'refuse'
      AND state NOT IN ('annulled', 'annulling') AND reason <> 'free_flow'
      AND (settled_no IS NULL OR state = 'refused' OR settled_no > COALESCE(
        (SELECT known_no FROM listings WHERE list_id = :list AND position_id = :position), -1))
    ORDER BY 1, 3
"""


def history(db: sqlite3.Connection, list_id: int, position_id: int) -> list[Checkin]:
    """The check-ins on one list, the server's and our own, oldest first, none twice."""
    rows = db.execute(_HISTORY, {"list": list_id, "position": position_id})
    once = dict.fromkeys((row["type"], row["at"]) for row in rows)
    return [Checkin(ScanType(kind), moment(at)) for kind, at in once]
