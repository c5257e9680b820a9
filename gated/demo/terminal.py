"""The demo in the terminal: one line a guest, and a summary."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gated.logs import short
from gated.model import ScanType, Verdict
from gated.signals import reason_words

if TYPE_CHECKING:
    from gated.demo.cast import Story
    from gated.gate import Shown

_LOOKS = {
    Verdict.ADMIT: ("bold green", "✔ accepted "),
    Verdict.ATTENTION: ("bold yellow", "! attention"),
    Verdict.REFUSE: ("bold red", "✘ refused  "),
}


_WIDE = 160


@dataclass
class Tally:
    """What the summary is made of."""

    guests: int = 0
    unread: int = 0
    honest_red: int = 0
    dishonest_green: int = 0
    verdicts: dict[Verdict, int] = field(default_factory=dict)
    ms: list[float] = field(default_factory=list)
    store_ms: list[float] = field(default_factory=list)
    decode_ms: list[float] = field(default_factory=list)


class Terminal:
    """Prints; in colour where there is a terminal."""

    def __init__(self) -> None:
        self.tally = Tally()
        self._console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = _WIDE

    def welcome(self, url: str | None, server: str) -> None:
        """Say what runs, and where to look."""
        self._console.print("[bold]gated demo[/bold]: a gate, its guests and a ticket server.")
        if url:
            self._console.print(f"The gate's page: [bold cyan]{url}[/bold cyan]")
        self._console.print(f"The ticket server: {server}   (stop with Ctrl-C)\n", style="dim")

    def say(self, words: str) -> None:
        """Print something that happened besides guests."""
        self._console.print(f"         {words}", style="cyan")

    def shown(self, answer: Shown, story: Story, *, decode_ms: float, told: str) -> None:
        """Print the line of a guest."""
        decision, sighting = answer.decision, answer.sighting
        self._count(answer, story, decode_ms)
        style, verdict = _LOOKS[decision.verdict]
        line = Text()
        line.append(f"{answer.scans[0].at.astimezone():%H:%M:%S} ", "dim")
        line.append("check-in  " if sighting.type is ScanType.ENTRY else "check-out ")
        line.append(f"{verdict} ", style)
        words = reason_words(decision.reason, decision.verdict, sighting.type)
        line.append(f"{words:<20} ")
        line.append(f"{answer.scans[0].order_code or short(sighting.text):<6.6}", "bold")
        line.append(f"{answer.ms:4.0f} ms  ", "dim")
        line.append(f"told {told:<9} ", "dim")
        line.append(story.words, "dim italic")
        self._console.print(line, no_wrap=True, overflow="ellipsis")

    def unread(self, story: Story) -> None:
        """Print the line of a guest whose code was not read."""
        self.tally.guests += 1
        self.tally.unread += 1
        self._console.print(f"         not read: a guest who {story.words}", style="magenta")

    def summary(self, *, told: str, seconds: float) -> None:
        """Print what it came to."""
        tally = self.tally
        table = Table(title="summary", show_header=False, title_justify="left", box=None)
        table.add_row("guests", f"{tally.guests} in {seconds:.0f} s, {tally.unread} not read")
        for verdict, count in sorted(tally.verdicts.items()):
            table.add_row(_LOOKS[verdict][1].strip("✔!✘ "), str(count))
        table.add_row("honest guests who saw red", str(tally.honest_red))
        table.add_row("others who saw plain green", str(tally.dishonest_green))
        if tally.ms:
            table.add_row("frame to lamp", _spread(tally.ms))
            table.add_row("  of which decoding", _spread(tally.decode_ms))
            table.add_row("  decision, on the disk", _spread(tally.store_ms))
        table.add_row("told to the server", told)
        self._console.print()
        self._console.print(table)

    def _count(self, answer: Shown, story: Story, decode_ms: float) -> None:
        tally, verdict = self.tally, answer.decision.verdict
        tally.guests += 1
        tally.verdicts[verdict] = tally.verdicts.get(verdict, 0) + 1
        tally.honest_red += story.honest and verdict is Verdict.REFUSE
        tally.dishonest_green += not story.honest and verdict is Verdict.ADMIT
        if not answer.asked:
            tally.ms.append(answer.ms)
            tally.store_ms.append(answer.store_ms)
            tally.decode_ms.append(decode_ms)


def _spread(values: list[float]) -> str:
    ordered = sorted(values)
    last = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return f"median {statistics.median(ordered):.1f} ms, p99 {last:.1f} ms"
