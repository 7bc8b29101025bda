"""The page as a reader opens it: made by the program, shown by a real Chromium."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import trader
from reports.browser import Browser, Tab, browsing


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run on the sample's daily bars, and its page."""
    home = tmp_path_factory.mktemp("home")
    done = trader("backtest", "demo_ma", "--timeframe", "1d", "--stop-pct", "10", home=home)
    assert done.code == 0, done.err
    told = trader("report", "--html", str(home / "page.html"), "--json", home=home)
    assert told.code == 0, told.err
    assert told.json["schema"] == "trader.report.page/1"
    assert told.json["result"]["notes"] == []
    return home


def shown(browser: Browser, path: Path, **how: object) -> Tab:
    tab = browser.tab()
    tab.open(path, **how)  # type: ignore[arg-type]
    return tab


def quiet(tab: Tab) -> None:
    """The page said nothing to the console, and asked nobody for anything."""
    assert tab.said == []
    assert [one for one in tab.asked if not one.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.deep
@pytest.mark.req("R3.7")
def test_every_chart_of_the_page_is_drawn_without_a_word_on_the_console_or_a_request(
    browser: Browser, made: Path
) -> None:
    tab = shown(browser, made / "page.html")
    charts = tab.run("[...document.querySelectorAll('.chart')].map((one) => one.id)")
    assert {"chart-account", "chart-market", "chart-rolling", "chart-exposure", "chart-distribution"} <= set(charts)
    for one in charts:
        tab.show(one)
        assert tab.run(f"document.querySelectorAll('#{one} .main-svg').length") > 0
    assert tab.run("document.querySelector('#strategy').textContent") == "demo_ma"
    quiet(tab)


def test_a_page_is_written_whole_or_not_at_all_and_only_where_one_is_wanted(made: Path) -> None:
    (made / "folder.html").mkdir()
    wrong = (("page.txt", "page.html"), ("nowhere/page.html", "there is no folder"), ("folder.html", "is a folder"))
    for path, words in wrong:
        done = trader("report", "--html", str(made / path), home=made)
        assert done.code == 2
        assert words in done.err
        assert not (made / path).is_file()
    assert [one.name for one in made.iterdir() if ".part" in one.name] == []


def test_a_page_of_a_mode_that_nobody_ran_is_refused(made: Path) -> None:
    done = trader("report", "--html", str(made / "other.html"), "--mode", "live", home=made)
    assert done.code == 2
    assert "there is no run of live yet" in done.err
    assert not (made / "other.html").exists()


@pytest.mark.req("R4.10")
def test_a_table_of_the_report_is_csv_that_other_programs_read(made: Path) -> None:
    done = trader("report", "--csv", "--table", "runs", home=made)
    assert done.code == 0, done.err
    (row,) = csv.DictReader(io.StringIO(done.out))
    told = trader("report", "--json", home=made).json["result"]["runs"][0]
    assert row["run_id"] == told["run_id"]
    assert float(row["stats.final_equity"]) == told["stats"]["final_equity"]


def test_a_home_without_a_run_has_no_page(tmp_path: Path) -> None:
    done = trader("report", "--html", str(tmp_path / "page.html"), home=tmp_path)
    assert done.code in (2, 4)
    assert "hint:" in done.err
    assert not (tmp_path / "page.html").exists()
