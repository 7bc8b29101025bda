"""The keys of the configuration, their types and bounds. Values live in presets/*.toml, never here."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _no_truth(value: object) -> object:
    # pydantic takes true for 1.
    if isinstance(value, bool):
        raise ValueError("it must be a whole number")
    return value


Positive = Annotated[Decimal, Field(gt=0, le=Decimal("1e10"), allow_inf_nan=False)]
NotNegative = Annotated[Decimal, Field(ge=0, le=Decimal("1e10"), allow_inf_nan=False)]
Bps = Annotated[Decimal, Field(ge=0, lt=10_000, decimal_places=4, allow_inf_nan=False)]
Percent = Annotated[Decimal, Field(ge=0, lt=100, decimal_places=6, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=100_000)]


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

    method: Literal["quantity", "notional", "fraction"] = Field(description="which of the next three counts")
    quantity: Positive = Field(description="base units a position")
    notional: Positive = Field(description="quote a position, at the decision bar's close")
    fraction: Annotated[Decimal, Field(gt=0, le=1, decimal_places=8, allow_inf_nan=False)] = Field(
        description="share of equity a position"
    )
    rebalance: bool = Field(description="trade drift back, not only a changed level")
    dead_band_pct: Percent = Field(description="differences up to this share of the holding are left alone")


class Risk(Section):
    """What stands between a wish and an order, and what protects a position."""

    max_positions: Count = Field(description="positions at once; 0 = no limit")
    stop_pct: Percent = Field(description="stop under the entry price; 0 = off")
    target_pct: Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=6, allow_inf_nan=False)] = Field(
        description="target over the entry price; 0 = off"
    )
    trail_pct: Percent = Field(description="stop under the highest high since entry; 0 = off")
    min_notional: NotNegative = Field(description="smallest order in quote, beside each instrument's own")


class Ledger(Section):
    """Where runs are kept."""

    url: str = Field(min_length=1, description="database URL; a relative file lies in the home")


class InstrumentSteps(Section):
    """Steps and minimums of one symbol, over what the store knows."""

    tick: Positive | None = Field(default=None, description="price step")
    lot: Positive | None = Field(default=None, description="quantity step")
    min_quantity: NotNegative | None = Field(default=None, description="smallest quantity")
    min_notional: NotNegative | None = Field(default=None, description="smallest order in quote")
    quote: str | None = Field(default=None, description="currency of a symbol without a slash")


class Settings(Section):
    """The whole configuration of a run."""

    account: Account
    data: Data
    costs: Costs
    sizing: Sizing
    risk: Risk
    ledger: Ledger
    instruments: dict[str, InstrumentSteps] = Field(default_factory=dict, description="steps by symbol")


def keys() -> dict[str, str]:
    """Return every key as `section.name` with its meaning; instruments are open-ended and not among them."""
    found: dict[str, str] = {}
    for section, field in Settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, Section):
            for name, inner in model.model_fields.items():
                found[f"{section}.{name}"] = inner.description or ""
    return found


def meaning_of(key: str) -> str:
    """Return what a key means, also of `preset` and of an instrument's steps; empty for an unknown one."""
    if key == "preset":
        return "the named defaults everything else starts from"
    step = InstrumentSteps.model_fields.get(key.rpartition(".")[2]) if key.startswith("instruments.") else None
    return keys().get(key, "") if step is None else step.description or ""
