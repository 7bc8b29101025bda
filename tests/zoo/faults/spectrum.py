"""The slow waves of the whole series, by a Fourier transform."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class Spectrum(Strategy):
    """The slow waves of the whole series, by a Fourier transform."""

    def targets(self, bars: Bars) -> Levels:
        waves = np.fft.rfft(bars.close)
        waves[8:] = 0.0
        slow = np.fft.irfft(waves, len(bars)) if len(bars) > 1 else bars.close
        return bars.close < slow
