"""What an order, a fill and a refusal are called in the compiled functions: the members of the enums as plain integers."""

from __future__ import annotations

from trader_cli.model.fills import OrderKind, Reason, Refusal

MARKET = int(OrderKind.MARKET)
LIMIT = int(OrderKind.LIMIT)
TRIGGER = int(OrderKind.STOP)

BY_STRATEGY = int(Reason.STRATEGY)
BY_STOP = int(Reason.STOP)
BY_TRAIL = int(Reason.TRAIL)
BY_TARGET = int(Reason.TARGET)
BY_REBALANCE = int(Reason.REBALANCE)
BY_KILL = int(Reason.KILL)
BY_RISK = int(Reason.HIGH_RISK)
BY_BREAK_EVEN = int(Reason.BREAK_EVEN)
BY_MICRO = int(Reason.MICRO_PROFIT)
BY_PARTIAL = int(Reason.PARTIAL)
BY_TIME = int(Reason.TIME)
BY_SWAP = int(Reason.SWAP)
BY_UNPROTECTED = int(Reason.UNPROTECTED)

BELOW_MINIMUM = int(Refusal.BELOW_MINIMUM)
ROUNDS_TO_ZERO = int(Refusal.ROUNDS_TO_ZERO)
NO_CASH = int(Refusal.NO_CASH)
MAX_POSITIONS = int(Refusal.MAX_POSITIONS)
MAX_SYMBOL = int(Refusal.MAX_SYMBOL)
MAX_WALLET = int(Refusal.MAX_WALLET)
MAX_GROSS = int(Refusal.MAX_GROSS)
CASH_RESERVE = int(Refusal.CASH_RESERVE)
CORRELATION = int(Refusal.CORRELATION)
VAR = int(Refusal.VAR)
CVAR = int(Refusal.CVAR)
DAILY_LOSS = int(Refusal.DAILY_LOSS)
DRAWDOWN = int(Refusal.DRAWDOWN)
LOSING_STREAK = int(Refusal.LOSING_STREAK)
STALE_DATA = int(Refusal.STALE_DATA)
LOW_CONFIDENCE = int(Refusal.LOW_CONFIDENCE)
HALTED = int(Refusal.HALTED)
NO_OTHER_LEG = int(Refusal.OTHER_LEG)
LEG_COSTS = int(Refusal.LEG_COSTS)
