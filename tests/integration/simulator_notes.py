"""tests/replies/README.md: which recorded answers are asked of the simulator again, and how.

`python tests/integration/simulator_notes.py` writes it; a test holds it to what is replayed.
"""

from __future__ import annotations

from collections.abc import Iterator

from simulator_recording import REPLIES, Case, cases

from gated.simulator.dialects import Dialect

NOTES = REPLIES / "README.md"

LEFT_OUT: dict[tuple[Dialect, str], str] = {}
"""Case to the reason why it is not replayed."""

EARLIER = {
    "co1_idem_replay": "co1_idem_first",
    "idem_key_other_request": "co1_idem_first",
    "idem_key_other_auth": "co1_idem_first",
    "idem_500_or_400_replay_fixed_body": "idem_500_or_400_first",
    "idem_query": "idem_500_or_400_first",
}
"""Case to the one that has to be played before it."""

IN_STEPS = {"idem_500_stored", "idem_worker_killed"}
"""Several requests in a row; each has a test of its own."""

VARIES = {
    "api_token",
    "created",
    "date_from",
    "date_to",
    "attendee_email",
    "plugins",
    "pseudonymization_id",
    "unique_serial",
    "updated",
}
"""Keys whose values no client compares: only their types are checked."""

_HEAD = """\
# The recorded answers

`fork.json` and `pretix.json` hold every answer that was recorded from the two real servers.
`test_simulator_transcripts.py` asks each again from the simulated server, request by request, in
the state in which the real one was (`simulator_stages.py`), and compares the status, the recorded
headers, and the body with all its keys and values.

This page is written by `python tests/integration/simulator_notes.py`; a test holds it to what is
replayed.

Left aside in every case:

- the values of {varies}: only their types are compared;
- of an HTML page, everything but its title;
- what the recording itself cut short (`"..."`, `"... 49 more"`): only how much there is;
- headers that say nothing to a client (`vary`, `content-language`, `connection`,
  `content-length`), and how long it took.

Of what shows over many requests only, the simulator does by itself none of these, but as a fault:
two writers that lock each other out (`database-locked`), the time limit of a worker
(`worker-killed`), rows that move between two pages (`churn`).

| | recorded | replayed | left out |
| --- | --- | --- | --- |
"""


def notes() -> str:
    """Write the page."""
    varies = ", ".join(f"`{name}`" for name in sorted(VARIES))
    lines = [_HEAD.format(varies=varies)]
    for dialect in Dialect:
        known = cases(dialect)
        out = sum(one is dialect for one, _ in LEFT_OUT)
        lines.append(f"| {dialect} | {len(known)} | {len(known) - out} | {out} |\n")
    for dialect in Dialect:
        lines.append(
            f"\n## {dialect}\n\n| case | asked | answered | how |\n| --- | --- | --- | --- |\n"
        )
        lines += [f"| {' | '.join(_row(case))} |\n" for case in cases(dialect).values()]
    return "".join(lines)


def _row(case: Case) -> Iterator[str]:
    yield f"`{case.name}`"
    if "steps" in case.content:
        steps = case.content["steps"]
        yield f"{len(steps)} times the same key"
        yield ", ".join(str(step["status"] or "nothing") for step in steps)
    else:
        yield f"{case.request['method']} `{_short(case.request['path'])}`"
        yield str(case.response["status"])
    if reason := LEFT_OUT.get((case.dialect, case.name)):
        yield f"left out: {reason}"
    elif case.name in IN_STEPS:
        yield "step by step"
    elif (earlier := EARLIER.get(case.name)) and earlier in cases(case.dialect):
        yield f"after `{earlier}`"
    else:
        yield "replayed"


def _short(path: str) -> str:
    """Without what all paths begin with; a code cut to what tells it from others."""
    short = path.removeprefix("/api/v1/").replace("organizers/demo/events/conf/", "")
    parts = [part if len(part) < 60 else part[:57] + "..." for part in short.split("/")]
    return "/".join(parts).replace("|", "\\|")


if __name__ == "__main__":
    NOTES.write_text(notes(), encoding="utf-8")
