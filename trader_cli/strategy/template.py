"""Write a new strategy file that works as it stands, with comments where an author will want to change it."""

from __future__ import annotations

import contextlib
import keyword
import os
import tempfile
from collections.abc import Collection
from pathlib import Path

from trader_cli.errors import UsageError
from trader_cli.strategy.loader import NAME, class_name

_TEMPLATE = '''"""What the idea is, in a few sentences, and where it is from.

Source: author (year), "title".
"""

from trader_cli.strategy import Bars, Param, Signals, Strategy, from_entry, indicators, latch


class {class_name}(Strategy):
    """Buy when the fast average is above the slow one and the price still rises, leave when it is below."""

    # Each Param can be set from outside: `trader backtest {name} --param fast=10`. The default states the type.
    fast = Param(20, low=2, high=200, help="bars in the fast average")
    slow = Param(100, low=5, high=1000, help="bars in the slow average")
    atr_period = Param(14, low=2, high=200, help="bars in the average true range")
    stop_atr = Param(3.0, low=0.5, high=20.0, help="distance of the stop under the entry's close, in ATR")

    def targets(self, bars: Bars) -> Signals:
        # bars.open, .high, .low, .close, .volume and .open_ms are arrays, oldest first; bars.frame is a pandas view.
        # Row i of whatever is returned may depend on rows 0..i only: it is decided at that bar's close and filled at
        # the next bar's open. Indicators are NaN until they have enough bars; a comparison with NaN is false.
        fast = indicators.ema(bars.close, self.fast)
        slow = indicators.ema(bars.close, self.slow)

        # latch(enter, leave) holds from a bar where `enter` is true until one where `leave` is; leave wins.
        # Without it, return any level yourself: 1 = a whole position, 0 = flat, 0.5 = half, NaN = keep what is held.
        held = latch((fast > slow) & (indicators.roc(bars.close, self.fast) > 0.0), fast < slow)

        # A stop fixed at the entry. Leave it out, or add take=, limit=, trigger= and confidence= in the same way.
        atr = indicators.atr(bars.high, bars.low, bars.close, self.atr_period)
        return Signals(target=held, stop=from_entry(held, bars.close - self.stop_atr * atr))
'''


def write_new(folder: Path, name: str, taken: Collection[str] = ()) -> Path:
    """Write `folder`/`name`.py, whole or not at all, and return its path; the folder is made where it is missing.

    taken: names that another strategy has already. Raises UsageError for a name that no strategy can have or that is
    taken, and where the file is there already.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(
            f"`{name}` cannot be the name of a strategy",
            "write a letter, then letters, digits and _, all lower case, e.g. `my_breakout`",
        )
    path = folder / f"{name}.py"
    if path.exists():
        raise UsageError(f"`{path}` is there already", "choose another name, or edit that file")
    if name in taken:
        raise UsageError(f"there is a strategy `{name}` already", "choose another name; yours would hide it")
    folder.mkdir(parents=True, exist_ok=True)
    _write(path, _TEMPLATE.format(name=name, class_name=class_name(name)))
    return path


def _write(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".tmp", delete=False) as file:
        draft = Path(file.name)
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            draft.chmod(0o644)
            _publish(draft, path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                draft.unlink()


def _publish(draft: Path, path: Path) -> None:
    try:
        # A link fails where the name exists, a rename would overwrite what another process has just made.
        path.hardlink_to(draft)
    except FileExistsError as error:
        raise UsageError(f"`{path}` is there already", "choose another name, or edit that file") from error
    except OSError:
        # A file system without links: the check above has to do.
        draft.replace(path)
