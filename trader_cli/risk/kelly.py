"""Capped fractional Kelly: how much to put at stake, from what the round trips so far have won and lost.

Full Kelly grows fastest when the odds are known. Here they are estimated from few trips, and over-betting costs more than
under-betting: hence a share of it, and a cap.
"""

from __future__ import annotations

from trader_cli.compiler import inlined
from trader_cli.money import mul_div


@inlined
def kelly_rate(wins: int, losses: int, gross_win_rate: int, gross_loss_rate: int, share: int, cap: int) -> int:
    """Return the share of equity to put at stake, a rate in 1e-8 in [0, cap], rounded down.

    wins, losses: round trips that won and lost. gross_win_rate, gross_loss_rate: sums of their returns in 1e-8, both >= 0.
    share: the fraction of full Kelly taken, 1e-8. No wins, no trips or no edge: 0. No losses: `cap`. Needs
    share * wins below 2**62 and its product with gross_win_rate below 2**110.

    f = p - (1 - p) / b with p = wins / trips and b = mean win / mean loss; on the sums that is
    f = wins * (gross_win_rate - gross_loss_rate) / (trips * gross_win_rate), and floor(floor(x) / trips) = floor(x / trips)
    makes share * f exact with a single rounding.
    Source: Kelly (1956), "A new interpretation of information rate"; Thorp (2006), "The Kelly criterion in blackjack,
    sports betting and the stock market".
    """
    edge = int(gross_win_rate) - int(gross_loss_rate)
    if wins <= 0 or edge <= 0 or cap <= 0:
        return 0
    if losses <= 0:
        return int(cap)
    trips = int(wins) + int(losses)
    return min(mul_div(int(share) * int(wins), edge, int(gross_win_rate)) // trips, int(cap))
