"""The dashboard and the rules for Prometheus: valid, and about numbers that a gate really gives."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool: apt install prometheus"
)


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def panels() -> list[dict[str, Any]]:
    return [panel for panel in board()["panels"] if panel["type"] != "row"]


def run(*command: str | Path) -> str:
    """What a check says that finds nothing wrong."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@promtool
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    assert "SUCCESS" in run("promtool", "check", "rules", RULES)
    run("promtool", "check", "config", RULES.with_name("prometheus.yml"))


@promtool
def test_the_rules_raise_the_alert_that_is_meant_and_no_other() -> None:
    run("promtool", "test", "rules", Path(__file__).with_name("prometheus_rules_test.yml"))


@promtool
def test_promtool_understands_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    assert len(queries) > 20
    # As rules, for promtool has no check of a query alone; Grafana fills in the variables.
    rules = [
        {"record": f"query:{number}", "expr": query.replace("$__rate_interval", "1m")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")

    assert f"SUCCESS: {len(queries)} rules found" in run("promtool", "check", "rules", file)


def test_the_dashboard_has_the_form_that_grafana_documents() -> None:
    """Source: grafana.com/docs, "JSON model" of dashboards."""
    whole = board()

    assert whole["uid"]
    assert whole["title"]
    assert whole["schemaVersion"] >= 36
    assert {"from", "to"} <= set(whole["time"])
    names = {variable["name"] for variable in whole["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(whole))) - {"__rate_interval", "__all"}
    assert used == names
    identities = [panel["id"] for panel in whole["panels"]]
    assert len(set(identities)) == len(identities)
    for panel in panels():
        assert panel["title"]
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert {"defaults", "overrides"} == set(panel["fieldConfig"])
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters))
        assert all(target["expr"] for target in panel["targets"])


def test_no_panel_lies_on_another_or_beside_the_page() -> None:
    places = [panel["gridPos"] for panel in board()["panels"]]

    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, f"{one} lies on {other}"
