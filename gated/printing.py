"""What the commands print: the state in words, the ledger as table, CSV or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

from gated.logs import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from gated.model import Scan

_FIELDS = (
    "at", "clock", "type", "verdict", "reason", "order", "position", "list", "state",
    "attempts", "sent_at", "server_reason", "server_message", "nonce", "eye", "passage",
)  # fmt: skip


def state_text(state: dict[str, Any]) -> str:
    """The state of a gate (web.state) for a person."""
    mode_words = "check-in" if state["gate"]["mode"] == "entry" else "check-out"
    locked = ", locked" if state["gate"].get("locked") else ""
    counts, owed, tickets = state["counts"], state["outbox"], state["list"]
    running = "running" if state["running"] else "not running"
    refused = ", ".join(f"{one['count']} {one['words']}" for one in counts["refused"].values())
    age = "never downloaded" if tickets["age_s"] is None else f"{tickets['age_s']:.0f} s old"
    lines = [
        (state["gate"]["name"], f"{running}, {mode_words}{locked}"),
        ("people", f"{counts['in']} in, {counts['out']} out here; {counts['inside']} inside"),
        ("refused", refused or "nobody"),
        ("list", f"{tickets['tickets']} tickets, {age}"),
        ("to be told", f"{owed['waiting']} scans; {owed['settled']} settled"),
    ]
    if emergency := state["gate"].get("emergency", {}).get("words"):
        lines.insert(1, ("EMERGENCY", emergency))
    if coming := state["gate"].get("coming"):
        lines.append(("next", coming))
    if owed["shelved"]:
        needs = "scan needs" if owed["shelved"] == 1 else "scans need"
        words = f"{owed['shelved']} {needs} a person: see gated scans --shelved"
        lines.append(("shelf", words))
    if owed["refused"]:
        taken = "scan was" if owed["refused"] == 1 else "scans were"
        lines.append(("not taken", f"{owed['refused']} {taken} refused by the server: gated scans"))
    lines += _eyes(state)
    if "server" in state:
        server = state["server"]
        lines.append(("server", f"{server['url']} {server['words']}"))
        lines += [("missing", one["cost"]) for one in server["missing"]]
    if "clock" in state:
        lines.append(("clock", state["clock"]["words"]))
    health = [
        one for one in state.get("health", ()) if one["part"] not in {"shelf", "clock", "emergency"}
    ]
    lines += [(one["part"], one["words"]) for one in health if one["level"] != "ok"]
    return "\n".join(f"{name + ':':<12} {words}" for name, words in lines)


def _eyes(state: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if camera := state.get("camera"):
        restarts = camera["restarts"]
        often = f", restarted {restarts} time{'s' * (restarts != 1)}" if restarts else ""
        yield "camera", f"{camera['source']}, {camera['fps']:.1f} pictures a second{often}"
        to_text = camera["to_text_ms"]
        usual = "" if to_text is None else f", usually within {to_text} ms"
        words = (
            f"{camera['openings']} came into view: {camera['openings_read']} read{usual};"
            f" {camera['unread']} with a code that was not read,"
            f" {camera['never_located']} without one"
        )
        yield "reading", words
    for scanner in state.get("scanners", ()):
        there = "" if scanner["there"] else ", not there"
        yield "scanner", f"{scanner['device']}, {scanner['reads']} codes read{there}"


def aim_text(state: dict[str, Any]) -> str:
    """How the camera is aimed (camera.aiming) for a person on a ladder: scores, then what to do."""
    px = state["module_px"]
    size = _score(state["size"]) + (f" ({px:.1f} pixels a module)" if px else "")
    codes = f"{state['read']} read, {state['seen']} seen but not read"
    scores = f"focus {_score(state['focus'])}  light {_score(state['light'])}  size {size}"
    return f"{scores}  {codes}\n{state['sentence']}"


def _score(score: int | None) -> str:
    return "  -" if score is None else f"{score:3}"


def stats_text(state: dict[str, Any]) -> str:
    """The counts of a gate (web.state) for a person, each with its age."""
    counts, census, age_s = state["counts"], state.get("census", {}), state["list"]["age_s"]
    flow = counts["flow"]
    age = "the list was never downloaded" if age_s is None else f"list {age_s:.0f} s old"
    offline = "; offline: counted on from what is known" if census.get("offline") else ""
    lines = [
        ("inside", f"{counts['inside']} ({age}{offline})"),
        ("this gate", f"{counts['in']} in, {counts['out']} out"),
        ("last minute", f"{flow['minute']['in']} in, {flow['minute']['out']} out"),
        ("last 15 min", f"{flow['quarter']['in']} in, {flow['quarter']['out']} out"),
    ]
    lines += [("refused", f"{one['count']} {one['words']}") for one in counts["refused"].values()]
    if capacity := census.get("capacity"):
        lines.append(("capacity", f"{capacity}{' reached' * (counts['inside'] >= capacity)}"))
    if whole := census.get("whole"):
        words = f"{whole['inside']} inside, {whole['came']} of {whole['expected']} came"
        lines.append(("server", f"{words} ({whole['age_s']:.0f} s ago)"))
    elif census:
        lines.append(("server", "has not said yet"))
    differences = census.get("differences", ())
    lines += [("differs", _difference(one)) for one in differences]
    if any(one["repairable"] for one in differences):
        words = "who is not inside though the server says so: gated repair POSITION"
        lines.append(("to mend", words))
    return "\n".join(f"{name + ':':<12} {words}" for name, words in lines)


def _difference(one: dict[str, Any]) -> str:
    came = "came in here, outside by the server"
    place = came if one["inside_here"] else "left here, inside by the server"
    return f"{one['order_code']}, position {one['position_id']}, {place}: {printable(one['why'])}"


def scan_lines(scans: Iterable[Scan], style: str) -> Iterator[str]:
    """The lines of the ledger, one scan at a time; `style` is table, csv or jsonl."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="")
    if style == "csv":
        yield ",".join(_FIELDS)
    for scan in scans:
        if style == "jsonl":
            yield json.dumps(_row(scan), ensure_ascii=False)
        elif style == "csv":
            table.writerow(_row(scan).values())
            yield text.getvalue()
            text.seek(0)
            text.truncate()
        else:
            yield (
                f"{scan.at:%Y-%m-%dT%H:%M:%SZ}  {scan.type:<5}  {scan.verdict:<9}"
                f"  {scan.reason:<16}  {scan.order_code or '-':<6}  {scan.state:<9}"
                f"  {printable(scan.server_message or scan.server_reason)}".rstrip()
            )


def shelf_lines(scans: Iterable[Scan]) -> Iterator[str]:
    """What needs a person: the name to call each by, and what the server made of it."""
    for scan in scans:
        words = printable(scan.server_message or scan.server_reason)
        yield (
            f"{scan.nonce}  {scan.at:%Y-%m-%dT%H:%M:%SZ}  {scan.type:<5}"
            f"  {scan.order_code or '-':<6}  {scan.attempts} times  {words}"
        )


def _row(scan: Scan) -> dict[str, Any]:
    return {
        "at": _time(scan.at),
        "clock": str(scan.clock),
        "type": str(scan.type),
        "verdict": str(scan.verdict),
        "reason": str(scan.reason),
        "order": scan.order_code,
        "position": scan.position_id,
        "list": scan.list_id,
        "state": str(scan.state),
        "attempts": scan.attempts,
        "sent_at": _time(scan.sent_at) if scan.sent_at else None,
        "server_reason": scan.server_reason,
        "server_message": scan.server_message,
        "nonce": scan.nonce,
        "eye": scan.eye,
        "passage": scan.passage,
    }


def _time(at: datetime) -> str:
    # In an export of a million it is several times as quick as strftime.
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"
