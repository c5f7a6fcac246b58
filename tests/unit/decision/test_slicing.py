"""Which intents become parents."""

from decimal import Decimal

import pytest
from pydantic import ValidationError

from core.decision.slicing import sliced
from core.domain.orders import OrderType, TimeInForce
from core.domain.slicing import MissedSlices, RestRule, SliceStyle
from core.settings.slicing import SlicingSettings
from tests.unit.instruments import quote
from tests.unit.risk.orders import BTC, entry, exit_

TOUCH = quote("99.99", "100.01")
TWAP = SlicingSettings(entries="twap", exits="twap", above_usd=Decimal(1_000), missed="skip", at_once=2)


def test_small_intents_and_unasked_for_ones_stay_whole() -> None:
    for made, settings in ((entry(1, "9"), TWAP), (entry(1, "90"), SlicingSettings()), (exit_(1, "9"), TWAP)):
        assert sliced(made, BTC, TOUCH, settings) is made


def test_large_entries_and_exits_are_sliced_on_the_stated_terms() -> None:
    terms = sliced(entry(1, "10"), BTC, TOUCH, TWAP).slicing
    assert terms is not None
    assert (terms.style, terms.slices, terms.duration_ns) == (SliceStyle.TWAP, 20, 600_000_000_000)
    assert (terms.missed, terms.rest, terms.at_once) == (MissedSlices.SKIP, RestRule.LEAVE, 2)
    out = sliced(exit_(1, "10"), BTC, None, TWAP).slicing
    assert out is not None
    assert out.rest is RestRule.MARKET


def test_an_iceberg_rests_at_the_touch_of_its_own_side_and_shows_a_share() -> None:
    made = sliced(entry(1, "10"), BTC, TOUCH, replace_style(TWAP, "iceberg"))
    (leg,) = made.legs
    assert (leg.order_type, leg.price, leg.time_in_force) == (OrderType.LIMIT, Decimal("99.99"), TimeInForce.GTC)
    assert made.slicing is not None
    assert (made.slicing.visible, made.slicing.slices) == (2, 5)
    market = entry(1, "10", price=None)
    assert sliced(market, BTC, None, replace_style(TWAP, "iceberg")) is market


def test_slices_too_close_together_are_a_bad_setting_in_clear_words() -> None:
    with pytest.raises(ValidationError, match=r"20 slices in 10 s are less than 1 s apart; wanted fewer .* at most 10"):
        SlicingSettings(duration_s=10)


def replace_style(settings: SlicingSettings, style: str) -> SlicingSettings:
    return SlicingSettings.model_validate({**settings.model_dump(), "entries": style})
