"""The page in a real Chromium: text stays text, hover, zoom and keys work, dark and small windows, ten thousand trades."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reports.browser import Browser, Tab, browsing
from reports.page_books import AXES, BEGIN, HOUR, ONE, Shelf, book, protections, search, verdict

from trader_cli.jobs.page import page
from trader_cli.reports.page import render
from trader_cli.reports.page_data import blocks

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!--"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browsing(tmp_path_factory.mktemp("profile")) as found:
        yield found


def written(shelf: Shelf, folder: Path) -> Path:
    path = folder / "page.html"
    path.write_text(
        render(page(shelf, shelf, "2020", protections, lambda _run: [], lambda _name, _stated: AXES, 10, BEGIN)),
        "utf-8",
    )
    return path


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of sixty trades with a verdict and a search."""
    shelf = book(60)
    shelf.all_verdicts, shelf.searches = [verdict("momentum")], [search("momentum")]
    return written(shelf, tmp_path_factory.mktemp("usual"))


@pytest.fixture(scope="module")
def opened(browser: Browser, usual: Path) -> Tab:
    """The usual page, shown once."""
    return shown(browser, usual)


@pytest.fixture
def seen(opened: Tab) -> Tab:
    """The usual page as it was when it was opened."""
    opened.run("document.querySelectorAll('.tools [title=\"show all\"]').forEach((one) => one.click())")
    opened.run("document.activeElement.blur()")
    return opened


def shown(browser: Browser, path: Path, *, width: int = 1280, dark: bool = False, touch: bool = False) -> Tab:
    tab = browser.tab()
    tab.open(path, width=width, dark=dark, touch=touch)
    return tab


def quiet(tab: Tab) -> None:
    """The page said nothing to the console, and asked nobody for anything."""
    assert tab.said == []
    assert [one for one in tab.asked if not one.startswith(("file:", "data:", "blob:"))] == []


def place(tab: Tab, script: str) -> tuple[float, float]:
    """Return the middle of an element in the window."""
    found = tab.run(
        f"(() => {{ const r = {script}.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
    )
    return float(found[0]), float(found[1])


def span(tab: Tab, chart: str) -> float:
    """Return how much time a chart shows, ms."""
    return float(tab.run(f"(([a, b]) => b - a)(document.getElementById('{chart}').span)"))


@pytest.mark.req("R3.7")
def test_no_name_can_bring_a_script_in(browser: Browser, tmp_path: Path) -> None:
    shelf = book(20, strategy=EVIL, symbols=(EVIL, "ETH/USD"))
    shelf.all_verdicts, shelf.searches = [verdict(EVIL, EVIL)], [search(EVIL)]
    path = written(shelf, tmp_path)
    assert "<script>alert" not in path.read_text("utf-8")
    tab = shown(browser, path)
    assert tab.run("document.querySelector('#strategy').textContent") == EVIL
    assert EVIL in tab.run("document.title")
    for one in tab.run("[...document.querySelectorAll('.chart')].map((one) => one.id)"):
        tab.show(one)
    tab.show("trades")
    tab.wait("document.querySelectorAll('#trade-table tbody tr').length")
    assert tab.run("document.querySelectorAll('img, body script[src], iframe').length") == 0
    assert EVIL in tab.run("document.querySelector('#verdicts').textContent")
    quiet(tab)


def test_the_policy_of_the_page_runs_no_other_script_and_asks_no_address(browser: Browser, usual: Path) -> None:
    tab = shown(browser, usual)
    script = (
        "const s = document.createElement('script'); s.textContent = 'window.brought = 1'; document.body.append(s);"
    )
    tab.run(f"(() => {{ {script} }})()")
    assert tab.run("window.brought") is None
    assert tab.run("fetch('https://127.0.0.1:9/').then(() => 'went', () => 'refused')") == "refused"
    assert any("Content Security Policy" in one for one in tab.said)


def test_the_charts_script_is_the_package_s_own_behind_the_comment_that_has_it_compiled_once(usual: Path) -> None:
    text = usual.read_text("utf-8").partition('id="plotly">')[2]
    assert text.startswith("//# allFunctionsCalledOnLoad\n/**\n* plotly.js v")


def test_hovering_an_entry_tells_price_time_and_reason(seen: Tab) -> None:
    tab = seen
    tab.show("chart-market")
    names = tab.run("document.getElementById('chart-market').data.map((one) => one.name)")
    assert {"price", "entry", "exit", "stop", "target"} <= set(names)
    for name, words in (("entry", "reason: strategy"), ("stop", "reason: ")):
        trace = f"document.querySelectorAll('#chart-market .scatterlayer .trace')[{names.index(name) - 1}]"
        x, y = place(tab, f"{trace}.querySelector('.point')")
        tab.mouse("Moved", x - 40, y)
        tab.mouse("Moved", x, y)
        told = tab.wait(
            "[...document.querySelectorAll('#chart-market .hovertext')].map((one) => one.textContent).join(' ')"
        )
        assert words in told
        assert re.search(r"(buy|sell) 1 at [\d,.]+", told)
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\dZ", told)
    assert "result" in told
    quiet(tab)


@pytest.mark.req("R3.7")
def test_the_stop_in_force_is_a_step_a_bar_and_ends_with_its_holding(seen: Tab) -> None:
    """Of the first holding: 3 % under its entry in the bar it was bought in, 0.1 more in each bar after; a bar is drawn around
    its open, so that a level begins half an hour before."""
    tab = seen
    tab.show("chart-market")
    shelf = book(60)
    buy, sell = [one for one in shelf.tables["fills"] if one["symbol"] == "BTC/USD"][:2]
    bars = (sell["time_ms"] - buy["time_ms"]) // HOUR
    line = "document.getElementById('chart-market').data.find((one) => one.name === '{}')"
    for name, levels in (
        ("stop in force", [buy["price"] * 97 // 100 / ONE + i / 10 for i in range(bars)]),
        ("target in force", [buy["price"] / ONE + 50]),
    ):
        x, y, shape = tab.run(f"(({{ x, y, line }}) => [x, y, line.shape])({line.format(name)})")
        end = y.index(None)
        assert shape == "hv"
        assert y[:end] == pytest.approx([*levels, levels[-1]], rel=1e-9)
        assert x[0] == buy["time_ms"] - HOUR / 2
        assert x[end - 1] == sell["time_ms"] + HOUR / 2
        assert np.diff(x[: len(levels)]).tolist() == [HOUR] * (len(levels) - 1)
    text = tab.run(f"{line.format('stop in force')}.text[1]")
    assert re.fullmatch(r"stop in force [\d,.]+ from 20\d\d-\d\d-\d\d \d\d:00Z", text)
    quiet(tab)


def test_dragging_over_a_chart_zooms_in_and_finer_candles_come(seen: Tab) -> None:
    tab = seen
    tab.show("chart-market")
    whole = span(tab, "chart-market")
    assert "bars of 1h a candle" in tab.run("document.querySelector('#market-note').textContent")
    x, y = place(tab, "document.querySelector('#chart-market .nsewdrag')")
    for kind, by in (("Moved", -60), ("Pressed", -60), ("Moved", 0), ("Moved", 60), ("Released", 60)):
        tab.mouse(kind, x + by, y)
    tab.wait(
        "document.getElementById('chart-market').span[1] - document.getElementById('chart-market').span[0] < "
        + str(whole / 5)
    )
    tab.wait("document.querySelector('#market-note').textContent.startsWith('bars of 1h')")
    first = tab.run("document.getElementById('chart-market').data[0].x.length")
    assert 100 < first < 500
    # What is drawn are the bars themselves.
    drawn = tab.run("(({ x, high }) => [x[50], high[50]])(document.getElementById('chart-market').data[0])")
    bars = book(60).bars["BTC/USD"]
    assert bars.high[(drawn[0] - BEGIN) // 3_600_000] == pytest.approx(drawn[1], rel=1e-7)
    tab.run("document.querySelector('#chart-market + .tools [title=\"show all\"]').click()")
    tab.wait(
        f"document.getElementById('chart-market').span[1] - document.getElementById('chart-market').span[0] === {whole}"
    )
    quiet(tab)


def test_a_chart_is_moved_and_zoomed_by_keys(seen: Tab) -> None:
    tab = seen
    tab.show("chart-account")
    whole = span(tab, "chart-account")
    tab.run("document.getElementById('chart-account').focus()")
    tab.press("+")
    tab.wait(
        f"document.getElementById('chart-account').span[1] - document.getElementById('chart-account').span[0] === {whole / 2}"
    )
    before = tab.run("document.getElementById('chart-account').span[0]")
    tab.press("ArrowRight")
    tab.wait(f"document.getElementById('chart-account').span[0] > {before}")
    tab.press("Home")
    tab.wait(
        f"document.getElementById('chart-account').span[1] - document.getElementById('chart-account').span[0] === {whole}"
    )
    quiet(tab)


def test_the_account_is_shown_in_equal_parts_where_somebody_asks(seen: Tab) -> None:
    tab = seen
    tab.show("chart-account")
    kind = "document.getElementById('chart-account').layout.yaxis.type"
    for wanted in ("log", "linear"):
        tab.run("document.querySelector('#chart-account + .tools [aria-pressed]').click()")
        tab.wait(f"{kind} === '{wanted}'")
    quiet(tab)


def test_every_control_is_reached_by_tab_and_shows_that_it_has_the_focus(seen: Tab) -> None:
    tab = seen
    tab.show("chart-account")
    reached = []
    # Whoever opens the page comes to the first link first.
    tab.run("document.querySelector('a').focus()")
    for _ in range(60):
        tab.press("Tab")
        reached.append(tab.run(
            "(() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " return [e.tagName, e.id || e.textContent.slice(0, 20), s.outlineStyle !== 'none']; })()"
        ))  # fmt: skip
    names = [name for _, name, _ in reached]
    assert names[0] == "Summary"
    for wanted in ("chart-account", "all", "symbol", "by strategy"):
        assert wanted in names, names
    assert [one for one in reached if one[0] != "BODY" and not one[2]] == []


def test_attribution_is_turned_by_arrow_keys(seen: Tab) -> None:
    tab = seen
    tab.run("document.querySelector('#shares [role=tab]').focus()")
    for wanted in ("by symbol", "by wallet", "by exit reason", "by strategy"):
        tab.press("ArrowRight")
        assert tab.run("document.activeElement.textContent") == wanted
        assert tab.run("document.querySelector('#shares [aria-selected=true]').textContent") == wanted


def test_a_table_sorts_by_the_column_whose_head_is_pressed(seen: Tab) -> None:
    tab = seen
    tab.show("trades")
    tab.wait("document.querySelectorAll('#trade-table tbody tr').length")
    head = "[...document.querySelectorAll('#trade-table th')].find((one) => one.textContent === '%')"
    number = "Number(row.cells[2].textContent.replace(/[+,]/g, ''))"
    cells = f"[...document.querySelectorAll('#trade-table tbody tr')].map((row) => {number})"
    for order, wanted in (("descending", True), ("ascending", False)):
        tab.run(f"{head}.querySelector('button').focus()")
        tab.press("Enter")
        assert tab.run(f"{head}.getAttribute('aria-sort')") == order
        values = tab.run(cells)
        assert len(values) == 25
        assert values == sorted(values, reverse=wanted)
    tab.run(
        "(() => { const i = document.getElementById('filter'); i.value = 'trail'; i.dispatchEvent(new Event('input')); })()"
    )
    assert tab.run("document.querySelectorAll('#trade-table tbody tr').length") == 12
    quiet(tab)


@pytest.mark.deep
def test_colours_follow_the_reader_and_turn_while_the_page_is_open(browser: Browser, usual: Path) -> None:
    tab = shown(browser, usual, dark=True)
    tab.show("chart-account")
    back = "getComputedStyle(document.body).backgroundColor"
    text = "getComputedStyle(document.querySelector('#chart-account .xtick text')).fill"
    assert tab.run(back) == "rgb(18, 22, 28)"
    dark = tab.run(text)
    tab.paint(dark=False)
    tab.wait(f"{text} !== '{dark}'")
    assert tab.run(back) == "rgb(255, 255, 255)"
    quiet(tab)


@pytest.mark.deep
def test_on_a_phone_nothing_is_wider_than_the_window(browser: Browser, usual: Path) -> None:
    tab = shown(browser, usual, width=390, touch=True)
    for one in tab.run("[...document.querySelectorAll('.chart')].map((one) => one.id)"):
        tab.show(one)
    assert tab.run("document.documentElement.scrollWidth") == 390
    tab.picture(usual.with_name("phone.png"))
    assert usual.with_name("phone.png").stat().st_size > 100_000, "an empty page is a small picture"
    controls = "[...document.querySelectorAll('.tools button, .tabs button, select, input')]"
    small = f"{controls}.filter((one) => one.getBoundingClientRect().height < 40).length"
    assert tab.run(small) == 0
    quiet(tab)


@pytest.mark.deep
@pytest.mark.req("R3.7")
def test_ten_thousand_trades_open_within_a_second(browser: Browser, tmp_path: Path) -> None:
    path = written(book(10_000, symbols=("BTC/USD", "ETH/USD", "XRP/USD")), tmp_path)
    assert path.stat().st_size < 9_000_000
    times = []
    for _ in range(3):
        tab = shown(browser, path)
        times.append(tab.wait("(performance.getEntriesByName('first-chart')[0] || {}).startTime"))
    # Of what else the machine does meanwhile the page knows nothing: its best time is its own.
    assert min(times) < 1000, times
    tab.show("chart-market")
    assert tab.run("document.getElementById('chart-market').data.reduce((sum, one) => sum + one.x.length, 0)") < 10_000
    assert "fills marked" in tab.run("document.querySelector('#market-note').textContent")
    tab.show("trades")
    tab.wait("document.querySelectorAll('#trade-table tbody tr').length === 25")
    assert "of 10,0" in tab.run("document.querySelector('#trades .pages').textContent")
    quiet(tab)


def test_a_run_without_bars_or_trades_is_a_page_with_what_there_is(browser: Browser, tmp_path: Path) -> None:
    shelf = book(2)
    shelf.tables, shelf.bars = {}, {}
    tab = shown(browser, written(shelf, tmp_path))
    assert tab.run("[...document.querySelectorAll('section')].map((one) => one.id)") == ["summary"]
    assert "the points that the run wrote down itself" in tab.run("document.querySelector('#notes').textContent")
    quiet(tab)


def test_what_is_not_a_number_is_nothing_and_no_text_ends_its_element() -> None:
    shelf = book(4, strategy=EVIL)
    found = blocks(page(shelf, shelf, "2020", protections, lambda _run: [], lambda _name, _stated: AXES, 10, BEGIN))
    for text in found.values():
        assert not set(text) & set("<>&")
    head = json.loads(found["data"])
    assert head["run"]["strategy"] == EVIL
    assert head["figures"]["sharpe"] is None


def unpacked(one: dict[str, Any]) -> dict[str, list[float]]:
    """Return candles as the page's own script reads them."""
    close = np.cumsum(one["close"])
    opened = np.r_[0, close[:-1]] + np.array(one["open"])
    high = np.maximum(opened, close) + np.array(one["high"])
    low = np.minimum(opened, close) - np.array(one["low"])
    found = {"open": opened, "high": high, "low": low, "close": close}
    return {name: (units / 10.0 ** one["places"]).tolist() for name, units in found.items()}


def test_candles_are_told_to_nine_digits() -> None:
    shelf = book(60)
    bars = shelf.bars["BTC/USD"]
    found = blocks(page(shelf, shelf, "2020", protections, lambda _run: [], lambda _name, _stated: AXES, 10, BEGIN))
    for name, values in unpacked(json.loads(found["candles-0"])).items():
        assert values == pytest.approx(getattr(bars, name).tolist(), rel=1e-7)


@pytest.mark.deep
def test_many_bars_are_told_as_coarser_ones_and_a_long_account_keeps_its_extremes() -> None:
    shelf = book(120_000, symbols=("BTC/USD",))
    made = page(shelf, shelf, "2020", lambda *_: ([], []), lambda _run: [], lambda _name, _stated: AXES, 10, BEGIN)
    found = blocks(made)
    candles, head = json.loads(found["candles-0"]), json.loads(found["data"])
    assert (candles["timeframe"], candles["own"]) == ("2h", "1h")
    assert max(unpacked(candles)["high"]) == pytest.approx(float(shelf.bars["BTC/USD"].high.max()), rel=1e-8)
    assert len(head["curve"]["time"]) <= 20_002
    assert min(head["curve"]["equity"]) == pytest.approx(float(made.curve.equity.min()), rel=1e-8)
    assert max(head["curve"]["equity"]) == pytest.approx(float(made.curve.equity.max()), rel=1e-8)
