"""The dashboard and the alert rules that ship: they ask for what is exported, and their own tools take them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from trader_cli.jobs.measures import METRICS
from trader_cli.wiring import builtin_dir

FOLDER = builtin_dir("monitoring")
RULES = FOLDER / "prometheus-alerts.yml"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
LABELS = {one.name: {*one.labels, "instance", "job"} for one in METRICS.values()}
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="no promtool: it comes with Debian's package `prometheus`")


def panels() -> list[Mapping[str, Any]]:
    return [one for one in DASHBOARD["panels"] if one["type"] != "row"]


def asked(query: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each metric of a query with the labels it is chosen by."""
    for name, _, chosen in re.findall(r"\b(trader_[a-z0-9_]+)(\{([^}]*)\})?", query):
        yield name, set(re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", re.sub(r'"[^"]*"', '""', chosen)))


def queries() -> list[tuple[str, str]]:
    """Return every query with the legend or text that is filled from its labels."""
    found = [(one["expr"], one["legendFormat"]) for panel in panels() for one in panel["targets"]]
    rules = re.split(r"- alert: ", RULES.read_text())[1:]
    for rule in rules:
        head, _, texts = rule.partition("labels:")
        found.append((head.partition("expr:")[2], texts.replace("$labels.", "")))
    return found


@pytest.mark.req("R2.8")
def test_every_query_asks_for_a_metric_that_is_exported_by_labels_that_it_has() -> None:
    assert len(queries()) > 30
    for query, text in queries():
        metrics = list(asked(query))
        assert metrics, query
        for name, labels in metrics:
            assert labels <= LABELS[name], query
        known = set.union(*(LABELS[name] for name, _ in metrics))
        assert set(re.findall(r"\{\{\s*([a-z]+)\s*\}\}", text)) <= known, text


@pytest.mark.req("R2.8")
def test_grafanas_own_model_of_a_dashboard_knows_every_key() -> None:
    model = pytest.importorskip("grafana_foundation_sdk.models.dashboard", reason="no grafana-foundation-sdk")
    cog = pytest.importorskip("grafana_foundation_sdk.cog.encoder")
    back = json.loads(cog.JSONEncoder(sort_keys=True).encode(model.Dashboard.from_json(DASHBOARD)))

    def lost(ours: Any, theirs: Any, path: str) -> Iterator[str]:
        if isinstance(ours, dict):
            for key, value in ours.items():
                # What nothing is said of need not come back.
                if key not in theirs and value not in (None, [], {}):
                    yield f"{path}.{key}"
                elif key in theirs:
                    yield from lost(value, theirs[key], f"{path}.{key}")
        elif isinstance(ours, list):
            for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                yield from lost(one, other, f"{path}[{i}]")
        elif ours != theirs:
            yield f"{path}: {ours!r} became {theirs!r}"

    assert list(lost(DASHBOARD, back, "")) == []


def test_panels_stand_beside_each_other_within_the_grid_with_ids_of_their_own() -> None:
    each = DASHBOARD["panels"]
    assert len({one["id"] for one in each}) == len(each)
    for one in each:
        at = one["gridPos"]
        assert at["x"] >= 0
        assert at["x"] + at["w"] <= 24
    for one, other in combinations([panel["gridPos"] for panel in each], 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart or above, (one, other)


def test_every_panel_says_what_it_shows_and_asks_the_chosen_data_source() -> None:
    for one in panels():
        assert one["title"]
        assert one["description"].endswith(".")
        refs = [target["refId"] for target in one["targets"]]
        assert len(set(refs)) == len(refs) > 0
        for each in (one, *one["targets"]):
            assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    names = [one["name"] for one in DASHBOARD["templating"]["list"]]
    used = set(re.findall(r"\$\{?(\w+)", json.dumps([one["targets"] for one in panels()])))
    assert used == set(names)


def test_everything_that_calls_for_somebody_has_its_alert() -> None:
    text = RULES.read_text()
    for name in (
        *("cycle_last_success_timestamp_seconds", "cycle_last_exit_code", "run_exit_code", "ledger_readable", "halted"),
        *("unresolved_orders", "position_unprotected", "unexplained_assets", "breaker_open", "drawdown_ratio"),
        *("arming_expiry_timestamp_seconds", "errors_total"),
    ):
        assert f"trader_{name}" in text


def promtool(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    assert PROMTOOL is not None
    return subprocess.run([PROMTOOL, *words], cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """The rules beside their tests, to be changed."""
    for one in (*FOLDER.iterdir(), Path(__file__).with_name("prometheus-alerts.test.yml")):
        shutil.copy(one, tmp_path)
    return tmp_path


@needs_promtool
@pytest.mark.req("R2.8")
def test_promtool_takes_the_rules_and_the_example(workshop: Path) -> None:
    for words in (("check", "rules", "prometheus-alerts.yml"), ("check", "config", "prometheus.yml")):
        done = promtool(*words, cwd=workshop)
        assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.req("R2.8")
def test_each_alert_fires_where_it_should_and_keeps_still_where_it_should_not(workshop: Path) -> None:
    done = promtool("test", "rules", "prometheus-alerts.test.yml", cwd=workshop)
    assert done.returncode == 0, done.stdout + done.stderr
    tests = (workshop / "prometheus-alerts.test.yml").read_text()
    for name in re.findall(r"- alert: (\w+)", RULES.read_text()):
        assert tests.count(f"alertname: {name}") >= 2, name


@pytest.mark.deep
@needs_promtool
@pytest.mark.parametrize(("before", "after"), [
    ("> 3 * trader", "> 5 * trader"), ("> 3 * trader", "> 2 * trader"), ("unless trader_armed == 0", ""),
    ('{exchange!~"replay:.*"} != 0', " != 0"), ("> 0.2", "> 0.3"), ("> 0.2", "> 0.1"), ("halted == 1", "halted == 2"),
    ("> 86400", "> 186400"), ("< 86400 and trader_armed == 1", "< 86400"), ("readable == 0", "readable == 1"),
])  # fmt: skip
def test_a_rule_that_is_changed_fails_its_test(workshop: Path, before: str, after: str) -> None:
    rules = workshop / "prometheus-alerts.yml"
    text = rules.read_text()
    assert before in text
    rules.write_text(text.replace(before, after, 1))
    assert promtool("test", "rules", "prometheus-alerts.test.yml", cwd=workshop).returncode != 0
