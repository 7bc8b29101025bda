"""A new strategy's first file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from trader_cli.errors import UsageError
from trader_cli.strategy.loader import NAME, class_name

_TEXT = '''"""Where the idea comes from: write author, year and title here."""

from trader_cli.strategy import Bars, Levels, Param, Strategy, indicators, latch


class {cls}(Strategy):
    """Hold from a new high of the last `fast` closes until a new low of the last `slow`."""

    # A parameter has a default and the range that a search may try: `--param fast=40`.
    fast = Param(20, low=5, high=200, help="bars that a new high must beat")
    slow = Param(10, low=3, high=100, help="bars that a new low must undercut")

    def targets(self, bars: Bars) -> Levels:
        # One row a bar; row i may use bars 0..i only. 1 = hold, 0 = flat, NaN = keep what is held.
        enter = bars.close >= indicators.highest(bars.close, self.fast)
        leave = bars.close <= indicators.lowest(bars.close, self.slow)
        return latch(enter, leave)
'''


def write_new(folder: Path, name: str) -> Path:
    """Write a working strategy called `name`; return its file. Raises UsageError for a bad name or one that is taken."""
    if not NAME.fullmatch(name):
        raise UsageError(f"`{name}` cannot be a strategy's name", "use small letters, digits and `_`, a letter first")
    path = folder / f"{name}.py"
    folder.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_TEXT.format(cls=class_name(name)))
        # A link fails where the name is taken, also by somebody a moment ago; a rename would replace it.
        os.link(temporary, path)
    except FileExistsError:
        raise UsageError(f"`{path}` is there already", "choose another name, or edit that file") from None
    finally:
        Path(temporary).unlink(missing_ok=True)
    path.chmod(0o644)
    return path
