"""What the manual tells people to type, as it stands there."""

from __future__ import annotations

import re
import textwrap

from .image import ROOT


def commands(page: str, heading: str) -> list[str]:
    """The blocks of commands below a heading, in order; each line is one that people type."""
    text = (ROOT / page).read_text()
    found = re.search(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL
    )
    assert found, f"{page} has no {heading!r}"
    blocks = re.findall(r"^ *```\n(.*?)^ *```$", found[1], re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block) for block in blocks]
