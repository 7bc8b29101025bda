"""The generated page on the configuration names every key, and every table of one's own with what presets put there."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from trader_cli.config.layers import preset_names, preset_values
from trader_cli.config.settings import OPEN, keys, meaning_of, open_key


@pytest.fixture(scope="module")
def page() -> str:
    path = Path(__file__).resolve().parent.parent.parent / "docs" / "generate.py"
    spec = importlib.util.spec_from_file_location("generate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # Its own parts lie beside it.
        patch.syspath_prepend(str(path.parent))
        spec.loader.exec_module(module)
    text = module.configuration()
    assert isinstance(text, str)
    return text


def test_every_key_stands_in_the_table_with_its_meaning_and_a_value_for_every_preset(page: str) -> None:
    for key in keys():
        (line,) = [line for line in page.splitlines() if line.startswith(f"| `{key}` | {meaning_of(key)} |")]
        assert line.count(" | `") == len(preset_names())


def test_every_open_table_has_a_heading_its_keys_and_what_the_presets_state(page: str) -> None:
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert len(headings) == len(OPEN)
    for table, model in OPEN.items():
        assert sum(line.startswith(f"## `[{table}.") for line in headings) == 1
        for name, field in (model.model_fields if model is not None else {}).items():
            assert f"\n- `{name}`: {field.description}\n" in page
    stated = {key for name in preset_names() for key in preset_values(name) if open_key(key) is not None}
    assert stated
    assert all(f"\n- `{key}` = `" in page for key in stated)
    assert "\n\n\n" not in page
