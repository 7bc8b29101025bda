"""The keys of the configuration, their types and bounds. Values live in presets/*.toml, never here."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _no_truth(value: object) -> object:
    # pydantic takes true for 1.
    if isinstance(value, bool):
        raise ValueError("it must be a whole number")
    return value


def _simple(value: object) -> object:
    # Which type a parameter has, its strategy knows; these are all the types there are.
    if not isinstance(value, bool | int | str):
        raise ValueError("it must be a number, a word, true or false")
    if isinstance(value, str) and value.strip().lower().lstrip("+-") in ("nan", "inf", "infinity"):
        raise ValueError("it must be finite")
    return value


Positive = Annotated[Decimal, Field(gt=0, le=Decimal("1e10"), allow_inf_nan=False)]
NotNegative = Annotated[Decimal, Field(ge=0, le=Decimal("1e10"), allow_inf_nan=False)]
Bps = Annotated[Decimal, Field(ge=0, lt=10_000, decimal_places=4, allow_inf_nan=False)]
Percent = Annotated[Decimal, Field(ge=0, lt=100, decimal_places=6, allow_inf_nan=False)]
Wide = Annotated[Decimal, Field(ge=0, le=10_000, decimal_places=6, allow_inf_nan=False)]
UpToAll = Annotated[Decimal, Field(gt=0, le=100, decimal_places=6, allow_inf_nan=False)]
Gain = Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=6, allow_inf_nan=False)]
Share = Annotated[Decimal, Field(gt=0, le=1, decimal_places=8, allow_inf_nan=False)]
Multiple = Annotated[Decimal, Field(ge=0, le=1000, decimal_places=8, allow_inf_nan=False)]
Correlation = Annotated[Decimal, Field(ge=0, lt=1, decimal_places=8, allow_inf_nan=False)]
Confidence = Annotated[Decimal, Field(gt=50, lt=100, decimal_places=6, allow_inf_nan=False)]
Part = Annotated[Decimal, Field(ge=0, le=100, decimal_places=6, allow_inf_nan=False)]
UpToOne = Annotated[Decimal, Field(ge=0, le=1, decimal_places=8, allow_inf_nan=False)]
Connections = Annotated[int, BeforeValidator(_no_truth), Field(ge=1, le=16)]
Points = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=100)]
# All ways to take half of them: 184,756 for 20.
Blocks = Annotated[int, BeforeValidator(_no_truth), Field(ge=2, le=20, multiple_of=2)]
Window = Annotated[int, BeforeValidator(_no_truth), Field(ge=2, le=100_000)]
Count = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=100_000)]
Seconds = Annotated[int, BeforeValidator(_no_truth), Field(ge=1, le=86_400)]
# Kraken takes 2 to 60 s at its own clock: the request needs some of it to get there.
Minute = Annotated[int, BeforeValidator(_no_truth), Field(ge=3, le=59)]
Milliseconds = Annotated[int, BeforeValidator(_no_truth), Field(ge=1, le=60_000)]
Tries = Annotated[int, BeforeValidator(_no_truth), Field(ge=1, le=100)]
Rate = Annotated[int, BeforeValidator(_no_truth), Field(ge=1, le=10_000)]
Hours = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=8784)]
Days = Annotated[int, BeforeValidator(_no_truth), Field(ge=1, le=366)]
Trials = Annotated[int, BeforeValidator(_no_truth), Field(ge=1, le=10_000_000)]
Seed = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=2**32 - 1)]
AtLeastOne = Annotated[Decimal, Field(ge=1, le=1000, decimal_places=8, allow_inf_nan=False)]


class Section(BaseModel):
    """A table of the configuration: unknown keys are refused, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Account(Section):
    """The account a run starts with."""

    cash: Positive = Field(description="cash at the start, in the quote currency")
    quote: str = Field(min_length=1, description="the currency everything is counted in")


class Data(Section):
    """Which bars a run sees."""

    symbols: tuple[str, ...] = Field(description="symbols to trade; none = the sample's coins")
    exchange: str = Field(description="where they are stored; empty = wherever the symbol is")
    timeframe: str = Field(description="length of a bar, e.g. 4h; empty = the series' default")
    since: str = Field(description="first moment, ISO 8601 UTC; empty = from the first bar")
    until: str = Field(description="first moment that is left out, ISO 8601 UTC; empty = to the last bar")


class Costs(Section):
    """What a fill costs beside its price."""

    fee_bps: Bps = Field(description="fee of market orders and stops, in bps of the notional")
    maker_fee_bps: Bps = Field(description="fee of limit orders and targets, in bps of the notional")
    slippage_bps: Bps = Field(description="how much worse than the bar's price market orders and stops fill, in bps")


class Sizing(Section):
    """How much a wanted level of 1 is."""

    method: Literal["quantity", "notional", "fraction", "risk", "volatility", "kelly"] = Field(
        description="how a position's size is found"
    )
    quantity: Positive = Field(description="base units a position, for `quantity`")
    notional: Positive = Field(description="quote a position at the decision bar's close, for `notional`")
    fraction: Share = Field(description="share of the wallet's equity a position; the most for the methods below")
    risk_pct: Percent = Field(description="share of equity lost when the stop is reached, for `risk`")
    risk_atr: Multiple = Field(description="distance of the stop in average true ranges where the strategy states none")
    volatility_pct: Wide = Field(description="volatility a year a position may bring to the equity, for `volatility`")
    volatility_bars: Window = Field(description="bars of the realised volatility, for `volatility`")
    kelly_share: Share = Field(description="part of the full Kelly fraction, for `kelly`")
    kelly_cap_pct: Percent = Field(description="most of the equity that Kelly may ask for")
    kelly_trades: Count = Field(description="closed round trips of the wallet before Kelly is trusted")
    rebalance: bool = Field(description="trade drift back, not only a changed level")
    dead_band_pct: Percent = Field(description="differences up to this share of the holding are left alone")


class Allocation(Section):
    """How a wallet's means are split among the symbols it wants; `sizing` then says how much of them is used."""

    method: Literal["none", "equal", "risk_parity", "performance"] = Field(description="none = every position alone")
    bars: Window = Field(description="bars of the covariance, for `risk_parity`")
    trades: Count = Field(description="closed round trips before a symbol's result counts, for `performance`")
    floor_pct: Percent = Field(description="least share of a symbol, for `performance`")
    cap_pct: UpToAll = Field(description="largest share of a symbol, for `performance`")


class Risk(Section):
    """What stands between a wish and an order, and what protects a position."""

    max_positions: Count = Field(description="positions at once; 0 = no limit")
    stop_pct: Percent = Field(description="stop under the entry price; 0 = off")
    target_pct: Gain = Field(description="target over the entry price; 0 = off")
    trail_pct: Percent = Field(description="stop under the highest high since entry; 0 = off")
    min_notional: NotNegative = Field(description="smallest order in quote, beside each instrument's own")
    raise_to_minimum: Multiple = Field(description="a smaller order becomes the minimum times this; 0 = it is refused")
    max_symbol_pct: Wide = Field(description="most of the account's equity in one symbol; 0 = no limit")
    max_wallet_pct: Wide = Field(description="most of a wallet's equity in holdings; 0 = no limit")
    max_gross_pct: Wide = Field(description="most of the account's equity in holdings; 0 = no limit")
    cash_reserve_pct: Percent = Field(description="share of a wallet's equity that stays cash; 0 = none")
    max_correlation: Correlation = Field(description="entries more correlated with a held symbol are refused; 0 = off")
    correlation_bars: Window = Field(description="bars over which correlation is measured")
    max_var_pct: Percent = Field(
        description="most a bar may lose at the confidence below, of the account's equity; 0 = off"
    )
    max_cvar_pct: Percent = Field(
        description="most the bars beyond that may lose on average, of the account's equity; 0 = off"
    )
    var_confidence_pct: Confidence = Field(description="confidence of the value at risk, conditional or not")
    var_bars: Window = Field(description="bars of history the value at risk is taken from")
    min_confidence: Correlation = Field(description="a buy needs a confidence above this; 0 = off")
    max_gap_bars: Count = Field(description="a buy needs the bar before to be at most this many bars ago; 0 = off")
    daily_loss_pct: Percent = Field(
        description="loss of the account in a UTC day that stops entries until the next; 0 = off"
    )
    drawdown_pct: Percent = Field(description="fall of the account from its peak that stops entries; 0 = off")
    wallet_daily_loss_pct: Percent = Field(description="the same loss of a wallet stops its own entries; 0 = off")
    wallet_drawdown_pct: Percent = Field(description="the same fall of a wallet stops its own entries; 0 = off")
    close_on_drawdown: bool = Field(description="a drawdown breaker also sells what is held")
    losing_streak: Count = Field(description="losing round trips in a row that pause a wallet; 0 = off")
    cool_down_bars: Count = Field(description="bars the pause after a losing streak lasts")
    swap_atr: Multiple = Field(
        description="average true ranges a sure signal promises, for swapping the weakest position; 0 = never swap"
    )


class Exits(Section):
    """What ends a position beside the strategy and the percentages under `risk`."""

    atr_period: Window = Field(description="bars of the average true range that stops, sizes and scores use")
    stop_atr: Multiple = Field(description="stop under the entry price, in average true ranges; 0 = off")
    trail_atr: Multiple = Field(description="stop under the highest high, in average true ranges; 0 = off")
    break_even_pct: Gain = Field(description="gain at which the stop rises to entry and costs; 0 = off")
    micro_profit_pct: Gain = Field(description="gain at which a market order takes the profit; 0 = off")
    profit_basis: Literal["net", "gross"] = Field(
        description="net = the micro-profit is after the costs of both trades, gross = before"
    )
    partial_pct: Gain = Field(description="gain at which a part is sold; 0 = off")
    partial_share_pct: Percent = Field(description="share of the holding that the partial target sells")
    max_bars: Count = Field(description="bars after which a position is closed; 0 = off")
    high_score: Points = Field(description="risk score at which a position is closed as HIGH; 0 = off")
    high_loss_pct: Percent = Field(description="open loss that earns its points in full")
    high_atr_ratio: Multiple = Field(
        description="average true range, against the entry's, that earns its points in full"
    )
    high_share_pct: Percent = Field(description="share of the wallet's equity that earns its points in full")
    high_loss_points: Points = Field(description="points for the open loss")
    high_atr_points: Points = Field(description="points for the grown range")
    high_share_points: Points = Field(description="points for the share")
    fibonacci: bool = Field(description="stops and targets from swings where the strategy states none")
    fibonacci_wing: Window = Field(description="bars on each side that make a swing")
    fibonacci_atr: Multiple = Field(description="average true ranges between a level and the stop under it")


class Coordination(Section):
    """Who decides where several strategies of a wallet disagree about a symbol."""

    method: Literal["confidence", "reward_risk", "priority"] = Field(
        description="what the winner has most of; priority = a wallet's first strategy"
    )


class Consensus(Section):
    """Which timeframes must agree on a buy; `risk.min_confidence` says how much."""

    timeframes: tuple[str, ...] = Field(description="timeframes read together, the first the run's own; [] = only it")


class Wallet(Section):
    """One sub-account: which strategies trade in it, and its share of the account's cash."""

    strategies: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        min_length=1, description="strategies, in order of priority"
    )
    share_pct: Part = Field(description="share of the account's cash; 0 = no such wallet")


class Venue(Section):
    """Where real orders go, and how patiently its answers are awaited."""

    id: Literal["", "kraken", "binance"] = Field(description="venue of `paper` and `live`; empty = none")
    api_url: str = Field(description="replaces scheme and host of every address of the venue; empty = its own")
    key_env: str = Field(min_length=1, description="name of the environment variable that holds the API key")
    secret_env: str = Field(min_length=1, description="name of the environment variable that holds the API secret")
    tier: Literal["starter", "intermediate", "pro"] = Field(
        description="the account's tier, which sets its rate budget"
    )
    timeout_s: Seconds = Field(description="longest wait for one answer, in seconds")
    recv_window_ms: Milliseconds = Field(description="how late a signed request may arrive, in ms (Binance)")
    deadline_s: Minute = Field(description="seconds after which a venue no longer takes an order we sent")
    lookup_margin_ms: Milliseconds = Field(
        description="ms after the deadline before an order not found counts as absent"
    )
    skew_ms: Milliseconds = Field(
        description="difference of our clock and the venue's that halts trading when exceeded, in ms"
    )
    rules_hours: Tries = Field(description="age at which cached market rules are asked for again, in hours")


class Execution(Section):
    """How an order is placed, and when the way of placing changes by itself."""

    order: Literal["limit", "market"] = Field(description="kind of an entry's order")
    limit_bps: Bps = Field(description="how far through the decision's close a limit order goes")
    ioc_above_pct: Points = Field(description="fill of the venue's order counter above which entries are IOC")
    tries: Tries = Field(description="most placements of one decision; one of unknown outcome is never repeated")
    max_slippage_bps: Bps = Field(
        description="distance of the book from the close beyond which no market order is sent"
    )
    spike_times: AtLeastOne = Field(
        description="a bar this many times the close before it, or this part, is not believed"
    )
    ioc_slippage_pct: Percent = Field(description="average slippage above which entries become IOC")
    min_success_pct: Part = Field(description="share of orders that fill below which minimums get their buffer")
    success_orders: Count = Field(description="orders before slippage and success count")
    minimum_buffer: AtLeastOne = Field(description="what minimums are multiplied by when too few orders fill")
    tolerance: NotNegative = Field(description="difference of a balance, worth in quote, that counts as dust")
    cancel_reserve_pct: Points = Field(description="share of the rate budget kept for cancellations")


class Cycle(Section):
    """The bounds of one cycle of `paper` or `live`."""

    limit_s: Seconds = Field(description="longest a cycle may take, in seconds")
    arm_days: Days = Field(description="days after which leave to trade live expires")
    stale_bars: Count = Field(description="closed bars that the newest data may lack before nothing is decided on it")
    after_s: Seconds = Field(
        description="longest that pushing figures and telling of trouble may take after it, in seconds"
    )


class Scan(Section):
    """Which symbols `scan` looks at, and which signals it takes seriously; 0 turns a filter off."""

    max_late_bars: Count = Field(description="closed bars the newest data of a symbol may lack")
    min_volume: NotNegative = Field(description="quote traded in 24 hours, at least")
    max_spread_bps: Bps = Field(description="distance of bid and ask, in bps of their middle, at most")
    min_age_bars: Count = Field(description="closed bars of history, at least")
    max_order_pct: Part = Field(description="share of a usual bar's volume that a whole position takes, at most")
    volume_bars: Window = Field(description="newest bars whose median volume is the usual bar's")
    bypass_pct: Gain = Field(description="rise in percent that passes at any age; 0 = none does")
    bypass_bars: Window = Field(description="newest bars within which it rises")
    look_confidence: UpToOne = Field(description="confidence from which a signal is worth a look")
    act_confidence: UpToOne = Field(
        description="confidence from which it is one to act on; `risk.min_confidence` counts too"
    )
    rank: Literal["confidence", "reward_risk"] = Field(description="what the best signals have most of")
    top: Tries = Field(description="signals shown")
    workers: Count = Field(description="threads that compute; 0 = one a core where series are long, else one")
    limit_s: Seconds = Field(description="longest the venue is asked for, in seconds; what is missing then is named")
    connections: Connections = Field(description="questions to the venue at once, all under its one rate budget")
    by_pair: bool = Field(
        description="count Kraken's candles by pair, as it says it does, and not one call a second in all"
    )
    by_pair_pause_h: Hours = Field(
        description="hours of one call a second in all once Kraken turned a scan by pair away; 0 = for that scan only"
    )
    give_up: Tries = Field(description="questions in a row without an answer after which the venue is left alone")


class Fetch(Section):
    """How `data fetch` asks for bars, and whom."""

    first_bars: Count = Field(description="bars of a series fetched first where no `--since` is stated")
    group_pages: Tries = Field(description="answers that are stored together; a kill costs one such group at most")
    tries: Tries = Field(description="tries of one request that a provider did not answer")
    patience_s: Seconds = Field(description="longest wait for a provider that turns us away, in seconds")
    fallback: tuple[str, ...] = Field(description="providers that stand in for a series' own, in order of their score")
    quotes: tuple[str, ...] = Field(description="currencies a stand-in is asked for instead, e.g. USD=USDT")
    kraken_quota: Count = Field(description="requests a UTC day to Kraken for bars; 0 = no limit")
    binance_quota: Count = Field(description="requests a UTC day to Binance for bars; 0 = no limit")
    yahoo_quota: Count = Field(description="requests a UTC day to Yahoo for bars; 0 = no limit")
    alpaca_quota: Count = Field(description="requests a UTC day to Alpaca for bars; 0 = no limit")
    alpaca_per_min: Rate = Field(description="requests a minute to Alpaca, as the account's plan says")
    alpaca_feed: Literal["sip", "iex"] = Field(description="sip = of all US exchanges, iex = of one of them")
    alpaca_delay_min: Count = Field(
        description="minutes a bar is over before Alpaca is asked for it; the free plan gives sip 15 minutes late"
    )
    alpaca_key_env: str = Field(min_length=1, description="name of the environment variable that holds Alpaca's key")
    alpaca_secret_env: str = Field(
        min_length=1, description="name of the environment variable that holds Alpaca's secret"
    )
    half_life_h: Seconds = Field(description="hours after which half of a provider's record is forgotten")
    slow_s: Seconds = Field(description="seconds of an answer that halve a provider's score")
    kraken_url: str = Field(
        description="replaces scheme and host of Kraken's addresses; empty = venue.api_url or its own"
    )
    binance_url: str = Field(
        description="replaces scheme and host of Binance's addresses; empty = venue.api_url or its own"
    )
    yahoo_url: str = Field(description="replaces scheme and host of Yahoo's addresses; empty = its own")
    alpaca_url: str = Field(description="replaces scheme and host of Alpaca's addresses; empty = its own")


class Optimize(Section):
    """How `optimize` searches, and what it calls good."""

    method: Literal["auto", "grid", "random", "tpe"] = Field(
        description="auto = grid where every range has a step, else random"
    )
    trials: Trials = Field(description="sets of parameters that random and tpe try")
    max_grid: Trials = Field(description="largest grid that is begun; more is asked for with this key")
    seed: Seed = Field(description="of random and tpe: the same seed tries the same")
    objective: str = Field(
        min_length=1,
        description="figure of `backtest` to maximise, with `-` before it to minimise; several with commas",
    )
    min_trades: Count = Field(description="round trips below which a trial cannot be the best")
    holdout_pct: Part = Field(description="newest bars that the search does not see, in percent; 0 = it sees all")
    batch: Tries = Field(description="trials that tpe suggests at once, from what is known by then")
    workers: Count = Field(description="trials at once; 0 = one a core, or one where there is little to do")
    engine: Literal["local", "threads", "processes", "ray", "dask"] = Field(
        description="where they run: this machine's threads or processes, local = whichever is quicker; or a cluster"
    )
    address: str = Field(description="of the Ray or Dask cluster; empty = one of this machine")
    top: Tries = Field(description="best trials that are shown")
    plateau_pct: Part = Field(
        description="share of the best result its neighbours reach (median) where it stands on a plateau"
    )
    spike_pct: Part = Field(description="share below which it is a spike")
    max_change_pct: Percent = Field(description="most a proposal changes a parameter, of its current value")


class Validate(Section):
    """What `validate` asks of a strategy before it may trade money."""

    seed: Seed = Field(description="of everything random in the checks: the same seed gives the same verdict")
    workers: Count = Field(description="checks at once; 0 = one a core, or one where that takes longer")
    max_age_days: Days = Field(description="days after which a verdict no longer counts for live trading")
    confidence_pct: Confidence = Field(description="confidence at which chance is told from skill, in every check")
    min_trades: Count = Field(description="closed round trips below which there is no evidence")
    cuts: Trials = Field(description="cuts at which the past must not depend on the future")
    warm_up_bars: Window = Field(description="bars after its first opinion on which the laws are tried")
    parity_bars: Window = Field(description="bars that are also run one process a bar, as paper trading does")
    tolerance_pct: Percent = Field(description="how far a result on other bars may lie from the backtest's")
    holdout_pct: Percent = Field(description="newest bars held out where no search is on record, in percent")
    min_days: Count = Field(description="days out of sample below which there is no evidence")
    folds: Window = Field(description="folds of the walk forward, each traded after the bars its choice was made on")
    max_combinations: Tries = Field(description="sets of parameters the walk forward chooses among, at most")
    min_efficiency_pct: Part = Field(
        description="yearly return out of sample, of that in sample, that the walk forward must keep"
    )
    min_folds_pct: Part = Field(description="share of the folds that must earn out of sample")
    max_pbo_pct: Part = Field(description="probability of backtest overfitting from which a search is refused")
    sampled_trials: Trials = Field(description="sets of parameters run again for the statistics, at most")
    blocks: Blocks = Field(description="blocks of cross-validation, an even number")
    bootstrap_samples: Trials = Field(description="draws of the bootstrap")
    entry_samples: Trials = Field(description="draws of random entries")
    fee_factor: AtLeastOne = Field(description="what fees are multiplied by under stress")
    slippage_factor: AtLeastOne = Field(description="what slippage is multiplied by under stress")
    late_bars: Count = Field(description="bars by which every order comes late under stress")
    shift_pct: Percent = Field(description="how far each parameter is moved, of its value")
    dropped_trades: Count = Field(description="best round trips that are left out")
    dropped_symbols: Count = Field(description="symbols that are left out at once; 0 = none")
    fragile_pct: Percent = Field(description="share of the yearly return that one such change may cost")
    max_volume_pct: UpToAll = Field(description="share of a bar's volume that an order may take")
    above_volume_pct: Percent = Field(description="share of the fills that may take more")
    lucky_month_pct: Wide = Field(description="share of the profit that one month may bring")


class Metrics(Section):
    """Where figures for Prometheus go; only `paper` and `live` ask here, other commands have `--metrics FILE`."""

    file: str = Field(
        description="file written at the end of each `paper` and `live`; relative = in the home; empty = none"
    )
    push_url: str = Field(description="address of a push gateway, told at the end of each of them; empty = none")
    push_timeout_s: Seconds = Field(description="longest wait for the push gateway, in seconds")


class Alerts(Section):
    """Which trouble somebody is told of, and how often. Where to, a variable says: such addresses hold passwords."""

    urls_env: str = Field(
        min_length=1, description="name of the environment variable that holds the addresses, Apprise's"
    )
    muted: tuple[
        Literal[
            "unresolved_order",
            "halt",
            "breaker",
            "unprotected",
            "stale_data",
            "cycle_failed",
            "heartbeat",
            "leave",
            "difference",
            "ledger",
        ],
        ...,
    ] = Field(description="kinds of trouble that nobody is told of; [] = all are told")
    repeat_h: Hours = Field(description="hours before trouble that lasts is told again; 0 = never")
    most_per_hour: Tries = Field(description="messages an hour; what is left over joins the next one")
    heartbeat_bars: Tries = Field(description="bars without a cycle that ended well before the heartbeat is missing")
    limit_s: Seconds = Field(description="longest that telling all addresses may take, in seconds")
    retry_h: Hours = Field(description="hours for which an address is told again what it did not take; 0 = never")


class Sentry(Section):
    """Whether faults of the program are reported to Sentry."""

    enabled: bool = Field(description="faults are reported where the variable below holds a DSN")
    dsn_env: str = Field(min_length=1, description="name of the environment variable that holds the DSN")
    timeout_s: Seconds = Field(description="longest that reporting may take, in seconds")


class Insight(Section):
    """What the ledger's own record is judged by: drift, fitted costs, strategies that no longer earn their keep."""

    drift_pct: Wide = Field(
        description="gap between a session and its re-run, of what the re-run won or lost, that demotes it to paper"
    )
    drift_floor_pct: Percent = Field(description="gap, of the cash at the start, that is never too much")
    drift_fills: Count = Field(description="fills of both together below which drift demotes nobody")
    late_s: Seconds = Field(description="seconds after its bar's close from which on an order was decided late")
    fit_fills: Trials = Field(description="fills at a venue below which costs cannot be fitted")
    fit_quantile_pct: UpToAll = Field(description="share of the fills that the fitted slippage covers")
    retire_days: Days = Field(description="days a strategy is judged by; one that is younger is not named")
    retire_trades: Count = Field(description="closed round trips in them below which a loss names nobody")


class Ledger(Section):
    """Where runs are kept."""

    url: str = Field(min_length=1, description="database URL; a relative file lies in the home")


class InstrumentSteps(Section):
    """Steps and minimums of one symbol, over what the store knows."""

    tick: Positive | None = Field(default=None, description="price step")
    lot: Positive | None = Field(default=None, description="quantity step")
    min_quantity: NotNegative | None = Field(default=None, description="smallest quantity")
    min_notional: NotNegative | None = Field(default=None, description="smallest order in quote")
    learned_minimum: NotNegative | None = Field(default=None, description="smallest order the venue took, in quote")
    quote: str | None = Field(default=None, description="currency of a symbol without a slash")


with warnings.catch_warnings():
    # The section is called like its command; the method of that name in pydantic's first version is called by nobody.
    warnings.simplefilter("ignore", UserWarning)

    class Settings(Section):
        """The whole configuration of a run."""

        account: Account
        data: Data
        costs: Costs
        sizing: Sizing
        allocation: Allocation
        risk: Risk
        exits: Exits
        coordination: Coordination
        consensus: Consensus
        venue: Venue
        execution: Execution
        cycle: Cycle
        fetch: Fetch
        scan: Scan
        optimize: Optimize
        validate: Validate = Field()  # type: ignore[assignment]
        insight: Insight
        ledger: Ledger
        metrics: Metrics
        alerts: Alerts
        sentry: Sentry
        wallets: dict[str, Wallet] = Field(default_factory=dict, description="sub-accounts by name")
        params: dict[str, dict[str, Annotated[Any, BeforeValidator(_simple)]]] = Field(
            default_factory=dict, description="parameters by strategy"
        )
        instruments: dict[str, InstrumentSteps] = Field(default_factory=dict, description="steps by symbol")


OPEN: dict[str, type[Section] | None] = {"instruments": InstrumentSteps, "wallets": Wallet, "params": None}
"""Tables with names of the user's own, `table.NAME.key`; None = what the keys may be is known elsewhere."""


def unquoted(key: str) -> str:
    """Return a key as it is kept: the file, and whoever copies from it, may write instruments."BTC/USD".tick."""
    return key.replace('"', "").replace("'", "")


def open_key(key: str) -> tuple[str, str, str] | None:
    """Return (table, name, key) of a key in an open-ended table, None for any other; the name may hold dots."""
    table, dot, rest = key.partition(".")
    name, inner, last = rest.rpartition(".")
    return (table, name, last) if table in OPEN and dot and inner and name and last else None


@cache
def keys() -> Mapping[str, str]:
    """Return every key as `section.name` with its meaning; those of the open-ended tables are not among them."""
    found: dict[str, str] = {}
    for section, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, Section):
            for name, inner in model.model_fields.items():
                found[f"{section}.{name}"] = inner.description or ""
    # Asked once for each key of each layer: found once, and nobody's to change.
    return MappingProxyType(found)


def meaning_of(key: str) -> str:
    """Return what a key means, also of `preset` and in the open-ended tables; empty for an unknown one."""
    if key == "preset":
        return "the named defaults everything else starts from"
    if (parts := open_key(key)) is None:
        return keys().get(key, "")
    table, name, last = parts
    model = OPEN[table]
    if model is None:
        return f"parameter `{last}` of strategy `{name}`"
    field = model.model_fields.get(last)
    return "" if field is None else field.description or ""
