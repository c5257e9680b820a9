"""`gated check`: whether a gate is ready for its guests, line by line."""

from gated.preflight.finding import Finding, Outcome
from gated.preflight.here import Here, look_around
from gated.preflight.table import CHECKS, Check, Line, checks, go_through

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Here",
    "Line",
    "Outcome",
    "checks",
    "go_through",
    "look_around",
]
