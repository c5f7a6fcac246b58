import numpy as np
import pytest

from core.domain.candles import Timeframe
from core.domain.instruments import InstrumentId
from core.models.costs import Costs, Thresholds, break_even, wanted
from core.models.training.economics import drawdown, hold
from core.models.training.market import Market
from core.models.training.samples import Samples
from tests.unit.random_walks import of_closes

MINUTE = 60_000


def test_a_position_earns_from_the_next_candle_to_its_exit_and_pays_both_sides():
    window = of_closes([100, 110, 121, 121, 60.5, 60.5])
    market = Market({InstrumentId("A"): window}, Timeframe.M1)
    opens = window.open_ms
    one = Samples(opens[:1] + MINUTE, opens[2:3] + MINUTE, np.zeros((1, 0)), np.ones(1), np.zeros(1, np.int64))
    changes = market.changes(int(opens[0]), int(opens[-1]))
    held = hold(one, np.array([1.0]), changes, horizon=2)
    assert held.position[:, 0].tolist() == [0, 0.5, 0.5, 0, 0, 0]
    assert held.gross() == pytest.approx([0, 0.05, 0.05, 0, 0, 0])
    costs = Costs(fee_bps=10, slippage_bps=0)
    assert held.net(costs) == pytest.approx([0, 0.05 - 0.0005, 0.05, -0.0005, 0, 0])
    assert hold(one, np.array([-1.0]), changes, horizon=2).gross().sum() == pytest.approx(-0.1)


def test_a_gap_moves_nothing():
    window = of_closes([100, 110, 120])
    opens = window.open_ms + np.array([0, MINUTE, MINUTE])
    with_gap = Market(
        {InstrumentId("A"): type(window)(opens, *(getattr(window, n) for n in window.__slots__[1:]))}, Timeframe.M1
    )
    assert with_gap.changes(int(opens[0]), int(opens[-1])).change[:, 0] == pytest.approx([0, 0, 0.1, 120 / 110 - 1])


def test_break_even_is_where_an_average_move_pays_both_sides():
    costs = Costs(fee_bps=5, slippage_bps=5)
    found = break_even(np.array([0.01, -0.01]), costs, may_short=True)
    assert (found.long_above, found.short_below) == pytest.approx((0.6, 0.4))
    gain = 0.6 * 0.01 - 0.4 * 0.01
    assert gain == pytest.approx(2 * costs.side)
    assert break_even(np.array([1e-5, -1e-5]), costs, may_short=True) == Thresholds(1.0, 0.0), "never"
    assert break_even(np.array([]), costs, may_short=False).short_below < 0


def test_between_the_thresholds_nothing_is_wanted():
    probabilities = np.array([0.1, 0.4, 0.5, 0.6, 0.9])
    assert wanted(probabilities, Thresholds(0.6, 0.4)).tolist() == [-1, 0, 0, 0, 1]


def test_drawdown_is_the_deepest_fall():
    assert drawdown(np.array([0.5, -0.5, 0.5, -0.2])) == pytest.approx(0.5)
    assert drawdown(np.array([0.1, 0.1])) == 0
    assert drawdown(np.array([])) == 0
