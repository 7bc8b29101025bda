"""Monitoring as its owner sets it up: figures after a run, however it ends, and never in the way of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from figures import figures
from listener import Listener
from prometheus_client.parser import text_string_to_metric_families

from trader_cli.cli.main import run

PAPER = ("paper", "momentum", "--replay", "--symbols", "BTC/USD", "--json")
# A cycle that ends before it asks anybody anything.
NOBODY = ("paper", "nobody", "--json")


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
def test_the_configured_file_is_for_cycles_that_are_no_rehearsal_and_lies_in_the_home(home: Path) -> None:
    (home / "trader.toml").write_text('[metrics]\nfile = "trader.prom"\n')
    assert run(["report"]) == 4
    assert not (home / "trader.prom").exists()
    assert run(list(PAPER)) == 0
    assert not (home / "trader.prom").exists()
    assert run(list(NOBODY)) == 3
    assert figures(home / "trader.prom")["trader_run_exit_code"] == [({"command": "paper"}, 3.0)]


@pytest.mark.req("R2.8")
def test_a_configuration_that_cannot_be_meant_is_still_measured_where_the_run_says(home: Path, tmp_path: Path) -> None:
    (home / "trader.toml").write_text("[risk]\nnonsense = 1\n")
    path = tmp_path / "trader.prom"
    assert run([*PAPER, "--metrics", str(path)]) == 2
    assert figures(path)["trader_run_exit_code"] == [({"command": "paper"}, 2.0)]


class Server:
    """`trader report serve` as a process, at a port of its own."""

    def __init__(self, home: Path, lasting: str, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trader_cli", "report", "serve", "--port", "0", "--for", lasting, *words],
            env={**os.environ, "TRADER_HOME": str(home), "TRADER_INTERPRET": "1", "PYTHONWARNINGS": "error"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert line.startswith("serving http://127.0.0.1:"), line + self.process.stderr.read()
        self.host = line.split("/")[2]

    def get(self, path: str) -> tuple[int, str]:
        with closing(HTTPConnection(self.host, timeout=60)) as connection:
            connection.request("GET", path)
            found = connection.getresponse()
            return found.status, found.read().decode()

    def end(self, number: int = 0) -> tuple[int, str]:
        if number:
            self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=120)
        return self.process.returncode, out


@pytest.mark.req("R2.8")
def test_serve_has_metrics_health_and_the_page_until_it_is_ended_by_a_signal(home: Path) -> None:
    assert run(list(PAPER)) == 0
    served = Server(home, "1h")
    status, text = served.get("/metrics")
    assert status == 200
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"trader_equity", "trader_halted", "trader_build_info"} <= names
    assert served.get("/healthz") == (200, "ok\n")
    status, page = served.get("/")
    assert status == 200
    assert page.startswith("<!doctype html>")
    assert served.get("/trader.db")[0] == 404
    assert served.end(signal.SIGINT)[0] == 130


@pytest.mark.req("R2.8")
def test_serve_ends_by_itself_and_says_what_was_asked(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "serve", "--port", "0", "--for", "1s", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert result["asked"] == {"/": 0, "/healthz": 0, "/metrics": 0}
    assert result["seconds"] == 1


@pytest.mark.req("R2.8")
def test_serve_without_a_ledger_says_so_and_with_a_damaged_one_is_not_healthy(home: Path) -> None:
    served = Server(home, "1h")
    assert served.get("/healthz") == (200, "ok\n")
    status, said = served.get("/")
    assert (status, "there is no ledger" in said) == (503, True)
    (home / "trader.db").write_bytes(b"no database at all")
    assert served.get("/healthz")[0] == 503
    status, text = served.get("/metrics")
    assert status == 200
    assert "trader_ledger_readable 0.0" in text
    assert served.end(signal.SIGTERM)[0] == 143
    assert (home / "trader.db").read_bytes() == b"no database at all"


@pytest.mark.req("R2.8")
@pytest.mark.parametrize(
    "words", [("--for", "0s"), ("--for", "soon"), ("--port", "65536"), ("--host", "no.such.host.invalid")]
)
def test_serve_refuses_what_cannot_be_meant(home: Path, words: tuple[str, str]) -> None:
    assert run(["report", "serve", "--port", "0", "--for", "1s", *words]) == 2


@pytest.mark.req("R2.8")
def test_a_cycle_tells_the_push_gateway_in_place_of_the_last_one(home: Path) -> None:
    with Listener() as gateway:
        assert run([*NOBODY, "--set", f"metrics.push_url=http://{gateway.at}"]) == 3
    ((method, path, body),) = gateway.got
    assert (method, path) == ("PUT", f"/metrics/job/trader/instance/{socket.gethostname()}")
    assert {family.name for family in text_string_to_metric_families(body)} >= {"trader_halted", "trader_run_exit_code"}


@pytest.mark.req("R2.8")
@pytest.mark.parametrize("status", [500, 0])
def test_a_gateway_that_refuses_or_hangs_is_one_line_and_the_run_is_what_it_was(
    home: Path, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with Listener() as gateway:
        gateway.status = status
        words = ("--set", f"metrics.push_url=http://{gateway.at}", "--set", "metrics.push_timeout_s=1")
        assert run([*NOBODY, *words]) == 3
    lines = [one for one in capsys.readouterr().err.splitlines() if one.startswith("warning: ")]
    assert len(lines) == 1


@pytest.mark.req("R2.8")
def test_a_gateway_that_is_not_there_is_one_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*NOBODY, "--set", "metrics.push_url=http://127.0.0.1:9"]) == 3
    assert "did not take the figures" in capsys.readouterr().err


@pytest.mark.req("R2.8")
def test_a_backtest_and_a_replay_push_nothing(home: Path) -> None:
    with Listener() as gateway:
        words = ("--symbols", "BTC/USD", "--set", f"metrics.push_url=http://{gateway.at}")
        assert run(["backtest", "demo_ma", *words, "--until", "2017-11-01"]) == 0
        assert run([*PAPER, *words]) == 0
    assert gateway.got == []


@pytest.mark.req("R2.8")
def test_dashboard_and_rules_are_written_and_what_is_there_already_stays(home: Path, tmp_path: Path) -> None:
    there = tmp_path / "monitoring"
    for _ in range(2):
        assert run(["report", "monitoring", "--to", str(there)]) == 0
    names = {one.name for one in there.iterdir()}
    assert names == {"grafana-dashboard.json", "prometheus-alerts.yml", "prometheus.yml", "node-exporter.default"}
    (there / "prometheus.yml").write_text("mine")
    (there / "prometheus-alerts.yml").unlink()
    assert run(["report", "monitoring", "--to", str(there)]) == 2
    assert (there / "prometheus.yml").read_text() == "mine"
    assert not (there / "prometheus-alerts.yml").exists()


@pytest.mark.deep
@pytest.mark.req("R2.8")
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="no Prometheus: Debian's package has it")
def test_a_real_prometheus_reads_the_figures_and_fires_the_rules(home: Path, tmp_path: Path) -> None:
    assert run(list(PAPER)) == 0
    assert run(["risk", "halt", "--reason", "r"]) == 0
    assert run(["report", "monitoring", "--to", str(tmp_path)]) == 0
    served = Server(home, "5m")
    (tmp_path / "mine.yml").write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        "rule_files: [prometheus-alerts.yml]\n"
        f'scrape_configs: [{{job_name: trader, static_configs: [{{targets: ["{served.host}"]}}]}}]\n'
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    words = ("--config.file=mine.yml", f"--storage.tsdb.path={tmp_path}/tsdb", f"--web.listen-address={host}")
    prometheus = subprocess.Popen(
        ["prometheus", *words], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def ask(path: str) -> Any:
        with closing(HTTPConnection(host, timeout=30)) as connection:
            connection.request("GET", f"/api/v1/{path}")
            return json.loads(connection.getresponse().read())["data"]

    def until(path: str, done: Callable[[Any], bool]) -> Any:
        for _ in range(240):
            with suppress(OSError, ValueError, KeyError):
                found = ask(path)
                if done(found):
                    return found
            prometheus_tick.wait(0.25)
        raise AssertionError(f"Prometheus never said it: {path}")

    prometheus_tick = threading.Event()
    try:
        (series,) = until("query?query=trader_equity", lambda data: data["result"])["result"]
        assert (series["metric"]["mode"], series["value"][1]) == ("paper", "500")
        alerts = until("alerts", lambda data: any(one["state"] == "firing" for one in data["alerts"]))["alerts"]
        assert {one["labels"]["alertname"] for one in alerts if one["state"] == "firing"} == {"TraderHalted"}
    finally:
        prometheus.terminate()
        prometheus.wait(60)
        served.end(signal.SIGTERM)
