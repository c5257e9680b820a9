"""A check-in list's entry rules (JSON logic), evaluated offline as the server does: pure.

The server refuses a guest when it meets an operator or a variable it does not know. The gate may
be older than the server, so here such a part is undecided, and only that part: whatever it might
be, a true branch settles an `or` and a false one an `and`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from gated.model import Checkin, ScanType
from gated.rule_values import (
    absolute,
    at_most,
    chained,
    equal,
    instant,
    is_before,
    less,
    time_of_day,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from zoneinfo import ZoneInfo

MOST_NODES = 10_000
"""Larger rules are not evaluated; an editor's rule with a thousand products has half as many."""
DEEPEST = 40
"""Rules nested deeper are not evaluated."""
MOST_NAMES, LONGEST_NAME = 20, 60


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """What rules may ask about.

    `now` is in UTC, None where it is not known; `timezone` is the event's; `gate` is the server's
    id of the device's gate, if that is known at all; `history` has the ticket's check-ins on this
    list only, oldest first. The dates are those of the ticket's date in a series, else of the
    event; None where they are not set or not known.
    """

    now: datetime | None
    timezone: ZoneInfo
    item: int
    variation: int | None = None
    gate: int | None = None
    gate_known: bool = True
    history: Sequence[Checkin] = ()
    date_from: datetime | None = None
    date_to: datetime | None = None
    date_admission: datetime | None = None


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """Whether the rules let the guest in; None when that hangs on what cannot be evaluated.

    `unknown` names the operators, variables and dates that could not be evaluated on the way to
    the answer, also where the answer did not need them. Names come from the server: hostile text.
    """

    allowed: bool | None
    unknown: tuple[str, ...] = ()


def evaluate(rules: Mapping[str, Any], facts: RuleFacts) -> RuleAnswer:
    """Evaluate a list's rules for an entry; takes any JSON and never raises."""
    if not rules:
        return RuleAnswer(allowed=True)
    if excess := _excess(rules):
        return RuleAnswer(allowed=None, unknown=(excess,))
    evaluation = _Evaluation(facts)
    return RuleAnswer(evaluation.holds(rules), tuple(evaluation.unknown))


class _Undecided(Exception):  # control flow of this module, never an error
    def __init__(self, name: str) -> None:
        super().__init__(name)
        shown = "".join(letter if letter.isprintable() else "?" for letter in name[:LONGEST_NAME])
        self.name = shown or "an empty name"


class _Evaluation:
    """One evaluation. Values are JSON scalars, aware datetimes, and flat lists of these."""

    def __init__(self, facts: RuleFacts) -> None:
        self.unknown: list[str] = []
        self._facts = facts
        self._entries = sorted(
            checkin.at for checkin in facts.history if checkin.type is ScanType.ENTRY
        )
        self._operators: dict[str, Callable[..., Any]] = {
            "==": equal,
            "!=": lambda left, right: not equal(left, right),
            "<": chained(less),
            "<=": chained(at_most),
            ">": lambda left, right: less(right, left),
            ">=": lambda left, right: at_most(right, left),
            "inList": lambda member, members: member in members,
            "objectList": lambda *members: list(members),
            "lookup": lambda _kind, key, _label: int(key),
            "isBefore": is_before,
            "isAfter": lambda left, right, minutes=None: is_before(right, left, minutes),
            "buildTime": self._build_time,
            "var": self._variable,
            "entries_since": lambda start: len(self._since(start)),
            "entries_before": lambda end: len(self._before(end)),
            "entries_days_since": lambda start: self._days(self._since(start)),
            "entries_days_before": lambda end: self._days(self._before(end)),
        }
        self._variables: dict[str, Callable[[], Any]] = {
            "product": lambda: facts.item,
            "variation": lambda: facts.variation,
            "gate": self._gate,
            "now": self._now,
            "now_isoweekday": lambda: self._local_now().isoweekday(),
            "entries_number": lambda: len(self._entries),
            "entries_today": self._entries_today,
            "entries_days": lambda: self._days(self._entries),
            "entry_status": self._entry_status,
            "minutes_since_last_entry": lambda: self._minutes_since(self._entries[-1:]),
            "minutes_since_first_entry": lambda: self._minutes_since(self._entries[:1]),
        }

    def holds(self, node: Any) -> bool | None:
        """Tell whether the node is true; None when it cannot be decided."""
        try:
            operator, operands = _parts(node)
            if operator not in {"and", "or"}:
                return bool(self._value(node))
        except _Undecided as undecided:
            if undecided.name not in self.unknown and len(self.unknown) < MOST_NAMES:
                self.unknown.append(undecided.name)
            return None
        settling = operator == "or"
        answers = set()
        for operand in operands:
            answer = self.holds(operand)
            if answer is settling:
                return settling
            answers.add(answer)
        return None if None in answers else not settling

    def _value(self, node: Any) -> Any:
        operator, operands = _parts(node)
        if not operator:
            if any(isinstance(member, list | Mapping) for member in _children(node)):
                raise _Undecided("a list in a list")
            return node
        if operator in {"and", "or"}:
            return self._settling_value(operands, settling=operator == "or")
        function = self._operators.get(operator)
        if function is None:
            raise _Undecided(operator)
        arguments = [self._value(operand) for operand in operands]
        try:
            return function(*arguments)
        except (TypeError, ValueError, ArithmeticError):
            # The server of today refuses everybody here; one that knows more might not.
            raise _Undecided(operator) from None

    def _settling_value(self, operands: Sequence[Any], *, settling: bool) -> Any:
        value: Any = not settling
        for operand in operands:
            value = self._value(operand)
            if bool(value) is settling:
                break
        return value

    def _variable(self, name: Any, _default: Any = None) -> Any:
        variable = self._variables.get(name)
        if variable is None:
            raise _Undecided(str(name))
        return variable()

    def _build_time(self, kind: Any, text: Any = None) -> datetime:
        facts = self._facts
        if kind == "custom":
            return absolute(text)
        if kind == "customtime":
            return self._today_at(time_of_day(text))
        date = {
            "date_from": facts.date_from,
            "date_to": facts.date_to or facts.date_from,
            "date_admission": facts.date_admission or facts.date_from,
        }.get(kind)
        if date is None:
            raise _Undecided(str(kind))
        return date

    def _gate(self) -> int | None:
        if not self._facts.gate_known:
            raise _Undecided("gate")
        return self._facts.gate

    def _now(self) -> datetime:
        if self._facts.now is None:
            raise _Undecided("now")
        return self._facts.now

    def _local_now(self) -> datetime:
        return self._now().astimezone(self._facts.timezone)

    def _entries_today(self) -> int:
        return len(self._since(self._today_at(time()))) if self._entries else 0

    def _today_at(self, clock: time) -> datetime:
        # An hour that comes twice is the one of now's fold, and one that is skipped counts with
        # the offset of before the change: both as on the server.
        now = self._local_now()
        local = datetime.combine(now.date(), clock, self._facts.timezone)
        return local.replace(fold=now.fold).astimezone(UTC)

    def _since(self, start: Any) -> list[datetime]:
        return self._entries[bisect_left(self._entries, instant(start)) :]

    def _before(self, end: Any) -> list[datetime]:
        return self._entries[: bisect_left(self._entries, instant(end))]

    def _days(self, entries: Sequence[datetime]) -> int:
        return len({at.astimezone(self._facts.timezone).date() for at in entries})

    def _minutes_since(self, entry: Sequence[datetime]) -> float:
        return (self._now() - entry[0]).total_seconds() // 60 if entry else -1

    def _entry_status(self) -> str:
        history = self._facts.history
        return "present" if history and history[-1].type is ScanType.ENTRY else "absent"


def _excess(rules: Any) -> str:
    """Say how the rules are larger than what is evaluated; empty when they are not."""
    nodes = 0
    level = [rules]
    for _ in range(DEEPEST):
        nodes += len(level)
        if nodes > MOST_NODES:
            return f"more than {MOST_NODES} parts"
        level = [child for node in level for child in _children(node)]
        if not level:
            return ""
    return f"nested more than {DEEPEST} deep"


def _children(node: Any) -> Sequence[Any]:
    if isinstance(node, Mapping):
        return list(node.values())
    return node if isinstance(node, list) else ()


def _parts(node: Any) -> tuple[str, list[Any]]:
    """Split an operation into operator and operands; the operator of a literal is empty."""
    if not isinstance(node, Mapping):
        return "", []
    # Keys with two underscores are the server's annotations.
    operators = [key for key in node if not key.startswith("__")]
    if len(operators) != 1 or not operators[0]:
        raise _Undecided(" ".join(operators))
    operands = node[operators[0]]
    return operators[0], operands if isinstance(operands, list) else [operands]
