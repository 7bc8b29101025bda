"""The documentation site: `sphinx-build -E -W --keep-going docs site` writes it into site/; a broken link is an error."""

from typing import Any

from pygments.lexers.special import TextLexer

from trader_cli import __version__

project = "trader"
author = "the authors of trader"
project_copyright = "MIT licence"
version = release = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["generate.py"]
nitpicky = True
# A page links to a heading of another as `page.md#heading`, as it does where the repository is browsed.
myst_heading_anchors = 4
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "native"

html_theme = "furo"
html_title = f"trader {version}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
# No network: the reader's own fonts, and no icon that is fetched.
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {
        "font-stack": "system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif",
        "font-stack--monospace": "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace",
    },
}


def setup(app: Any) -> None:
    """Let cron tables be shown as they are; their tag says what parses them in the tests."""
    app.add_lexer("cron", TextLexer)
