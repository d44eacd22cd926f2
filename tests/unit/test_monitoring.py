"""Test the rules, the dashboard and the configuration for Prometheus: they name figures that exist."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from app.metrics import GAUGES
from store.figures import COUNTERS, HISTOGRAMS
from support.processes import ROOT

MONITORING = ROOT / "docker" / "monitoring"
SERIES = {
    **{f"{each.name}_total": set(each.labels) for each in COUNTERS},
    **{f"{each.name}_bucket": {*each.labels, "le"} for each in HISTOGRAMS},
    **{name: set() for name in GAUGES},
}


def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
    return found


def expressions() -> Iterator[str]:
    yield from (each["expr"] for each in rules())
    for panel in json.loads((MONITORING / "dashboard.json").read_text())["panels"]:
        yield from (each["expr"] for each in panel["targets"])


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_reads_figures_that_exist(expression: str) -> None:
    used = set(re.findall(r"concept_orderings_\w+", expression))
    labels = {label for each in re.findall(r"by \(([^)]*)\)", expression) for label in re.split(r",\s*", each)}
    labels |= {label for each in re.findall(r"\{([^}]*)\}", expression) for label in re.findall(r"(\w+)=", each)}

    assert used or expression.startswith("up{job=")
    assert used <= SERIES.keys()
    assert labels - {"job"} <= set().union(*(SERIES[each] for each in used))


def test_all_figures_are_on_the_dashboard() -> None:
    shown = json.loads((MONITORING / "dashboard.json").read_text())["panels"]
    text = json.dumps(shown)

    assert {each for each in SERIES if each not in text} == {"concept_orderings_redis_up", "concept_orderings_store_up"}
    assert len({each["id"] for each in shown}) == len({each["title"] for each in shown}) == len(shown)


def test_each_rule_says_what_it_means() -> None:
    for each in rules():
        assert each["annotations"]["summary"]
        assert each["annotations"]["description"]
        assert each["labels"]["severity"] in ("critical", "warning")


@pytest.mark.parametrize("check", [("config", "prometheus.yaml"), ("rules", "alerts.yaml")], ids=str)
def test_prometheus_reads_the_files(check: tuple[str, str]) -> None:
    kind, file = check
    if (promtool := shutil.which("promtool")) is None:
        pytest.skip("promtool, of Debian's package prometheus, is not installed")
    subprocess.run([promtool, "check", kind, MONITORING / file], check=True)
