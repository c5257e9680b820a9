"""What a guest reads, in the guest's language.

The catalogues in `locale/` are gettext's .po files, one a language; English is what the code says.
Of their syntax we need msgid and msgstr only, so they are read as they are, not compiled.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from gated.model import ScanType, Verdict
from gated.signals import REASONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gated.model import Reason

_HEADLINES = {
    Verdict.REFUSE: "Please wait",
    Verdict.ATTENTION: "One moment, please",
}
_PASSED = {ScanType.ENTRY: "Welcome", ScanType.EXIT: "Goodbye"}
_WAYS = {ScanType.ENTRY: "Entrance", ScanType.EXIT: "Exit"}
_SHOW = "Please show your ticket"
_WALK = "Please walk through"


@dataclass(frozen=True, slots=True)
class Text:
    """A few big words, and a smaller line of explanation."""

    headline: str
    detail: str = ""


class Words:
    """Speaks one language."""

    def __init__(self, language: str) -> None:
        self._known = catalogue(language)

    def answer(self, verdict: Verdict, reason: Reason, scan_type: ScanType) -> Text:
        """What the guest of a decision reads."""
        headline = _PASSED[scan_type] if verdict is Verdict.ADMIT else _HEADLINES[verdict]
        return Text(self._say(headline), self._say(REASONS[reason]))

    def rest(self, mode: ScanType) -> Text:
        """What is read while nobody is there."""
        return Text(self._say(_WAYS[mode]), self._say(_SHOW))

    def free_flow(self) -> Text:
        """What is read in an emergency."""
        return Text(self._say(_WALK))

    def _say(self, message: str) -> str:
        return self._known.get(message, message)


def messages() -> tuple[str, ...]:
    """Everything that there is to translate."""
    return (
        *_HEADLINES.values(),
        *_PASSED.values(),
        *REASONS.values(),
        *_WAYS.values(),
        _SHOW,
        _WALK,
    )


@lru_cache
def catalogue(language: str) -> Mapping[str, str]:
    """What the messages are in a language; nothing for English."""
    if language == "en":
        return {}
    file = resources.files("gated") / "locale" / f"{language}.po"
    return _parse(file.read_text(encoding="utf-8"))


def _parse(po: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    message = ""
    for line in po.splitlines():
        keyword, _, quoted = line.partition(" ")
        if keyword == "msgid":
            message = ast.literal_eval(quoted)
        elif keyword == "msgstr" and message:
            found[message] = ast.literal_eval(quoted)
    return found
