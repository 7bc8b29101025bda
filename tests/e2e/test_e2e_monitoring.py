"""Monitoring as its owner sets it up: figures after a run, however it ends, and never in the way of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from trader_cli.cli.main import run

PAPER = ("paper", "momentum", "--replay", "--symbols", "BTC/USD", "--json")


def figures(path: Path) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return what a file of figures says, by name."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(path.read_text()):
        for one in family.samples:
            found.setdefault(one.name, []).append((one.labels, one.value))
    return found


@pytest.mark.req("R2.8")
def test_a_run_leaves_its_figures_where_it_is_told_to(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "trader.prom"
    assert run([*PAPER, "--metrics", str(path)]) == 0
    found = figures(path)
    assert found["trader_run_exit_code"] == [({"command": "paper"}, 0.0)]
    assert found["trader_ledger_readable"] == [({}, 1.0)]
    ((labels, equity),) = found["trader_equity"]
    assert (labels["mode"], labels["exchange"], labels["currency"]) == ("paper", "replay:", "USD")
    assert equity == 500


@pytest.mark.req("R2.8")
def test_a_run_that_fails_leaves_its_exit_code(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "trader.prom"
    assert run(["paper", "nobody", "--replay", "--metrics", str(path)]) == 3
    found = figures(path)
    assert found["trader_run_exit_code"] == [({"command": "paper"}, 3.0)]
    assert found["trader_halted"] == [({"scope": "all"}, 0.0)]
    assert not (home / "trader.db").exists()


@pytest.mark.req("R2.8")
@pytest.mark.parametrize("path", ["nowhere/trader.prom", "."])
def test_figures_that_cannot_be_written_are_one_line_and_the_run_is_what_it_was(
    home: Path, tmp_path: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*PAPER, "--metrics", str(tmp_path / path)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: the figures could not be written to ")


@pytest.mark.req("R2.8")
def test_a_damaged_ledger_is_told_in_the_figures_too(home: Path, tmp_path: Path) -> None:
    (home / "trader.db").write_bytes(b"no database at all")
    path = tmp_path / "trader.prom"
    assert run([*PAPER, "--metrics", str(path)]) == 4
    found = figures(path)
    assert found["trader_ledger_readable"] == [({}, 0.0)]
    assert found["trader_run_exit_code"] == [({"command": "paper"}, 4.0)]


@pytest.mark.req("R2.8")
def test_the_configured_file_is_for_cycles_and_lies_in_the_home(home: Path) -> None:
    (home / "trader.toml").write_text('[metrics]\nfile = "trader.prom"\n')
    assert run(["report"]) == 4
    assert not (home / "trader.prom").exists()
    assert run(list(PAPER)) == 0
    assert figures(home / "trader.prom")["trader_run_exit_code"] == [({"command": "paper"}, 0.0)]


@pytest.mark.req("R2.8")
def test_a_configuration_that_cannot_be_meant_is_still_measured_where_the_run_says(home: Path, tmp_path: Path) -> None:
    (home / "trader.toml").write_text("[risk]\nnonsense = 1\n")
    path = tmp_path / "trader.prom"
    assert run([*PAPER, "--metrics", str(path)]) == 2
    assert figures(path)["trader_run_exit_code"] == [({"command": "paper"}, 2.0)]
