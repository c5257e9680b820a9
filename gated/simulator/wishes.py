"""`--fault` and `--profile` in words: what somebody types, read into faults and rights."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace

from gated.errors import GatedError
from gated.simulator.dialects import PROFILES, Dialect
from gated.simulator.faults import ABOUT, ActiveFault, Fault
from gated.simulator.records import Kind, TokenRights

TEAMS = {
    "team": TokenRights(Kind.TEAM),
    "team-checkin": TokenRights(Kind.TEAM, can_view_orders=False, can_change_orders=False),
    "team-view": TokenRights(Kind.TEAM, can_checkin_orders=False, can_change_orders=False),
}
"""Team tokens by what they may do; every other profile is a device's."""


@dataclass(frozen=True, slots=True)
class _Parts:
    amount: float | None = None
    probability: float = 1.0
    times: int | None = None
    path: str = ""


def read_fault(text: str) -> ActiveFault:
    """Read NAME or NAME=PART,...: 5% (how likely), 0.2 (how much), x3 (how often), /path/ (where).

    Raises GatedError.
    """
    name, _, rest = text.partition("=")
    if name not in ABOUT:
        raise GatedError(
            f"--fault {text}: there is no fault {name!r}{_meant(name)};"
            " see gated simulate-server --list-faults"
        )
    fault = Fault(name)
    parts = _parts(text, rest)
    active = ActiveFault(fault, times=parts.times, probability=parts.probability, path=parts.path)
    if parts.amount is not None:
        if not ABOUT[fault].amount:
            raise GatedError(f"--fault {text}: {name} has no amount; how likely is written 5%")
        kind = type(getattr(active, ABOUT[fault].amount))
        setattr(active, ABOUT[fault].amount, kind(parts.amount))
    return active


def rights_of(profile: str) -> TokenRights:
    """What a token with this profile may do."""
    return replace(TEAMS[profile]) if profile in TEAMS else TokenRights(Kind.DEVICE, profile)


def profiles(dialect: Dialect) -> list[str]:
    """The names of all profiles, the usual one first."""
    return ["full", *PROFILES[dialect], *TEAMS]


def fault_lines() -> list[tuple[str, str]]:
    """Every fault as it is typed, and what it does."""
    lines = []
    for fault, about in ABOUT.items():
        default = getattr(ActiveFault(fault), about.amount) if about.amount else ""
        typed = f"{fault}={default:g}" if about.amount else str(fault)
        unit = f" ({about.unit})" if about.unit else ""
        lines.append((typed, about.words + unit))
    return lines


def _parts(text: str, rest: str) -> _Parts:
    found: dict[str, float | int | str] = {}
    for part in filter(None, rest.split(",")):
        try:
            if part.startswith("/"):
                found["path"] = part
            elif part.endswith("%"):
                found["probability"] = float(part[:-1]) / 100
            elif part.startswith("x"):
                found["times"] = int(part[1:])
            else:
                found["amount"] = float(part)
        except ValueError:
            raise GatedError(
                f"--fault {text}: cannot read {part!r}; write 5% (how likely), 0.2 (how much),"
                " x3 (how often) or /checkout/ (where)"
            ) from None
    parts = _Parts(**found)  # type: ignore[arg-type]
    if not 0 <= parts.probability <= 1:
        raise GatedError(f"--fault {text}: how likely must be from 0% to 100%")
    return parts


def _meant(word: str) -> str:
    close = difflib.get_close_matches(word, [str(each) for each in ABOUT], 1)
    return f" (did you mean {close[0]}?)" if close else ""
