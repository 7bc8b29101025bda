"""ccxt is imported one exchange at a time, and stays ccxt for whoever imports it after."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trader_cli.errors import VenueError
from trader_cli.venues.library import exchange_class


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("venue", ["kraken", "binance"])
def test_one_exchange_comes_without_the_hundred_others(venue: str) -> None:
    loaded = run(
        "import sys; from trader_cli.venues.library import exchange_class;"
        f"made = exchange_class('{venue}')(); assert made.id == '{venue}';"
        "print(sum(name.startswith('ccxt.abstract.') for name in sys.modules), 'ccxt' in sys.modules)"
    )
    assert loaded == "1 False"


def test_ccxt_imported_afterwards_is_whole_and_holds_the_same_classes() -> None:
    run(
        "from trader_cli.venues.library import exchange_class; made = exchange_class('kraken');"
        "import ccxt; assert ccxt.kraken is made; assert issubclass(ccxt.binance, ccxt.Exchange);"
        "assert exchange_class('binance') is ccxt.binance"
    )


def test_a_layout_that_has_changed_falls_back_to_the_whole_package() -> None:
    run(
        "import importlib; from trader_cli.venues import library\n"
        "def broken(venue): raise ImportError('moved')\n"
        "library._alone = broken\n"
        "assert library.exchange_class('kraken')().id == 'kraken'\n"
        "import sys; assert 'ccxt' in sys.modules"
    )


def test_a_half_made_import_leaves_nothing_behind() -> None:
    run(
        "import importlib, sys; from trader_cli.venues import library\n"
        "whole, calls = importlib.import_module, []\n"
        "def once(name):\n"
        "    calls.append(name)\n"
        "    if len(calls) == 1:\n"
        "        whole('ccxt.base.errors')\n"
        "        raise ImportError(name)\n"
        "    return whole(name)\n"
        "library.importlib.import_module = once\n"
        "made = library.exchange_class('kraken')\n"
        "assert (calls[0], calls[-1]) == ('ccxt.kraken', 'ccxt'), calls\n"
        "import ccxt; assert made is ccxt.kraken and issubclass(ccxt.errors.InvalidNonce, ccxt.BaseError)"
    )


def test_a_venue_that_is_not_known_is_named() -> None:
    with pytest.raises(VenueError, match="`mtgox` is not known"):
        exchange_class("mtgox")
