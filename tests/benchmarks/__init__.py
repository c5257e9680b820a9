"""What gated promises in figures, measured as ratios within one run: `make bench`."""

from __future__ import annotations

import sys
from pathlib import Path

# The rig of the integration tests belongs to no package.
_RIG = str(Path(__file__).parent.parent / "integration")
if _RIG not in sys.path:
    sys.path.append(_RIG)
