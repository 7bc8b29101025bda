"""Counts how often its class was asked."""

from typing import ClassVar

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class CountsQuestions(Strategy):
    """Counts how often its class was asked."""

    asked: ClassVar[list[float]] = []

    def targets(self, bars: Bars) -> Levels:
        self.asked.append(1.0)
        return bars.close > indicators.sma(bars.close, 20) * (1.0 + 0.01 * len(self.asked))
