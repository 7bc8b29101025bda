"""The site is built whole: every link leads somewhere, every page is reached, and a browser needs no network for it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
NEEDED = ("sphinx", "myst_parser", "furo")
missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(missing), reason=f"not installed, `pip install '.[docs]'`: {', '.join(missing)}")


def build(source: Path, into: Path) -> subprocess.CompletedProcess[str]:
    """Build the way CONTRIBUTING and docs/conf.py say."""
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(into / "trees"), str(source), str(into)],
        capture_output=True,
        text=True,
        timeout=240,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    into = tmp_path_factory.mktemp("site")
    done = build(ROOT / "docs", into)
    assert done.returncode == 0, done.stdout + done.stderr
    return into


def test_every_page_of_the_documentation_is_built_and_reached_from_the_first(site: Path) -> None:
    front = (site / "index.html").read_text("utf-8")
    pages = [page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")]
    assert len(pages) > 15
    assert [str(page) for page in pages if not (site / page).exists()] == []
    assert [str(page) for page in pages if page.name != "index.html" and f'href="{page.as_posix()}"' not in front] == []


def test_a_browser_fetches_nothing_from_elsewhere_to_show_a_page(site: Path) -> None:
    fetched = []
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        fetched += re.findall(r'<(?:script|img|iframe)[^>]+src="((?:https?:)?//[^"]+)"', text)
        fetched += re.findall(r'<link[^>]+rel="(?:stylesheet|preload|icon)"[^>]+href="((?:https?:)?//[^"]+)"', text)
    for style in site.rglob("*.css"):
        fetched += re.findall(r"(?:@import|url\()\s*[\"']?((?:https?:)?//[^\"')]+)", style.read_text("utf-8"))
    assert fetched == []


@pytest.mark.parametrize("broken", ["[away](nowhere.md)", "[away](index.md#no-such-heading)"])
def test_a_broken_link_fails_the_build(tmp_path: Path, broken: str) -> None:
    source = tmp_path / "docs"
    source.mkdir()
    (source / "static").mkdir()
    (source / "conf.py").write_text((ROOT / "docs" / "conf.py").read_text("utf-8"), "utf-8")
    (source / "static" / "site.css").write_text("", "utf-8")
    (source / "index.md").write_text(f"# A page\n\n{broken}\n", "utf-8")
    done = build(source, tmp_path / "site")
    assert done.returncode != 0
    assert "myst.xref_missing" in done.stderr
