from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.candles import Candle
from core.domain.instruments import InstrumentId
from core.market.universe import Out, SymbolFacts, Universe, facts_of, outs, refresh
from core.settings.universe import UniverseSettings

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
A, B, C = (InstrumentId(f"{name}/USDT") for name in "ABC")
GOOD = SymbolFacts(daily_volume=1e7, spread_bps=2.0, listed_ms=NOW_MS - 400 * DAY_MS, volatility_pct=3.0)

SYMBOLS = st.sampled_from([InstrumentId(f"{name}/USDT") for name in "ABCDEFGH"])
MAYBE = st.none() | st.floats(0, 100)
FACTS = st.builds(SymbolFacts, MAYBE, MAYBE, st.none() | st.integers(0, NOW_MS), MAYBE)
FILTERS = st.builds(
    UniverseSettings,
    allow=st.lists(SYMBOLS | st.just("*"), min_size=1, max_size=3).map(tuple),
    deny=st.lists(SYMBOLS, max_size=3).map(tuple),
    least_daily_volume=st.none() | st.floats(0.1, 100),
    most_spread_bps=st.none() | st.floats(0.1, 100),
    most_symbols=st.none() | st.integers(1, 5),
)
TURNS = st.lists(st.tuples(st.dictionaries(SYMBOLS, FACTS), st.sets(SYMBOLS), FILTERS), max_size=8)


@settings(max_examples=40)
@given(TURNS)
def test_whatever_happens_nobody_is_lost_while_held(turns):
    universe = Universe()
    for market, held, filters in turns:
        changes = refresh(universe, market, held, filters, NOW_MS)
        after = changes.after
        assert not after.traded & after.leaving
        assert not changes.dropped & held
        assert after.traded | after.leaving | changes.dropped >= universe.traded | universe.leaving
        assert after.leaving <= held
        assert changes.joined == after.traded - universe.traded
        assert changes.left.keys() == universe.traded - after.traded
        if market:
            assert after.traded == market.keys() - outs(market, filters, NOW_MS).keys()
            assert len(after.traded) <= (filters.most_symbols if filters.most_symbols is not None else 8)
        again = refresh(after, market, held, filters, NOW_MS)
        assert (again.after, again.joined, again.left, again.dropped) == (after, frozenset(), {}, frozenset())
        universe = after


@pytest.mark.parametrize(
    ("filters", "facts", "why"),
    [
        (UniverseSettings(deny=("A/*",)), GOOD, Out.DENIED),
        (UniverseSettings(allow=("*/BTC",)), GOOD, Out.NOT_ALLOWED),
        (UniverseSettings(least_age_days=500), GOOD, Out.TOO_YOUNG),
        (UniverseSettings(least_age_days=5), SymbolFacts(), Out.TOO_YOUNG),
        (UniverseSettings(least_daily_volume=2e7), GOOD, Out.VOLUME),
        (UniverseSettings(most_spread_bps=1), GOOD, Out.SPREAD),
        (UniverseSettings(least_volatility_pct=4), GOOD, Out.VOLATILITY),
        (UniverseSettings(most_volatility_pct=2), GOOD, Out.VOLATILITY),
        (UniverseSettings(deny=("*",), least_daily_volume=2e7), GOOD, Out.DENIED),
    ],
)
def test_the_first_filter_that_keeps_out_is_named(filters, facts, why):
    assert outs({A: facts}, filters, NOW_MS) == {A: why}


def test_the_largest_volumes_stay_where_too_many_pass():
    market = {A: GOOD, B: replace(GOOD, daily_volume=2e7), C: replace(GOOD, daily_volume=None)}
    assert outs(market, UniverseSettings(most_symbols=1), NOW_MS) == {A: Out.CROWDED_OUT, C: Out.CROWDED_OUT}


def hour(number, close, volume=10.0, quote_volume=0.0):
    return Candle(number * 3_600_000, close, close, close, close, volume, quote_volume)


def test_facts_of_hours():
    closes = [100.0 * 1.01 ** (number % 2) for number in range(49)]
    facts = facts_of([hour(n, close) for n, close in enumerate(closes)], multiplier=2.0, spread_bps=1.5, listed_ms=7)
    assert facts.daily_volume == pytest.approx(20.0 * sum(closes[-24:]))
    assert facts.volatility_pct == pytest.approx(np.std(np.diff(np.log(closes)), ddof=1) * 24**0.5 * 100)
    assert (facts.spread_bps, facts.listed_ms) == (1.5, 7)
    assert facts_of([hour(0, 5.0, quote_volume=70.0)]) == SymbolFacts(70.0)
    assert facts_of([]) == SymbolFacts()


def test_what_is_not_filtered_need_not_be_known():
    assert outs({A: SymbolFacts()}, UniverseSettings(), NOW_MS) == {}


def test_a_leaver_that_is_held_is_wound_down_and_dropped_when_flat():
    first = refresh(Universe(frozenset({A, B})), {B: GOOD, C: GOOD}, {A}, UniverseSettings(), NOW_MS)
    assert (first.joined, first.left, first.dropped) == ({C}, {A: Out.UNLISTED}, frozenset())
    assert first.after == Universe(frozenset({B, C}), frozenset({A}))
    flat = refresh(first.after, {B: GOOD, C: GOOD}, set(), UniverseSettings(), NOW_MS)
    assert (flat.dropped, flat.after.leaving) == ({A}, frozenset())


def test_a_leaver_that_passes_again_is_back():
    changes = refresh(Universe(frozenset(), frozenset({A})), {A: GOOD}, {A}, UniverseSettings(), NOW_MS)
    assert (changes.joined, changes.after) == ({A}, Universe(frozenset({A})))


def test_a_venue_that_says_nothing_takes_nobody_out():
    before = Universe(frozenset({A}), frozenset({B}))
    assert refresh(before, {}, {B}, UniverseSettings(), NOW_MS).after == before
