"""Write docs/reference/ from the program itself, and follow every page: its commands are run, their outputs written.

python docs/generate.py                    # write
python docs/generate.py --check            # exit 1 when something is stale, or a block ends otherwise than its page says
python docs/generate.py docs/risk.md       # this page only
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import typer
from blocks import followed, pages
from forked import serving

from trader_cli import errors
from trader_cli.cli.kit import COMMON
from trader_cli.cli.main import app, run
from trader_cli.config.layers import load_settings, preset_names
from trader_cli.config.settings import OPEN, Settings, keys, open_key
from trader_cli.config.value import shown, shown_key

ROOT = Path(__file__).resolve().parent.parent
HEAD = "<!-- Made by docs/generate.py; edit the program, not this page. -->\n\n"


def commands() -> str:
    """Return every command with its options, from the parser."""
    root = typer.main.get_command(app)
    lines = [HEAD + "# Commands\n"]
    common: dict[str, str] = {}

    def walk(command: Any, path: list[str]) -> None:
        subs = getattr(command, "commands", None)
        named = [one for one in command.params if one.name not in ("install_completion", "show_completion")]
        if path and (subs is None or any(one.name == "one" for one in named)):
            lines.append(f"## `trader {' '.join(path)}`\n\n{(command.help or '').strip()}\n")
            common.update((one.name, _option(one)) for one in named if one.name in COMMON)
            lines.extend(_option(one) for one in named if one.name not in COMMON)
            lines.append("")
        for name, sub in (subs or {}).items():
            walk(sub, [*path, name])

    walk(root, [])
    # An empty list under a heading would leave two blank lines.
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip()
    shared = "\n".join(common.values())
    return f"{text}\n\n## Every command\n\n{shared}\n"


def _option(parameter: Any) -> str:
    names = (
        ", ".join(f"`{one}`" for one in parameter.opts)
        if parameter.opts[0].startswith("-")
        else f"`{parameter.name.upper()}`"
    )
    return f"- {names}: {(getattr(parameter, 'help', '') or '').strip()}"


def exit_codes() -> str:
    """Return the table of exit codes, from the error classes."""
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.TraderError)]
    lines = [
        HEAD + "# Exit codes\n",
        "| code | `error.code` | meaning |",
        "| --- | --- | --- |",
        "| 0 | | Done, also where there was nothing to do. |",
    ]
    lines.append("| 1 | `fault` | A fault of the program: the traceback is in the log. |")
    children = [one for one in classes if one is not errors.TraderError]
    children.sort(key=lambda cls: cls.exit_code)
    lines += [f"| {one.exit_code} | `{one.code}` | {(one.__doc__ or '').strip()} |" for one in children]
    lines.append("| 130, 143 | `interrupted` | Interrupted by Ctrl-C, by SIGTERM. |")
    lines.append("\nA reader of the output that goes away early (`trader report | head -1`) is no failure: 0.")
    return "\n".join(lines) + "\n"


def configuration() -> str:
    """Return every key with its meaning and its value in each preset."""
    presets = {name: load_settings(name, Path("/nowhere"), {}, {}) for name in preset_names()}
    lines = [HEAD + "# Configuration\n", f"| key | meaning | {' | '.join(f'`{name}`' for name in presets)} |"]
    lines.append("| --- | --- |" + " --- |" * len(presets))
    for key, meaning in keys().items():
        values = " | ".join(f"`{shown(loaded.explain(key)[-1].value)}`" for loaded in presets.values())
        lines.append(f"| `{key}` | {meaning} | {values} |")
    lines.append("\nThe names in the tables that follow are yours; a wallet needs both of its keys.")
    for table, (example, keyed) in _OPEN_TABLES.items():
        lines.append(f"\n## `[{table}.{shown_key(example)}]`: {Settings.model_fields[table].description}\n")
        model = OPEN[table]
        if model is not None:
            lines.extend(f"- `{name}`: {field.description}" for name, field in model.model_fields.items())
        lines.append(keyed)
        for preset, loaded in presets.items():
            stated = {key: values[-1].value for key, values in loaded.layers.items() if key.startswith(f"{table}.")}
            if stated:
                lines.append(f"\nIn `{preset}`:\n")
                lines.extend(f"- `{_dotted(key)}` = `{shown(value)}`" for key, value in stated.items())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


_OPEN_TABLES = {
    "wallets": ("momentum", ""),
    "params": (
        "momentum",
        "What a strategy's parameters are called, `trader strategy show NAME` says.",
    ),
    "instruments": ("BTC/USD", ""),
}


def _dotted(key: str) -> str:
    """Return a key of an open-ended table as the file writes it."""
    return ".".join(shown_key(part) for part in open_key(key) or (key,))


_EXAMPLES = (
    ("backtest", "demo_ma", "--timeframe", "1d"),
    ("optimize", "demo_ma", "--timeframe", "1d", "--param", "fast=10,20", "--param", "slow=100,150"),
    ("validate", "demo_ma", "--timeframe", "1d", "--check", "costs"),
    ("risk", "halt", "--reason", "odd prices"),
    ("risk", "status"),
    ("risk", "resume", "--reason", "looked at it"),
    ("report",),
    ("report", "--run", "20"),
    ("report", "compare", "20"),
    ("data", "import", "BARS", "--exchange", "mine", "--symbol", "ABC/USD"),
    ("data", "list"),
    ("data", "check", "BTC/USD"),
    ("strategy", "list"),
    ("strategy", "show", "momentum"),
    ("strategy", "new", "mine"),
    ("ledger", "verify"),
    ("ledger", "export", "OUT"),
    ("ledger", "backup", "COPY"),
    ("ledger", "migrate"),
    ("config", "show"),
    ("config", "explain", "costs.fee_bps"),
    ("config", "check"),
    ("strategy", "deploy", "momentum"),
    ("strategy", "retire", "momentum"),
    ("scan", "--strategy", "momentum", "--stored"),
    *(("paper", "demo_ma", "--replay", "--once", "--timeframe", "1d", "--since", "2018-06-01"),) * 3,
    ("report", "why-not", "BTC/USD@2018-06-02"),
    ("report", "drift"),
    ("report", "strategies"),
    ("report", "monitoring", "--to", "MONITORING"),
    ("report", "serve", "--port", "0", "--for", "1s"),
    ("report", "positions"),
    ("report", "orders"),
    ("report", "execution"),
    ("report", "cycles"),
    ("init", "HOME"),
)
# These need a venue: they run against the local exchange of the tests, with a strategy that always holds.
_AT_A_VENUE = (
    ("strategy", "deploy", "always"),
    ("live", "arm", "--allow-unvalidated", "--confirm", "YES I AM SURE"),
    ("live", "--once"),
    ("report", "why", "ORDER"),
    ("report", "costs"),
    ("data", "fetch", "--exchange", "kraken", "--symbols", "BTC/USD", "--timeframe", "1d"),
    ("data", "providers"),
    ("alerts", "check"),
    ("alerts", "test"),
    ("ledger", "reconcile"),
    ("doctor",),
    ("live", "disarm"),
)
_HOLDS = """\
import numpy as np

from trader_cli.strategy import Bars, Floats, Strategy


class Always(Strategy):
    \"\"\"Hold always.\"\"\"

    def targets(self, bars: Bars) -> Floats:
        return np.ones(len(bars))
"""
_ENVELOPE = """\
Every command takes `--json` and then prints one line with one JSON object on stdout; notes, progress and errors go to stderr.

```json
{"schema": "trader.backtest/1", "ok": true, "result": {}}
{"schema": "trader.error/1", "ok": false, "error": {"code": "usage", "message": "", "hints": []}}
```

`error.code` is one of [these](exit-codes.md). Where a command has a result that is itself bad news, such as `data
check` on damaged bars, `ok` is false and both `result` and `error` are there. NaN and infinity are `null`. Amounts
the program keeps as exact decimals (configuration) are text; figures are numbers. Letters beyond ASCII are escaped. A
key may be added under the same schema number, none is renamed or removed.
"""


def json_objects() -> str:
    """Return the keys of every command's `result`, read off its own output."""
    lines = [HEAD + "# JSON\n", _ENVELOPE]
    with tempfile.TemporaryDirectory() as folder:
        bars = Path(folder, "bars.csv")
        bars.write_text("time,open,high,low,close,volume\n2024-01-01,1,1,1,1,1\n2024-01-02,1,1,1,1,1\n")
        places = {
            "BARS": bars,
            "OUT": Path(folder, "out"),
            "COPY": Path(folder, "copy.db"),
            "HOME": Path(folder, "new"),
            "MONITORING": Path(folder, "monitoring"),
        }
        for words in _EXAMPLES:
            made = _section(words, [str(places.get(word, word)) for word in words], folder)
            # A session needs some runs before there is anything to compare; one of them is shown.
            lines += [] if made[0] in lines else made
    lines += _at_a_venue()
    return "\n".join(lines).rstrip() + "\n"


def _at_a_venue() -> list[str]:
    sys.path.insert(0, str(ROOT / "tests"))
    from exchange import KRAKEN_KEY, KRAKEN_SECRET, ExchangeServer
    from listener import Listener

    lines = []
    os.environ |= {"TRADER_API_KEY": KRAKEN_KEY, "TRADER_API_SECRET": KRAKEN_SECRET}
    with (
        tempfile.TemporaryDirectory() as folder,
        ExchangeServer(balances={"kraken": {"USD": 10_000}}) as server,
        Listener() as hook,
    ):
        os.environ["TRADER_ALERT_URLS"] = f"json://{hook.at}/"
        Path(folder, "strategies").mkdir()
        Path(folder, "strategies", "always.py").write_text(_HOLDS)
        venue = f'[venue]\nid = "kraken"\napi_url = "{server.url}"\n'
        # At market it fills now; whether a limit does depends on the minute at which this runs.
        market = '[execution]\norder = "market"\nmax_slippage_bps = "2000"\n'
        Path(folder, "trader.toml").write_text(f'{venue}{market}[data]\nsymbols = ["BTC/USD"]\ntimeframe = "1h"\n')
        for words in _AT_A_VENUE:
            placed = next(iter(server.accepted()), "")
            made = _section(words, [placed if word == "ORDER" else word for word in words], folder)
            lines += [] if words[:2] == ("strategy", "deploy") else made
    return lines


def _section(words: tuple[str, ...], given: list[str], folder: str) -> list[str]:
    """Run one command and return what its JSON has under the command's name."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = run([*given, "--json", "--quiet", "--home", folder])
    body = json.loads(printed.getvalue())
    if code and "result" not in body:
        raise RuntimeError(f"{given}: {printed.getvalue()}")
    named = [word for word in words[: 1 if words[0] in _ALONE else 2] if not word.startswith("--")]
    command = " ".join([*named, *(word for word in words if word == "--run")])
    # What a strategy's parameters and a run's exits are called differs from run to run.
    keys = [
        f"- `{key}`: {'object' if key in ('params', 'exits') and isinstance(value, dict) else _shape(value)}"
        for key, value in body["result"].items()
    ]
    return [f"## `trader {command}`\n\n`{body['schema']}`\n", *keys, ""]


_ALONE = ("scan", "backtest", "optimize", "validate", "init", "paper", "doctor")


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return f"object of {', '.join(f'`{key}`' for key in value)}" if 0 < len(value) < _MANY else "object"
    if isinstance(value, list):
        return f"list of {_shape(value[0])}" if value else "list"
    names = {bool: "true or false", int: "number", float: "number", str: "text", type(None): "null or a number"}
    return names[type(value)]


_MANY = 20


def main() -> int:
    """Write the pages, or with --check say which are stale."""
    named = [Path(one).resolve() for one in sys.argv[1:] if not one.startswith("-")]
    made: dict[Path, str] = {}
    if not named:
        made = {ROOT / "docs" / "reference" / name: make() for name, make in _REFERENCE.items()}
    failed = 0
    # The pages wait for processes of their own; two at once use both cores of a small machine.
    with serving() as program, ThreadPoolExecutor(2) as pool:
        asked = {
            page: pool.submit(
                followed,
                page.read_text("utf-8"),
                blocks=page.name != "README.md",
                # On the first page the program is started as its readers start it.
                program="" if page.name == "index.md" else program,
            )
            for page in named or pages()
        }
    for page, answer in asked.items():
        try:
            made[page] = answer.result()
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"{page.relative_to(ROOT)}: {error}")
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if "--check" in sys.argv:
            print(f"stale: {path.relative_to(ROOT)}; run `python docs/generate.py`")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], "utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if failed or (stale and "--check" in sys.argv) else 0


_REFERENCE = {
    "commands.md": commands,
    "exit-codes.md": exit_codes,
    "configuration.md": configuration,
    "json.md": json_objects,
}


if __name__ == "__main__":
    sys.exit(main())
