"""Figures as a file for Prometheus: whole or not at all, whatever names hold, and what its own tool says of it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from trader_cli.jobs.measures import METRICS, Family
from trader_cli.reports.metrics import metrics_text, write_metrics

PROMTOOL = shutil.which("promtool")


def halted(*scopes: str) -> Family:
    return Family(METRICS["halted"], tuple(((one,), 1.0) for one in scopes))


EACH = tuple(Family(one, ((tuple(f"{name}-value" for name in one.labels), 1.5),)) for one in METRICS.values())
"""Every metric there is, once."""


@pytest.mark.req("R2.8")
@pytest.mark.skipif(PROMTOOL is None, reason="no promtool: it comes with Debian's package `prometheus`")
def test_promtool_finds_nothing_to_mend_in_any_metric_there_is() -> None:
    assert PROMTOOL is not None
    text = metrics_text(EACH)
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@given(st.text(st.characters(codec="utf-8")))
def test_whatever_a_label_holds_is_read_back_as_it_was(scope: str) -> None:
    (family,) = text_string_to_metric_families(metrics_text([halted(scope)]))
    assert [one.labels for one in family.samples] == [{"scope": scope}]


def test_a_metric_has_its_help_and_type_lines_once() -> None:
    text = metrics_text([halted("all", "main")])
    assert text.splitlines() == [
        "# HELP trader_halted 1 where nothing enters until somebody resumes it.",
        "# TYPE trader_halted gauge",
        'trader_halted{scope="all"} 1.0',
        'trader_halted{scope="main"} 1.0',
    ]


def test_the_file_is_replaced_whole_others_may_read_it_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "trader.prom"
    path.write_text("before")
    write_metrics(path, EACH)
    assert path.read_text() == metrics_text(EACH)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644 & ~mask
    assert [one.name for one in tmp_path.iterdir()] == ["trader.prom"]


def test_a_write_that_fails_leaves_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "trader.prom"
    path.write_text("before")

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_metrics(path, EACH)
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["trader.prom"]
