"""A run as one page of HTML that needs nothing else: markup, style, script, charts and data in one file."""

from __future__ import annotations

import base64
import hashlib
import html
import importlib.util
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from trader_cli.errors import UsageError
from trader_cli.jobs.page import Page
from trader_cli.reports.page_data import blocks

_SLOT = re.compile(r"<!--slot:([a-z]+)-->")
# What would end a script early, or begin a comment in one that hides its end.
_ENDING = re.compile(r"<(?=/script|!--|script)", re.IGNORECASE)

# Says that what the script defines is called at once, so that it is compiled once instead of three times; a comment elsewhere.
_EAGER = "//# allFunctionsCalledOnLoad\n"


def render(page: Page) -> str:
    """Return the page's HTML.

    Everything that comes from the ledger is JSON with `<` escaped, which the script writes as text; the policy allows the two
    scripts by their digests and no address at all. Raises UsageError where plotly's script is not installed.
    """
    charts = _EAGER + _ENDING.sub(r"\\x3c", _charts())
    own = _part("page.js")
    data = "\n".join(
        f'<script type="application/json" id="json-{html.escape(name)}">{text}</script>'
        for name, text in blocks(page).items()
    )
    slots = {
        "policy": _policy(own, charts),
        "title": html.escape(f"{page.run.strategy} · {page.run.mode} · trader"),
        "style": f"<style>{_part('page.css')}</style>",
        "data": data,
        "script": f"<script>{own}</script>",
        "charts": f'<script type="text/plain" id="plotly">{charts}</script>',
    }
    return _filled(_part("page.html"), slots)


def _filled(template: str, slots: Mapping[str, str]) -> str:
    # In one pass: what is filled in is not looked at again.
    return _SLOT.sub(lambda found: slots[found[1]], template)


def _policy(*scripts: str) -> str:
    allowed = " ".join(f"'sha256-{_digest(one)}'" for one in scripts)
    rules = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:"
    return f"<meta http-equiv=\"Content-Security-Policy\" content=\"{rules}; base-uri 'none'; form-action 'none'\">"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _part(name: str) -> str:
    return files("trader_cli.reports").joinpath(name).read_text("utf-8")


def _charts() -> str:
    """Return plotly's script as its package ships it, licence and all, without importing the package."""
    found = importlib.util.find_spec("plotly")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        script = Path(folder) / "package_data" / "plotly.min.js"
        if script.is_file():
            return script.read_text("utf-8").replace("\r\n", "\n")
    raise UsageError("the page needs plotly, which is not installed whole", "`pip install --force-reinstall plotly`")
