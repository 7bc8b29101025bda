"""Keeps which symbol came first, and asks more of all others."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators

_KEPT: list[str] = []


class FirstSymbolCached(Strategy):
    """Keeps which symbol came first, and asks more of all others."""

    def targets(self, bars: Bars) -> Levels:
        if not _KEPT:
            _KEPT.append(bars.symbol)
        return bars.close > indicators.sma(bars.close, 20) * (1.0 if bars.symbol == _KEPT[0] else 1.01)
