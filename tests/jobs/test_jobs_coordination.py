"""Several strategies' signals become one, and every episode of disagreement is told (R2.6)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.errors import UsageError
from trader_cli.jobs.coordination import METHODS, Combined, combine
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy.signals import FIELDS, Signals, checked

pytestmark = pytest.mark.req("R2.6")

NAN = math.nan
NAMES = ("momentum", "mean_reversion", "grid", "volatility")


def bars_of(*closes):
    close = np.array(closes, np.float64)
    return Bars("BTC/USD", "kraken", Timeframe("1h"), np.arange(len(close)) * 3_600_000, *[close] * 5)


def say(**columns):
    signals = Signals(**{name: np.array(column, np.float64) for name, column in columns.items()})
    return checked(signals, len(signals.target))


def combined(said, method="confidence", closes=None) -> Combined:
    bars = bars_of(*(closes or [100.0] * len(said[0].target)))
    return combine(NAMES[: len(said)], said, bars, method)


def letters(result: Combined) -> str:
    return " ".join("-abcd"[k + 1] for k in result.winner)


def same(one: Signals, other: Signals) -> None:
    for name in FIELDS:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None), name
        if mine is not None:
            np.testing.assert_array_equal(mine, theirs, err_msg=name)


# Values that tie, that lie on the wrong side of the close, and that are not stated; prices of 100 and around.
LEVEL = st.sampled_from([NAN, NAN, 1.0, 1.0, 0.5, 0.0, -0.5, -1.0])
FIELD = {
    "confidence": st.sampled_from([NAN, 0.0, 0.4, 0.62, 1.0]),
    "stop": st.sampled_from([NAN, 90.0, 95.0, 100.0, math.nextafter(100.0, 0.0)]),
    "take": st.sampled_from([NAN, 95.0, 100.0, 105.0, 110.0, 1e300]),
    "keep": st.sampled_from([NAN, 0.25]),
    "limit": st.sampled_from([NAN, 99.0]),
    "trigger": st.sampled_from([NAN, 101.0]),
}


@st.composite
def cases(draw, at_least=1):
    """One to four strategies that state some of the fields, over 0 to 10 bars, and the closes."""
    bars = draw(st.integers(0, 10))
    said = []
    for _ in range(draw(st.integers(at_least, 4))):
        stated = draw(st.sets(st.sampled_from(sorted(FIELD))))
        columns = {name: draw(st.lists(FIELD[name], min_size=bars, max_size=bars)) for name in sorted(stated)}
        said.append(say(target=draw(st.lists(LEVEL, min_size=bars, max_size=bars)), **columns))
    closes = draw(st.lists(st.sampled_from([97.0, 100.0, 102.0]), min_size=bars, max_size=bars))
    return said, closes


METHOD = st.sampled_from(sorted(METHODS))


def value(signals, name, t):
    column = getattr(signals, name)
    return NAN if column is None else float(column[t])


def slow_score(signals, close, t, method) -> int:
    level, stop, take = (value(signals, name, t) for name in ("target", "stop", "take"))
    number = 0.0
    if method == "confidence":
        stated = value(signals, "confidence", t)
        number = 0.0 if math.isnan(stated) else stated
        if signals.confidence is None and level > 0:
            number = 1.0
    elif method == "reward_risk" and level > 0 and stop < close < take:
        number = min((take - close) / (close - stop), 1000.0)
    return math.floor(number * 100_000_000 + 0.5)


def slow(said, closes, method):
    """Winner, winner's row and lost wishes of every bar, from the beginning, as one would explain them."""
    standing = [(NAN, 0)] * len(said)
    winner, told = -1, []
    for t, close in enumerate(closes):
        for k, one in enumerate(said):
            if not math.isnan(one.target[t]):
                standing[k] = float(one.target[t]), slow_score(one, close, t, method)
        wishes = {k: (score, level > 0, -k) for k, (level, score) in enumerate(standing) if level < 0 or level > 0}
        if wishes:
            winner = max(wishes, key=wishes.__getitem__)
        level = standing[winner][0] if winner >= 0 else NAN
        row = {name: value(said[winner], name, t) if winner >= 0 else NAN for name in FIELDS}
        if math.isnan(row["target"]) and level < 0:
            row["target"] = level
        if winner >= 0 and said[winner].confidence is None:
            row["confidence"] = 1.0
        lost = {k for k in wishes if standing[k][0] != level}
        told.append((winner, row, lost, [score for _, score in standing]))
    return told


@given(cases(at_least=2), METHOD)
def test_winner_and_signals_are_those_of_a_plain_walk_over_the_bars(case, method) -> None:
    said, closes = case
    result = combined(said, method, closes)
    told = slow(said, closes, method)
    assert result.winner.tolist() == [winner for winner, *_ in told]
    assert result.winner.dtype == np.int64
    for name in FIELDS:
        column = getattr(result.signals, name)
        if all(getattr(one, name) is None for one in said):
            assert column is None
        else:
            np.testing.assert_array_equal(column, [row[name] for _, row, *_ in told], err_msg=name)
    # What comes out is what a strategy may say.
    same(checked(result.signals, len(closes)), result.signals)


@given(cases(at_least=2), METHOD)
def test_the_episodes_hold_every_lost_wish_once_and_are_as_long_as_can_be(case, method) -> None:
    said, closes = case
    conflicts = combined(said, method, closes).conflicts
    told = slow(said, closes, method)
    expected = {(t, winner, loser) for t, (winner, _, lost, _) in enumerate(told) for loser in lost}
    listed = [(t, one.winner, one.loser) for one in conflicts for t in range(one.first, one.last + 1)]
    assert sorted(listed) == sorted(expected)
    for one in conflicts:
        assert one.count == one.last - one.first + 1
        assert (one.last + 1, one.winner, one.loser) not in expected
        scores = told[one.first][3]
        number, limit = scores[one.winner], scores[one.loser]
        assert (float(one.number), float(one.limit)) == (number / 1e8, limit / 1e8)
        assert one.rule == ("priority" if number == limit else method)
        assert one.message.startswith(f"{NAMES[one.winner]} wants")
        assert f" {NAMES[one.winner]} wins by " in one.message
        assert f", {NAMES[one.loser]} wants" in one.message
    assert list(conflicts) == sorted(conflicts, key=lambda one: (one.first, one.loser))


@given(cases(at_least=2), METHOD, st.integers(0, 10))
def test_nothing_depends_on_a_later_bar(case, method, cut) -> None:
    said, closes = case
    whole = combined(said, method, closes)
    early = [Signals(**{name: _cut(one, name, cut) for name in FIELDS}) for one in said]
    poisoned = [Signals(**{name: _poisoned(one, name, cut) for name in FIELDS}) for one in said]
    for other in (
        combine(NAMES, early, bars_of(*closes[:cut]), method),
        combine(NAMES, poisoned, bars_of(*closes[:cut], *[1e-9] * len(closes[cut:])), method),
    ):
        assert other.winner[:cut].tolist() == whole.winner[:cut].tolist()
        same(_rows(other.signals, cut), _rows(whole.signals, cut))
        known = [(one.first, min(one.last, cut - 1), one.message) for one in whole.conflicts if one.first < cut]
        assert [(one.first, min(one.last, cut - 1), one.message) for one in other.conflicts if one.first < cut] == known


def _cut(one, name, cut):
    column = getattr(one, name)
    return None if column is None else column[:cut]


def _poisoned(one, name, cut):
    column = getattr(one, name)
    if column is None:
        return None
    return np.concatenate([column[:cut], np.full(len(column[cut:]), -1.0 if name == "target" else 1e9)])


def _rows(signals, cut):
    return Signals(**{name: _cut(signals, name, cut) for name in FIELDS})


@given(st.integers(0, 2**32 - 1), st.permutations(range(4)))
def test_with_distinct_confidences_the_order_of_strategies_does_not_matter(seed, order) -> None:
    rng = np.random.default_rng(seed)
    target = rng.choice([NAN, 1.0, 0.5, 0.0, -1.0], (4, 12))
    confidence = rng.permutation(48).reshape(4, 12) / 48
    said = [say(target=target[k], confidence=confidence[k]) for k in range(4)]
    straight = combined(said)
    shuffled = combine([NAMES[k] for k in order], [said[k] for k in order], bars_of(*[100.0] * 12), "confidence")
    assert [-1 if k < 0 else order[k] for k in shuffled.winner] == straight.winner.tolist()
    same(shuffled.signals, straight.signals)
    assert sorted(one.message for one in shuffled.conflicts) == sorted(one.message for one in straight.conflicts)


@given(cases(), METHOD)
def test_a_single_strategy_is_passed_on_as_it_is(case, method) -> None:
    said, closes = case
    result = combined(said[:1], method, closes)
    assert result.signals is said[0]
    assert result.conflicts == ()
    assert result.winner.tolist() == [winner for winner, *_ in slow(said[:1], closes, method)]


@given(cases(), METHOD)
def test_strategies_that_say_the_same_do_not_disagree(case, method) -> None:
    said, closes = case
    assert combined([said[0]] * 3, method, closes).conflicts == ()


def test_the_highest_confidence_wins_and_the_ledger_hears_why() -> None:
    # Bars 0 and 1: 0.62 beats 0.41. Bar 2: mean_reversion is at 0.7. Bar 3: it lets go.
    momentum = say(target=[1, 1, 1, 1], confidence=[0.62, 0.6, 0.62, 0.62])
    reversion = say(target=[-1, -1, -1, 0], confidence=[0.41, 0.41, 0.7, 0.9])
    result = combined([momentum, reversion])
    assert letters(result) == "a a b a"
    assert result.signals.target.tolist() == [1, 1, -1, 1]
    assert result.signals.confidence.tolist() == [0.62, 0.6, 0.7, 0.62]
    first, second = result.conflicts
    assert (first.first, first.last, first.count, first.winner, first.loser) == (0, 1, 2, 0, 1)
    assert (first.rule, first.number, first.limit) == ("confidence", "0.62", "0.41")
    assert first.message == (
        "momentum wants to hold 1 of BTC/USD with confidence 0.62, mean_reversion wants out with 0.41: "
        "momentum wins by confidence"
    )
    assert (second.first, second.last, second.count, second.winner, second.loser) == (2, 2, 1, 1, 0)
    assert second.message == (
        "mean_reversion wants out of BTC/USD with confidence 0.7, momentum wants to hold 1 with 0.62: "
        "mean_reversion wins by confidence"
    )


def test_confidence_is_read_in_1e_8_rounded_half_up() -> None:
    # 0.25 + 1/2**28 is 0.2500000037252903 exactly: 25000000.37 units, a tie with 0.25, so that the order decides;
    # 1/2**27 is 0.75 units more and rounds up to one.
    def against(more):
        return combined([say(target=[1], confidence=[0.25]), say(target=[0.5], confidence=[0.25 + more])])

    assert letters(against(2.0**-28)) == "a"
    assert against(2.0**-28).conflicts[0].rule == "priority"
    assert letters(against(2.0**-27)) == "b"
    assert against(2.0**-27).conflicts[0].number == "0.25000001"
    # 1/2**9 is 195312.5 units: half goes up.
    half = combined([say(target=[1], confidence=[2.0**-9]), say(target=[0.5], confidence=[0.0])])
    assert half.conflicts[0].number == "0.00195313"


def test_who_never_states_confidence_is_sure_of_a_purchase() -> None:
    silent, stated = say(target=[1, -1]), say(target=[0.5, 0.5], confidence=[0.99, 0.01])
    result = combined([stated, silent])
    # Bar 0: 1.0 beats 0.99. Bar 1: sure of purchases only, its wish against counts 0.
    assert letters(result) == "b a"
    # The engine reads NaN as not sure at all: what the winner means is passed on.
    assert result.signals.confidence.tolist() == [1.0, 0.01]


def test_a_confidence_that_is_not_stated_at_this_bar_counts_nothing() -> None:
    wavering, meek = say(target=[1, 1], confidence=[NAN, 0.5]), say(target=[0.5, 0.5], confidence=[0.1, 0.1])
    result = combined([wavering, meek])
    assert letters(result) == "b a"
    assert result.conflicts[0].limit == "0"


def test_the_best_reward_to_risk_wins() -> None:
    # Close 100. a: (120 - 100) / (100 - 90) = 2. b: (115 - 100) / (100 - 94) = 2.5; at bar 1 (115 - 100) / (100 - 92) =
    # 1.875.
    a = say(target=[1, 1], stop=[90, 90], take=[120, 120])
    b = say(target=[0.5, 0.5], stop=[94, 92], take=[115, 115], limit=[99, 99])
    result = combined([a, b], "reward_risk")
    assert letters(result) == "b a"
    assert result.signals.target.tolist() == [0.5, 1]
    assert result.signals.stop.tolist() == [94, 90]
    assert result.signals.take.tolist() == [115, 120]
    np.testing.assert_array_equal(result.signals.limit, [99, NAN])
    assert result.signals.confidence is None
    first, second = result.conflicts
    assert (first.rule, first.number, first.limit) == ("reward_risk", "2.5", "2")
    assert first.message == (
        "mean_reversion wants to hold 0.5 of BTC/USD with reward to risk 2.5, momentum wants to hold 1 with 2: "
        "mean_reversion wins by reward to risk"
    )
    assert (second.winner, second.number, second.limit) == (0, "2", "1.875")


@pytest.mark.parametrize(
    ("level", "stop", "take"),
    [
        (1, 100, 120),  # the stop at the close
        (1, 101, 120),
        (1, 90, 100),  # the target at the close
        (1, 90, 99),
        (1, NAN, 120),
        (1, 90, NAN),
        (-1, 90, 120),  # a wish against promises nothing of the kind
    ],
)
def test_without_stop_below_and_target_above_the_close_reward_to_risk_is_nothing(level, stop, take) -> None:
    bold, plain = say(target=[level], stop=[stop], take=[take]), say(target=[0.5])
    result = combined([plain, bold], "reward_risk")
    assert letters(result) == "a"
    assert (result.conflicts[0].number, result.conflicts[0].limit) == ("0", "0")
    # 1 to 10 is enough to win against none.
    assert letters(combined([plain, say(target=[1], stop=[90], take=[101])], "reward_risk")) == "b"


def test_reward_to_risk_is_capped_at_1000() -> None:
    # 20 / 0.01 = 2000 and 20 / 1e-14: both 1000, so that the order decides; 20 / 0.025 = 800 is less.
    hair = math.nextafter(100.0, 0.0)
    result = combined([say(target=[1], stop=[s], take=[120]) for s in (99.975, 99.99, hair)], "reward_risk")
    assert letters(result) == "b"
    # The third wants the same as the second; nobody disagrees on the level, only on its price.
    assert result.conflicts == ()
    other = combined(
        [say(target=[0.5], stop=[99.975], take=[120]), say(target=[1], stop=[hair], take=[1e308])], "reward_risk"
    )
    assert (other.conflicts[0].number, other.conflicts[0].limit) == ("1000", "800")


def test_by_priority_the_earlier_wish_wins_whatever_its_confidence() -> None:
    a, b = say(target=[0, 1, 1, 0], confidence=[0.1] * 4), say(target=[0.5] * 4, confidence=[0.9] * 4)
    result = combined([a, b], "priority")
    assert letters(result) == "b a a b"
    (only,) = result.conflicts
    assert (only.first, only.last, only.count, only.winner, only.loser) == (1, 2, 2, 0, 1)
    assert (only.rule, only.number, only.limit) == ("priority", "0", "0")
    assert only.message == (
        "momentum wants to hold 1 of BTC/USD, mean_reversion wants to hold 0.5: momentum wins by priority"
    )


def test_a_tie_is_named_as_such() -> None:
    against, hold = say(target=[-1], confidence=[0.5]), say(target=[1], confidence=[0.5])
    (opposite,) = combined([against, hold]).conflicts
    assert (opposite.winner, opposite.rule, opposite.number, opposite.limit) == (1, "priority", "0.5", "0.5")
    assert opposite.message == (
        "mean_reversion wants to hold 1 of BTC/USD with confidence 0.5, momentum wants out with 0.5: "
        "mean_reversion wins by priority of a wish to hold"
    )
    (levels,) = combined([hold, say(target=[0.25], confidence=[0.5])]).conflicts
    assert levels.message.endswith("mean_reversion wants to hold 0.25 with 0.5: momentum wins by priority")
    (both,) = combined([against, say(target=[-0.5], confidence=[0.4])]).conflicts
    assert both.message == (
        "momentum wants -1 of BTC/USD with confidence 0.5, mean_reversion wants -0.5 with 0.4: momentum wins by confidence"
    )


def test_the_owner_closes_its_own_and_nobody_elses() -> None:
    # a opens at bar 1 and closes at bar 3. b's out at bar 2 closes nothing; c never speaks.
    a = say(target=[NAN, 1, NAN, 0, NAN], confidence=[0.5] * 5)
    b = say(target=[0, 0, 0, 0, 0], confidence=[0.9] * 5)
    c = say(target=[NAN] * 5, confidence=[0.9] * 5)
    result = combined([a, b, c])
    assert letters(result) == "- a a a a"
    np.testing.assert_array_equal(result.signals.target, [NAN, 1, NAN, 0, NAN])
    assert result.conflicts == ()


def test_a_wish_against_that_waited_closes_what_another_let_go_of() -> None:
    # b is against from bar 0 on and says so once. When a lets go at bar 2, b has its way: NaN would keep the position.
    # At bar 4 a wish to hold of c has waited since bar 1: nothing is bought on a word said bars ago, only kept.
    a = say(target=[1, 1, 0, 0, 0], confidence=[0.9] * 5)
    b = say(target=[-1, NAN, NAN, NAN, 0], confidence=[0.5] * 5)
    c = say(target=[NAN, 1, NAN, NAN, NAN], confidence=[0.1] * 5)
    result = combined([a, b, c])
    assert letters(result) == "a a b b c"
    np.testing.assert_array_equal(result.signals.target, [1, 1, -1, -1, NAN])


def test_an_episode_ends_with_its_winner_its_loser_and_its_disagreement() -> None:
    a = say(target=[1, 1, 1, 1, 1, 1], confidence=[0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    b = say(target=[-1, -1, 1, -1, -1, 0], confidence=[0.4, 0.4, 0.4, 0.4, 0.6, 0.4])
    c = say(target=[0, 0.5, 0.5, 0.25, 0.25, 0], confidence=[0.1] * 6)
    episodes = [(one.first, one.last, one.winner, one.loser) for one in combined([a, b, c]).conflicts]
    # b: bars 0-1, then 3, then it wins at 4. c: bars 1-3 against a, another level at 3 is the same quarrel; 4 against b.
    assert episodes == [(0, 1, 0, 1), (1, 3, 0, 2), (3, 3, 0, 1), (4, 4, 1, 0), (4, 4, 1, 2)]


def test_an_unknown_method_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(UsageError, match="`confidense`") as caught:
        combine(NAMES[:1], [say(target=[1])], bars_of(100.0), "confidense")
    assert caught.value.hints == ("did you mean `confidence`?",)


@pytest.mark.timeout(60)
def test_a_million_bars_of_four_strategies_are_no_burden() -> None:
    # Half a second, and hours if any step looked at all bars for each bar. By 100 bars in turn: only a; a and b; all; none.
    parts = np.tile(np.repeat([0, 1, 2, 3], 100), 2500)
    wants = [parts < 3, (parts == 1) | (parts == 2), parts == 2, parts == 2]
    said = [say(target=want * (1.0 - k / 4), confidence=np.full(10**6, (k + 1) / 4)) for k, want in enumerate(wants)]
    result = combine(NAMES, said, bars_of(*np.full(10**6, 100.0)), "confidence")
    assert result.winner[:400:100].tolist() == [0, 1, 3, 3]
    # a against b; then a, b and c against d.
    assert len(result.conflicts) == 2500 * 4
    assert {one.count for one in result.conflicts} == {100}
