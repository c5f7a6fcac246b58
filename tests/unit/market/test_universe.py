import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.domain.instruments import InstrumentId
from core.market.universe import Out, SymbolFacts, Universe, UniverseFilters, outs, refresh

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
A, B, C = (InstrumentId(f"{name}/USDT") for name in "ABC")
GOOD = SymbolFacts(volume_usd=1e7, spread_bps=2.0, listed_ms=NOW_MS - 400 * DAY_MS, volatility_pct=3.0)

SYMBOLS = st.sampled_from([InstrumentId(f"{name}/USDT") for name in "ABCDEFGH"])
MAYBE = st.none() | st.floats(0, 100)
FACTS = st.builds(SymbolFacts, MAYBE, MAYBE, st.none() | st.integers(0, NOW_MS), MAYBE)
FILTERS = st.builds(
    UniverseFilters,
    allow=st.lists(SYMBOLS | st.just("*"), max_size=3).map(tuple),
    deny=st.lists(SYMBOLS, max_size=3).map(tuple),
    least_volume_usd=MAYBE,
    most_spread_bps=MAYBE,
    most_symbols=st.none() | st.integers(0, 5),
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
        (UniverseFilters(deny=("A/*",)), GOOD, Out.DENIED),
        (UniverseFilters(allow=("*/BTC",)), GOOD, Out.NOT_ALLOWED),
        (UniverseFilters(least_age_days=500), GOOD, Out.TOO_YOUNG),
        (UniverseFilters(least_age_days=5), SymbolFacts(), Out.TOO_YOUNG),
        (UniverseFilters(least_volume_usd=2e7), GOOD, Out.VOLUME),
        (UniverseFilters(most_spread_bps=1), GOOD, Out.SPREAD),
        (UniverseFilters(least_volatility_pct=4), GOOD, Out.VOLATILITY),
        (UniverseFilters(most_volatility_pct=2), GOOD, Out.VOLATILITY),
        (UniverseFilters(most_symbols=0), GOOD, Out.CROWDED_OUT),
        (UniverseFilters(deny=("*",), least_volume_usd=2e7), GOOD, Out.DENIED),
    ],
)
def test_the_first_filter_that_keeps_out_is_named(filters, facts, why):
    assert outs({A: facts}, filters, NOW_MS) == {A: why}


def test_what_is_not_filtered_need_not_be_known():
    assert outs({A: SymbolFacts()}, UniverseFilters(), NOW_MS) == {}


def test_a_leaver_that_is_held_is_wound_down_and_dropped_when_flat():
    first = refresh(Universe(frozenset({A, B})), {B: GOOD, C: GOOD}, {A}, UniverseFilters(), NOW_MS)
    assert (first.joined, first.left, first.dropped) == ({C}, {A: Out.UNLISTED}, frozenset())
    assert first.after == Universe(frozenset({B, C}), frozenset({A}))
    flat = refresh(first.after, {B: GOOD, C: GOOD}, set(), UniverseFilters(), NOW_MS)
    assert (flat.dropped, flat.after.leaving) == ({A}, frozenset())


def test_a_leaver_that_passes_again_is_back():
    changes = refresh(Universe(frozenset(), frozenset({A})), {A: GOOD}, {A}, UniverseFilters(), NOW_MS)
    assert (changes.joined, changes.after) == ({A}, Universe(frozenset({A})))


def test_a_venue_that_says_nothing_takes_nobody_out():
    before = Universe(frozenset({A}), frozenset({B}))
    assert refresh(before, {}, {B}, UniverseFilters(), NOW_MS).after == before
