"""The page as a reader opens it: made by the program, shown by a real Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import trader
from reports.browser import Browser, Tab, browsing

EVIL = "</script><script>alert(1)</script>"


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
    for path, words in (("page.txt", "page.html"), ("nowhere/page.html", "there is no folder")):
        done = trader("report", "--html", str(made / path), home=made)
        assert done.code == 2
        assert words in done.err
        assert not (made / path).exists()
    assert [one.name for one in made.iterdir() if ".part" in one.name] == []


def test_a_home_without_a_run_has_no_page(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "data", ignore_errors=True)
    done = trader("report", "--html", str(tmp_path / "page.html"), home=tmp_path)
    assert done.code in (2, 4)
    assert "hint:" in done.err
    assert not (tmp_path / "page.html").exists()
